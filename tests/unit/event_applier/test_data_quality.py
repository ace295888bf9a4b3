"""Which vital signs are flagged; nothing else is, and nothing is refused for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lifeline.services.event_applier import observing
from lifeline.services.event_applier.batch import batch_of
from lifeline.services.event_applier.data_quality import flags_of
from lifeline.services.event_applier.observing import observed
from lifeline.services.shared.observations import observation_of
from lifeline.services.shared.vital_signs import vital_signs
from tests.integration.datapath.log_records import event_body, event_record

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RATE = {"value": 80, "code": "/min"}


def body(quantity: Any = RATE, loinc: str = "8867-4", **fields: Any) -> dict[str, Any]:
    found = {
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
        "effectiveDateTime": "2026-11-21T11:00:00Z",
        "valueQuantity": quantity,
        **fields,
    }
    return {name: value for name, value in found.items() if value is not None}


def flags(payload: dict[str, Any]) -> list[tuple[str, str]]:
    observation = observation_of(json.dumps(payload).encode(), AT)
    assert observation is not None
    return list(flags_of(observation))


@pytest.mark.parametrize("loinc", sorted(vital_signs()))
def test_limits_are_inclusive_for_each_code_and_unit(loinc: str) -> None:
    for unit, (low, high) in vital_signs()[loinc].units.items():
        for value in (low, high, (low + high) / 2):
            assert flags(body({"value": value, "code": unit}, loinc)) == []
        for value in (low - 0.01, high + 0.01):
            assert flags(body({"value": value, "code": unit}, loinc)) == [(loinc, "implausible")]


@pytest.mark.parametrize(
    ("payload", "flag"),
    [
        (body({"value": 80, "code": "Hz"}), "other-unit"),
        (body({"value": 80, "unit": "/min"}), "no-unit"),
        (body({"code": "/min"}), "no-value"),
        (body(None, dataAbsentReason={"text": "lead off"}), "no-value"),
        (body(effectiveDateTime=None), "no-time"),
        (body(effectiveDateTime="2026-11"), "no-time"),
        (body(status="entered-in-error", effectiveDateTime=None), ""),
        (body(status="cancelled", valueQuantity=None), ""),
        (body({"value": 9_999, "code": "?"}, "1-8"), ""),
    ],
)
def test_what_is_missing_or_odd_is_named(payload: dict[str, Any], flag: str) -> None:
    assert flags(payload) == ([("8867-4", flag)] if flag else [])


def test_a_batch_counts_what_it_saw() -> None:
    payloads = [body(), body({"value": 999, "code": "/min"}), body({"value": 1}), body(None)]
    records = [event_record(n, event_body(n, payload=one)) for n, one in enumerate(payloads)]
    found = observed(batch_of(records).envelopes)
    assert (found.seen, found.incomplete, found.implausible) == (4, 2, 1)


@pytest.mark.parametrize("changes", [{"eventType": "PatientAdmittedEvent"}, {"occurredOn": "no"}])
def test_other_events_are_not_looked_at(changes: dict[str, Any]) -> None:
    batch = batch_of([event_record(0, event_body(0, payload=body(), **changes))])
    assert observed(batch.envelopes).seen == 0


@pytest.mark.parametrize("kind", [RecursionError, KeyError])
def test_a_defect_of_ours_stops_no_batch(
    monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    """B23: its row is stored all the same."""

    def defective(*_: object) -> None:
        raise kind("Jane-Doe")

    monkeypatch.setattr(observing, "flags_of", defective)
    records = [event_record(n, event_body(n, payload=body())) for n in range(2)]
    assert observed(batch_of(records).envelopes).seen == 2
