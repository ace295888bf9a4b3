"""B23: what the bridge accepts the database takes, at each edge of what is accepted."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from lifeline.lambdas.failover.event_limits import MAX_AGGREGATE_ID, MAX_NESTING, MAX_SEQUENCE
from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder
from lifeline.lambdas.stream_bridge.validation import Accepted, Rejected, judge
from lifeline.services.event_applier.batch import LogRecord, batch_of
from lifeline.services.event_applier.store import Store
from lifeline.services.shared.serving_guard import ServingGuard
from tests.integration.datapath.log_records import event_body

HOME = "ca-central-1"
SCHEMAS = load_schemas(schemas_folder())
PAYLOAD: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
    "subject": {"reference": "Patient/p-1"},
    "effectiveDateTime": "2026-11-21T11:59:59Z",
    "valueQuantity": {"value": 61.5, "system": "http://unitsofmeasure.org", "code": "/min"},
}
NUMBERS = (0, -0.0, 5e-324, 2.2e-308, 1.7976931348623157e308, 2**64 - 1, -(2**63), 10**300)
TEXTS = ("", "\\u0000", "\\", "\\N", "\\.", "\x01\x1f\x7f", "\t\r\n", "\u2028\ufffe\uffff", "😀")


def nested(opening: str, closing: str, levels: int) -> Any:
    return json.loads(opening * levels + "1" + closing * levels)


def edges() -> list[dict[str, Any]]:
    """Each is accepted only just. `now` is the arrival: the wire's offset changes no instant."""
    day = datetime.now(UTC).strftime("%Y-%m-%dT00:00:00")
    inside = MAX_NESTING - 2  # the event is level 1, payload and metadata are 2
    changes: list[dict[str, Any]] = [
        {"sequence": 0},
        {"sequence": MAX_SEQUENCE},
        {"eventId": "ABCDEFAB-CDEF-ABCD-EFAB-CDEFABCDEFAB"},
        {"aggregateId": "😀" * MAX_AGGREGATE_ID, "aggregateType": "P" * 100},
        {"aggregateId": "\\."},
        {"aggregateId": "\\N"},
        {"aggregateId": "\x80\u2028 \u00a0"},
        *({"occurredOn": day + zone} for zone in ("Z", "+00:00", "-00:00", "+15:59", "+05:59")),
        *({"occurredOn": f"{day}.{digits}Z"} for digits in ("0", "123456", "999999")),
        {"payload": PAYLOAD | {"x": nested('{"a":', "}", inside)}},
        {"payload": PAYLOAD | {"x": nested("[", "]", inside)}},
        {"metadata": {"x": nested("[", "]", inside)}},
        {"metadata": {"numbers": NUMBERS, "texts": TEXTS}},
        {"metadata": {text: number for text, number in zip(TEXTS, NUMBERS, strict=False)}},
        {"metadata": {"": {"": [[], {}, None, True, False]}}},
        {"metadata": {f"k{n}": "x" * 100 for n in range(8_000)}},
    ]
    return [
        event_body(number, aggregate=f"edge-{number}", payload=PAYLOAD) | change
        for number, change in enumerate(changes)
    ]


def judged(body: dict[str, Any]) -> Accepted | Rejected:
    return judge(json.dumps(body).encode(), datetime.now(UTC), SCHEMAS)


def record(offset: int, body: dict[str, Any], topic: str) -> LogRecord:
    headers = [("origin", b"r"), ("incarnation", b"1"), ("shard", b"s"), ("sequence", b"9")]
    return LogRecord(topic, 0, offset, 0, json.dumps(body).encode(), headers)


def test_what_the_bridge_only_just_accepts_is_stored(
    connection: Any, sql: Callable[..., list[Any]], serve_here: Callable[..., None]
) -> None:
    serve_here()
    guard = ServingGuard(HOME, 20.0)
    guard.epoch = 1
    store = Store(connection, HOME, guard)
    for offset, body in enumerate(edges()):
        verdict = judged(body)
        assert isinstance(verdict, Accepted), (offset, verdict)
        batch = batch_of([record(offset, body, verdict.topic)])
        assert batch.unreadable == []
        assert store.apply(batch, heartbeat=False).inserted == 1, offset
    assert sql("SELECT count(*) FROM event") == [(len(edges()),)]
    assert sql("SELECT count(*) FROM aggregate") == [(len(edges()),)]


@pytest.mark.parametrize(
    "column",
    [
        pytest.param("'2.0'::text::smallint", id="fraction"),
        pytest.param("'1e0'::text::bigint", id="exponent"),
        pytest.param("'2026-11-21T11:59:59+05:60'::timestamptz", id="offset-minutes"),
        pytest.param("'2026-11-21T11:59:59+16:00'::timestamptz", id="offset-hours"),
        pytest.param('\'{"a": "\\u0000"}\'::jsonb', id="nul"),
        pytest.param("'1e-20000'::jsonb", id="tiny"),
        pytest.param("'0e-99999'::jsonb", id="zero-with-an-exponent"),
        pytest.param("'1e200000'::jsonb", id="huge"),
        pytest.param("('0.' || repeat('1', 20000))::jsonb", id="many-digits"),
    ],
)
def test_what_the_bridge_refuses_for_its_sake_the_database_refuses(
    connection: Any, column: str
) -> None:
    """The reason for each refusal: when the database takes it, the bridge need not refuse it."""
    with pytest.raises(psycopg.DataError):
        connection.execute(f"SELECT {column}")
