"""What the read side takes from an Observation: when, what, under which names, digit by digit."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.services.shared.observations import (
    CORRECTIONS,
    Observation,
    Quantity,
    observation_of,
    sortable,
)
from lifeline.services.shared.vital_signs import read_table, vital_signs

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LOINC = "http://loinc.org"


def code(*codes: str, system: str = LOINC) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": one} for one in codes]}


def read(text: str | None = None, **fields: Any) -> Observation:
    body = {"resourceType": "Observation", "status": "final", "code": code("8867-4"), **fields}
    found = observation_of((text or json.dumps(body)).encode(), AT)
    assert found is not None
    return found


def test_digits_stay_as_they_were_written() -> None:
    text = '{"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8310-5"}]},'
    text += '"valueQuantity":{"value": 37.10,"unit":"C","code":"Cel"}}'
    assert read(text).quantities == (Quantity("8310-5", None, "37.10", "C", "Cel"),)


def test_a_panel_gives_its_components_and_no_value_of_its_own() -> None:
    parts = [
        {"code": code("8480-6"), "valueQuantity": {"value": 120, "code": "mm[Hg]"}},
        {"code": code("8462-4"), "dataAbsentReason": {"text": "not asked"}},
    ]
    found = read(code=code("85354-9"), component=parts)
    assert found.quantities == (
        Quantity("8480-6", 0, "120", "", "mm[Hg]"),
        Quantity("8462-4", 1, "", "", ""),
    )


def test_every_loinc_code_counts_and_no_other() -> None:
    both = {"coding": [*code("8310-5", "8331-1")["coding"], *code("x", system="local")["coding"]]}
    found = read(code=both, valueQuantity={"value": 37})
    assert [one.code for one in found.quantities] == ["8310-5", "8331-1"]


@pytest.mark.parametrize(
    ("fields", "measured"),
    [
        ({"effectiveDateTime": "2026-11-21T13:30:00+02:00"}, AT - timedelta(minutes=30)),
        ({"effectiveInstant": "2026-11-21T11:00:00.5Z"}, AT - timedelta(seconds=3599.5)),
        (
            {"effectivePeriod": {"start": "2026-11-21T10:00:00Z", "end": "2026-11-21T11:00:00Z"}},
            AT - timedelta(hours=1),
        ),
        ({"effectivePeriod": {"start": "2026-11-21T10:00:00Z"}}, AT - timedelta(hours=2)),
        ({"effectiveDateTime": "2026-11-21T12:05:00Z"}, AT + timedelta(minutes=5)),
    ],
)
def test_the_time_is_when_it_was_measured(fields: dict[str, Any], measured: datetime) -> None:
    found = read(**fields)
    assert (found.measured, found.timed) == (measured, True)


@pytest.mark.parametrize(
    "text",
    [
        "2026", "2026-11", "2026-11-21", "2026-11-21T11:00:00", "2026-11-21T12:05:01Z",
        "2099-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", "soon",
    ],
)  # fmt: skip
def test_a_time_that_orders_nothing_gives_way_to_the_events(text: str) -> None:
    found = read(effectiveDateTime=text)
    assert (found.measured, found.timed) == (AT, False)


def test_names_are_shared_by_id_or_by_any_identifier() -> None:
    one = read(id="a", identifier=[{"system": "s", "value": "1"}, {"value": "2"}, {"system": "s"}])
    other = read(id="b", identifier=[{"system": "s", "value": "1"}])
    assert len(one.names) == 3
    assert len(set(one.names) & set(other.names)) == 1
    assert set(one.names) & set(read(identifier=[{"value": "a"}]).names) == set()
    assert read().names == ()
    long = read(identifier=[{"value": "x" * 100_000}])
    assert [len(name) for name in long.names] == [32], "a name must fit into an index"


@pytest.mark.parametrize("status", ["final", "preliminary", *sorted(CORRECTIONS)])
def test_three_statuses_correct(status: str) -> None:
    assert read(status=status).corrects is (status in CORRECTIONS)


@pytest.mark.parametrize("payload", ["", "[]", '{"code": 1}', '{"component": {}}', '{"id": 5}'])
def test_what_is_no_observation_says_nothing(payload: str) -> None:
    assert observation_of(payload.encode(), AT) is None


def test_times_sort_as_text() -> None:
    times = [AT - timedelta(days=36_500), AT, AT + timedelta(microseconds=1), AT.replace(year=4000)]
    assert sorted(map(sortable, times)) == [sortable(one) for one in times]
    assert {len(sortable(one)) for one in times} == {17}


def test_the_table_names_every_vital_sign_of_the_profile() -> None:
    assert {"8867-4", "9279-1", "2708-6", "8310-5", "8480-6", "8462-4"} <= set(vital_signs())


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"name": "x", "units": {}}, "needed is at least one"),
        ({"name": "x", "units": {"%": [100, 0]}}, "a lower and an upper"),
        ({"name": "x", "units": {"%": [100]}}, "a lower and an upper"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(row: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_table(json.dumps({"vital_signs": {"1-1": row}}))
