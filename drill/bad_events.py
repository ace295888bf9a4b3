"""Hand-picked bad events: each must be refused in the right place, and its neighbours must be stored."""

from __future__ import annotations

from typing import Any

import orjson

from drill.envelope import Event, IdSource, digest_of, instant, parsed
from drill.recordings_feed import HEART_RATE, observation

OVERSIZE_BYTES = 1024 * 1024 + 64 * 1024
REFUSED_BY_API = "oversize"
"""The label of the one that is refused before acceptance (413)."""

EXPECTED_REASONS: dict[str, frozenset[str]] = {
    "malformed": frozenset({"malformed", "schema"}),
    "unknown-type": frozenset({"unknown-type"}),
    "wrong-version": frozenset({"wrong-version"}),
    "bad-time": frozenset({"bad-time", "schema"}),
}
"""Label → the reasons of `error.dlq` that are right for it (contract: topics)."""


def bad_events(publisher: str, first_number: int, occurred_us: int, seed: int) -> list[Event]:
    """One of each kind, every one of a patient of its own."""
    ids = IdSource(seed)
    made = []
    for offset, label in enumerate((*EXPECTED_REASONS, REFUSED_BY_API)):
        patient = f"{publisher}-patient-bad-{label}"
        body = _sound(ids(), publisher, patient, first_number + offset, occurred_us)
        _spoil(body, label)
        raw = orjson.dumps(body)
        made.append(
            Event(
                number=first_number + offset,
                event_id=str(body.get("eventId", "")),
                occurred_us=occurred_us,
                aggregate_id=patient,
                sequence=1,
                raw=raw,
                digest=digest_of(parsed(raw)),
                label=label,
            )
        )
    return made


def _sound(
    event_id: str, publisher: str, patient: str, number: int, occurred_us: int
) -> dict[str, Any]:
    occurred_on = instant(occurred_us)
    return {
        "eventId": event_id,
        "eventType": "ObservationRecordedEvent",
        "aggregateId": patient,
        "aggregateType": "Patient",
        "occurredOn": occurred_on,
        "version": 1,
        "sequence": 1,
        "payload": observation(HEART_RATE, 61.0, patient, occurred_on),
        "metadata": {
            "correlationId": event_id,
            "causationId": event_id,
            "traceId": event_id,
            "userId": publisher,
            "publisherId": publisher,
            "publisherSequence": number,
        },
    }


def _spoil(body: dict[str, Any], label: str) -> None:
    if label == "malformed":
        patient = body["aggregateId"]
        body.clear()
        body.update({"aggregateId": patient, "note": "no envelope at all"})
    elif label == "unknown-type":
        body["eventType"] = "WeatherReportedEvent"
    elif label == "wrong-version":
        body["version"] = 99
    elif label == "bad-time":
        body["occurredOn"] = body["occurredOn"].replace("Z", "123Z")
    elif label == REFUSED_BY_API:
        body["payload"]["note"] = [{"text": "x" * OVERSIZE_BYTES}]
    else:
        raise ValueError(f"no such bad event: {label!r}")
