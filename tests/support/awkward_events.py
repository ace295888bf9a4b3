"""Event bodies as no sender should write them: seeded random ones, and a list of directed ones."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from lifeline.lambdas.failover.event_limits import (
    MAX_AGGREGATE_ID,
    MAX_EVENT_BYTES,
    MAX_NESTING,
    MAX_NUMBER_CHARACTERS,
    MAX_SEQUENCE,
)

PLACE = '"@@"'
NUMBERS = (
    *(
        "80.00",
        "-0",
        "-0.0",
        "0e0",
        "0.0e-5",
        "1E2",
        "1.50e+1",
        "1e308",
        "1e309",
        "1e400",
        "-1e400",
    ),
    *("5e-324", "1e-324", "1e-20000", "0e-99999", "0e99999", "1e-307", "1" * 40, "1" * 309),
    *("1" * 5_000, "0." + "3" * 200, "0." + "3" * 9_000, "0." + "3" * MAX_NUMBER_CHARACTERS),
    *("9007199254740991", "9007199254740992", "9223372036854775807", "9223372036854775808"),
    *("18446744073709551615", "18446744073709551616", "-9223372036854775809", "1.0", "2.0", "1e0"),
    *("01", "+1", ".5", "5.", "0x10", "NaN", "Infinity", "-Infinity", "1_000", "1e", "--1", "１"),
)
TEXTS = (
    *(r'"\ud800"', r'"\udc00\ud800"', r'"\ud83d\ude00"', '"\\u0000"', '"\\\\u0000"', '"\x00"'),
    *(
        '"\t"',
        '"\n"',
        r'"\t\n\r\\\"\/"',
        r'"\N"',
        r'"\\N"',
        r'"\\."',
        '"\x7f\x80"',
        '"\u2028\uffff"',
    ),
    *('"x', "'x'", '""', '"é"', r'"\u00e9"', r'"\u0022:"', '":"', '"' + "x" * 70_000 + '"'),
    *('"' + "😀" * 60 + '"', '"' + "x" * MAX_EVENT_BYTES + '"', '"\\u00"', '"\\x41"', '"\ufeff"'),
)
TIMES = (
    *("11:59:59", "11:59:60", "24:00:00", "23:59:59.9999999", "11:59:59.1", "11:59", "11:59:59,5"),
    *("11:59:59+05:60", "11:59:59+15:59", "11:59:59+16:00", "11:59:59-00:00", "11:59:59z"),
)
OTHERS = (
    *("null", "true", "false", "[]", "{}", "[[]]", '{"a":1,"a":1}', '{"a":1,"\\u0061":2}'),
    *('{"":"","":""}', "[1,]", '{"a":1,}', "{a:1}", "[1 2]", "/**/1", "", '{"a":{"b":1,"b":1}}'),
    *('{"\\u0000":1}', r'{"\ud800":1}', '{"__proto__":{}}', '[{"a":1},{"a":1}]'),
)
PLACES = (
    *("eventId", "aggregateId", "aggregateType", "sequence", "version", "payload", "metadata"),
    *("eventType", "occurredOn", "payload/status", "payload/valueQuantity/value", "metadata/note"),
)


def sound(number: int, now: datetime) -> dict[str, Any]:
    """A good observation."""
    occurred = (now - timedelta(seconds=1, microseconds=number)).isoformat()
    return {
        "eventId": f"0190f2a1-0000-4000-8000-{number:012d}",
        "eventType": "ObservationRecordedEvent",
        "aggregateId": f"patient-{number % 97}",
        "aggregateType": "Patient",
        "occurredOn": occurred,
        "version": 1,
        "sequence": number,
        "payload": {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
            "subject": {"reference": f"Patient/patient-{number % 97}"},
            "effectiveDateTime": occurred,
            "valueQuantity": {
                "value": 61.5,
                "system": "http://unitsofmeasure.org",
                "code": "/min",
            },
        },
        "metadata": {"correlationId": "c", "note": "n"},
    }


def nested(levels: int, leaf: str = "1", opening: str = '{"a":', closing: str = "}") -> str:
    """JSON text of so many levels."""
    return opening * levels + leaf + closing * levels


def with_text(body: dict[str, Any], place: str, text: str) -> bytes:
    """`body` with the JSON text at the place, which no serializer would write."""
    holder: Any = body
    *path, last = place.split("/")
    for name in path:
        holder = holder[name]
    holder[last] = "@@"
    return json.dumps(body).replace(PLACE, text, 1).encode("utf-8", "surrogatepass")


def directed(now: datetime) -> list[bytes]:
    """Each wrong, or only just right, in one way: more than 300."""
    day = now.strftime("%Y-%m-%dT")
    nests = [
        nested(levels, leaf, *brackets)
        for levels in (
            MAX_NESTING - 3,
            MAX_NESTING - 2,
            MAX_NESTING,
            254,
            255,
            1_023,
            1_025,
            40_000,
        )
        for brackets in (("[", "]"), ('{"a":', "}"))
        for leaf in ("1", '"\\u0000"')
    ]
    made = [(f"{place}", text) for place in PLACES for text in OTHERS]
    made += [("payload/valueQuantity/value", text) for text in (*NUMBERS, *TEXTS)]
    made += [
        (place, text) for place in ("sequence", "version", "metadata/note") for text in NUMBERS
    ]
    made += [
        (place, text) for place in ("metadata/note", "aggregateId", "eventId") for text in TEXTS
    ]
    made += [("metadata/note", text) for text in nests]
    made += [("occurredOn", f'"{day}{time}{zone}"') for time in TIMES for zone in ("", "Z")]
    made += [("aggregateId", f'"{"x" * n}"') for n in (MAX_AGGREGATE_ID, MAX_AGGREGATE_ID + 1)]
    made += [("sequence", str(n)) for n in (MAX_SEQUENCE, MAX_SEQUENCE + 1)]
    bodies = [with_text(sound(n, now), place, text) for n, (place, text) in enumerate(made)]
    return [*bodies, b"", b"\x00", b"\xff\xfe", b"null", b"[]", b"\xef\xbb\xbf{}", b"{", b'"a"']


def fuzzed(count: int, seed: int, now: datetime) -> Iterator[bytes]:
    """Good events with one to three changes, of values or of bytes, the same for the same seed."""
    chance = random.Random(seed)
    short = [one for one in (*NUMBERS, *TEXTS, *OTHERS) if len(one) < 1_000]
    for number in range(count):
        raw = json.dumps(sound(number, now)).encode()
        for _ in range(chance.randint(1, 3)):
            if chance.random() < 0.5:
                try:
                    body = json.loads(raw)
                    raw = with_text(body, chance.choice(PLACES), chance.choice(short))
                except (ValueError, KeyError, TypeError):
                    raw = raw[: chance.randint(0, len(raw))]
            else:
                at = chance.randint(0, len(raw))
                noise = bytes(
                    chance.choices(b'{}[]":,\\u0123456789.eE+-\x00\xff \n', k=chance.randint(0, 3))
                )
                raw = raw[:at] + noise + raw[at + chance.randint(0, 3) :]
        yield raw
