"""What a batch's Observations are asked to write: as much as they say, and no more (B23)."""

from __future__ import annotations

import json
from typing import Any

from lifeline.services.event_applier.batch import LogRecord, batch_of
from lifeline.services.event_applier.observing import observed

LOINC = "http://loinc.org"
HEADERS: list[tuple[str, bytes]] = [
    ("origin", b"ca-central-1"), ("incarnation", b"1"), ("shard", b"s"), ("sequence", b"7"),
]  # fmt: skip


def panel(values: int) -> dict[str, Any]:
    """An Observation whose components all lack a value."""
    component = {"code": {"coding": [{"system": LOINC, "code": "8867-4"}]}}
    return {"status": "final", "component": [component] * values}


def record(payload: dict[str, Any]) -> LogRecord:
    body = {
        "eventId": "00000000-0000-4000-8000-000000000001", "eventType": "ObservationRecordedEvent",
        "aggregateId": "p", "aggregateType": "Patient", "occurredOn": "2026-01-01T00:00:00Z",
        "version": 1, "sequence": 1, "payload": payload, "metadata": {},
    }  # fmt: skip
    return LogRecord("t", 0, 0, 0, json.dumps(body).encode(), HEADERS)


def test_an_event_sends_its_payload_once_however_many_values_it_lacks() -> None:
    """With a payload for each flag, one legal event took the database longer than a transaction may."""
    found = observed(batch_of([record(panel(6_000))]).envelopes)
    (one,) = found.flagged
    assert list(zip(one["codes"], one["flags"], strict=True)) == [
        ("8867-4", "no-time"), ("8867-4", "no-value"),
    ]  # fmt: skip
    assert (found.seen, found.incomplete, found.implausible) == (6_000, 12_000, 0)
