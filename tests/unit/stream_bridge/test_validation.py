"""What the bridge refuses and why (C2, C3): a table of records, each wrong in one way."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder
from lifeline.lambdas.stream_bridge.validation import Accepted, Rejected, judge

SCHEMAS = load_schemas(schemas_folder())
ARRIVED = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def event(**changes: Any) -> dict[str, Any]:
    """A good observation, with changes; a value of `...` removes the field."""
    body: dict[str, Any] = {
        "eventId": "0190f2a1-0000-4000-8000-000000000001",
        "eventType": "ObservationRecordedEvent",
        "aggregateId": "patient-1",
        "aggregateType": "Patient",
        "occurredOn": "2026-11-21T11:59:59.123456Z",
        "version": 1,
        "sequence": 7,
        "payload": {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
            "subject": {"reference": "Patient/patient-1"},
            "effectiveDateTime": "2026-11-21T11:59:59Z",
            "valueQuantity": {
                "value": 61.5,
                "unit": "/min",
                "system": "http://unitsofmeasure.org",
                "code": "/min",
            },
        },
        "metadata": {"correlationId": "c", "publisherSequence": 3},
    }
    body |= changes
    return {key: value for key, value in body.items() if value is not ...}


def verdict(body: object) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return judge(raw, ARRIVED, SCHEMAS)


def test_a_good_event_goes_to_its_topic_under_its_aggregate() -> None:
    assert verdict(event()) == Accepted("clinical.observation.recorded", "patient-1")


@pytest.mark.parametrize(
    ("event_type", "payload", "topic"),
    [
        (
            "PatientAdmittedEvent",
            {"patientId": "p", "ward": "w", "admittedOn": "2026-11-21T11:00:00Z"},
            "clinical.patient.events",
        ),
        (
            "AppointmentBookedEvent",
            {
                "appointmentId": "a",
                "patientId": "p",
                "startsOn": "2026-12-01T09:00:00Z",
                "durationMinutes": 30,
            },
            "administrative.appointment.events",
        ),
    ],
)
def test_each_type_has_its_topic(event_type: str, payload: dict[str, Any], topic: str) -> None:
    assert verdict(event(eventType=event_type, payload=payload)) == Accepted(topic, "patient-1")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"{not json", "malformed", id="not-json"),
        pytest.param(b"", "malformed", id="empty"),
        pytest.param(b"\xff\xfe", "malformed", id="not-utf8"),
        pytest.param(b"[1]", "malformed", id="not-an-object"),
        pytest.param(b"[" * 100_000, "malformed", id="deep"),
        pytest.param(event(aggregateId="a\x00b"), "malformed", id="nul-character"),
        pytest.param(event(eventType="PatientMovedEvent"), "unknown-type", id="unknown-type"),
        pytest.param(event(version=3), "wrong-version", id="wrong-version"),
        pytest.param(event(version="1"), "schema", id="version-not-a-number"),
        pytest.param(event(version=True), "schema", id="version-a-boolean"),
        pytest.param(event(version=...), "schema", id="no-version"),
        pytest.param(event(eventType="lower"), "schema", id="type-not-a-name"),
        pytest.param(event(eventId="1"), "schema", id="id-not-a-uuid"),
        pytest.param(event(sequence=-1), "schema", id="negative-sequence"),
        pytest.param(event(sequence=2**63), "schema", id="sequence-beyond-bigint"),
        pytest.param(event(aggregateId=""), "schema", id="empty-aggregate"),
        pytest.param(event(aggregateId="a" * 257), "schema", id="aggregate-too-long"),
        pytest.param(event(aggregateId="a\tb"), "schema", id="control-character"),
        pytest.param(event(metadata=...), "schema", id="no-metadata"),
        pytest.param(event(payload={}), "schema", id="empty-payload"),
        pytest.param(event(occurredOn=5), "schema", id="time-not-text"),
        pytest.param(
            event(occurredOn="2026-11-21T11:59:59.1234567Z"), "bad-time", id="nanosecond-duplicate"
        ),
        pytest.param(event(occurredOn="2026-11-21T11:59:60Z"), "bad-time", id="leap-second"),
        pytest.param(event(occurredOn="2026-11-21T24:00:00Z"), "bad-time", id="hour-24"),
        pytest.param(event(occurredOn="2026-02-30T11:59:59Z"), "bad-time", id="no-such-day"),
        pytest.param(event(occurredOn="2026-11-21T11:59:59"), "bad-time", id="no-zone"),
        pytest.param(event(occurredOn="2026-11-21 11:59:59Z"), "bad-time", id="no-T"),
        pytest.param(event(occurredOn="2026-11-21T11:59:59+20:00"), "bad-time", id="zone-too-wide"),
        pytest.param(event(occurredOn="0000-11-21T11:59:59Z"), "bad-time", id="year-zero"),
        pytest.param(event(occurredOn="0001-01-01T00:00:00Z"), "too-old", id="year-one"),
        pytest.param(event(occurredOn="2026-10-17T11:59:59Z"), "too-old", id="35-days-and-1-s"),
        pytest.param(event(occurredOn="2026-11-21T12:05:01Z"), "from-future", id="5-min-and-1-s"),
        pytest.param(event(occurredOn="9999-12-31T23:59:59Z"), "from-future", id="year-9999"),
    ],
)
def test_what_is_wrong_is_refused_with_its_reason(body: object, reason: str) -> None:
    found = verdict(body)
    assert isinstance(found, Rejected)
    assert found.reason == reason
    assert found.detail.endswith(".")


@pytest.mark.parametrize(
    "occurred_on",
    [
        "2026-11-21T12:05:00Z",
        "2026-10-17T12:00:00Z",
        "2026-11-21T11:59:59Z",
        "2026-11-21T11:59:59.1Z",
        "2026-11-21T06:59:59.12-05:00",
    ],
)
def test_times_at_the_edges_are_taken(occurred_on: str) -> None:
    assert isinstance(verdict(event(occurredOn=occurred_on)), Accepted)


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert isinstance(verdict(event(aggregateId="a\\u0000b")), Accepted)


def test_a_detail_never_quotes_the_event() -> None:
    secret = "Jane-Doe-19700101"
    found = verdict(event(metadata={"userId": [secret]}, aggregateType=secret))
    assert isinstance(found, Rejected)
    assert secret not in found.detail
