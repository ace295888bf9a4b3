"""One event as an edge sends it: the envelope's bytes, and what the checker later compares (C2).

The bytes are made once; every resend is byte-identical. The digest covers everything of the envelope but
its id and time, in a canonical form that survives a JSON column of a database,
numbers as they are written.
"""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

EVENT_TYPE = "ObservationRecordedEvent"
DIGEST_BYTES = 8
_DIGESTED = (
    "eventType",
    "aggregateId",
    "aggregateType",
    "version",
    "sequence",
    "payload",
    "metadata",
)


@dataclass(frozen=True, slots=True)
class Event:
    """What the journal keeps of one event. `number` is the publisher's own dense sequence, from 1."""

    number: int
    event_id: str
    occurred_us: int
    aggregate_id: str
    sequence: int
    raw: bytes
    digest: str
    label: str = ""
    """Empty for an ordinary event; else which bad event this is (`malformed`, `oversize`, …)."""


class IdSource:
    """UUIDs (version 4 in form) of a seeded generator, so that a run can be repeated exactly."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def __call__(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def instant(microseconds: int) -> str:
    """Microseconds since 1970 as the envelope's `occurredOn`: UTC, six fractional digits, `Z`."""
    seconds, fraction = divmod(microseconds, 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:06d}Z"


def parsed(text: bytes | str) -> Any:
    """JSON with its numbers as they are written: 80.0 is not 80.00 (C8). Raises ValueError."""
    return json.loads(text, parse_int=written, parse_float=written)


def written(number: str) -> str:
    """A number as its digits. No text of an accepted event begins like this."""
    return f"\x00{number}"


def digest_of(body: dict[str, Any]) -> str:
    """The content of an envelope, as `parsed`, in 16 hex digits: keys sorted, so that order is no matter."""
    content = [body.get(key) for key in _DIGESTED]
    canonical = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(canonical, digest_size=DIGEST_BYTES).hexdigest()


def seal(
    *,
    number: int,
    publisher: str,
    event_id: str,
    correlation_id: str,
    aggregate_id: str,
    sequence: int,
    occurred_us: int,
    payload: dict[str, Any],
) -> Event:
    """Close an observation's envelope. `publisher` and `number` let the checker trust no hop."""
    body = {
        "eventId": event_id,
        "eventType": EVENT_TYPE,
        "aggregateId": aggregate_id,
        "aggregateType": "Patient",
        "occurredOn": instant(occurred_us),
        "version": 1,
        "sequence": sequence,
        "payload": payload,
        "metadata": {
            "correlationId": correlation_id,
            "causationId": correlation_id,
            "traceId": event_id,
            "userId": publisher,
            "publisherId": publisher,
            "publisherSequence": number,
        },
    }
    raw = orjson.dumps(body)
    return Event(
        number=number,
        event_id=event_id,
        occurred_us=occurred_us,
        aggregate_id=aggregate_id,
        sequence=sequence,
        raw=raw,
        digest=digest_of(parsed(raw)),
    )
