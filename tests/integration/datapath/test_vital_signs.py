"""A patient's newest vital signs, corrected, in whatever order events and corrections are applied."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import psycopg
import pytest

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.services.event_applier.batch import batch_of
from lifeline.services.event_applier.observing import KEPT_READINGS
from lifeline.services.event_applier.store import Applied, Store
from lifeline.services.query_api.event_lookup import EventLookup
from lifeline.services.shared.serving_guard import ServingGuard
from tests.integration.datapath.applying import HOME, region_settings
from tests.integration.datapath.log_records import START, event_body, event_record

Sql = Callable[..., list[Any]]
HEART_RATE, SYSTOLIC, DIASTOLIC, TEMPERATURE = "8867-4", "8480-6", "8462-4", "8310-5"


@pytest.fixture
def store(connection: psycopg.Connection[Any], serve_here: Callable[..., None], sql: Sql) -> Store:
    serve_here()
    guard = ServingGuard(HOME, 20.0)
    guard.epoch = 1
    return Store(connection, HOME, guard)


@pytest.fixture
def lookup(database: DatabaseAddress) -> EventLookup:
    return EventLookup(database, region_settings(), workers=1)


def code(loinc: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://loinc.org", "code": loinc}]}


def quantity(value: float, unit: str = "/min") -> dict[str, Any]:
    return {"value": value, "code": unit, "system": "http://unitsofmeasure.org"}


def when(second: int) -> str:
    return (START + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")


def rate(n: int, value: float, *, at: int | None = None, **fields: Any) -> dict[str, Any]:
    """Event `n` with a heart rate, measured at second `at` (by default `n`)."""
    payload = {
        "status": "final",
        "code": code(HEART_RATE),
        "effectiveDateTime": when(n if at is None else at),
        "valueQuantity": quantity(value),
    }
    return event_body(n, payload=payload | fields, occurredOn=when(n))


def apply(store: Store, *bodies: dict[str, Any]) -> Applied:
    records = [event_record(n, body) for n, body in enumerate(bodies)]
    return store.apply(batch_of(records), heartbeat=False)


def shown(lookup: EventLookup, patient: str = "p-1") -> dict[str, Any]:
    status, body = lookup.vital_signs(f"{patient}/vital-signs")
    assert status == 200
    found = orjson.loads(orjson.dumps(body))
    assert found["patientId"] == patient
    return {one["code"]: one for one in found["vitalSigns"]}


def value(lookup: EventLookup, loinc: str = HEART_RATE) -> Any:
    return shown(lookup).get(loinc, {}).get("value")


def test_the_newest_measured_value_counts_not_the_newest_event(
    store: Store, lookup: EventLookup
) -> None:
    apply(store, rate(1, 61), rate(2, 62))
    apply(store, rate(3, 50, at=-3_600))  # an edge drains what it held back
    assert value(lookup) == 62
    assert shown(lookup, "p-2") == {}


def test_a_panel_gives_the_values_of_its_components(store: Store, lookup: EventLookup) -> None:
    panel = {
        "status": "final",
        "code": code("85354-9"),
        "effectiveDateTime": when(1),
        "component": [
            {"code": code(SYSTOLIC), "valueQuantity": quantity(120, "mm[Hg]")},
            {"code": code(DIASTOLIC), "valueQuantity": quantity(80, "mm[Hg]")},
        ],
    }
    apply(store, event_body(1, payload=panel, occurredOn=when(1)), rate(2, 61))
    assert {name: one["value"] for name, one in shown(lookup).items()} == {
        SYSTOLIC: 120, DIASTOLIC: 80, HEART_RATE: 61,
    }  # fmt: skip
    taken_back = event_body(3, payload=panel | {"status": "entered-in-error"}, occurredOn=when(3))
    apply(store, taken_back)
    assert set(shown(lookup)) == {SYSTOLIC, DIASTOLIC, HEART_RATE}, "it names nothing"


def test_every_digit_is_shown_as_it_was_written(store: Store, lookup: EventLookup) -> None:
    record = event_record(0, rate(1, 61))
    record = record._replace(value=record.value.replace(b'"value": 61', b'"value": 61.50'))
    store.apply(batch_of([record]), heartbeat=False)
    _, body = lookup.vital_signs("p-1/vital-signs")
    assert b'"value":61.50,' in orjson.dumps(body)


HISTORY = [
    rate(1, 61, id="a"),
    rate(2, 62, identifier=[{"system": "monitor", "value": "7"}]),
    rate(3, 63, id="c"),
    rate(4, 64, id="d"),
    rate(5, 99, id="d", status="entered-in-error"),
    rate(6, 65, id="c", status="corrected", at=3),
    rate(7, 66, id="c", status="amended", at=3),
]
"""The value 64 was taken back, 63 was corrected to 65 and then to 66, 62 and 61 stand."""


@pytest.mark.parametrize("seed", range(12))
def test_no_order_of_arrival_and_no_second_coming_changes_what_is_shown(
    store: Store, lookup: EventLookup, seed: int
) -> None:
    chance = random.Random(seed)
    bodies = [*HISTORY, *chance.sample(HISTORY, 3)]
    chance.shuffle(bodies)
    cut = chance.randrange(len(bodies))
    for part in (bodies[:cut], bodies[cut:]):
        apply(store, *part)
    found = shown(lookup)[HEART_RATE]
    assert (found["value"], found["status"]) == (66, "amended")
    assert found["eventId"] == HISTORY[6]["eventId"]


def test_what_is_taken_back_gives_way_to_the_one_before(store: Store, lookup: EventLookup) -> None:
    apply(store, *HISTORY)
    apply(store, rate(8, 0, id="c", status="entered-in-error"))
    assert value(lookup) == 62
    apply(store, rate(9, 0, identifier=[{"system": "monitor", "value": "7"}], status="corrected"))
    assert value(lookup) == 0, "a corrected value of 0 is a value"
    assert value(lookup, TEMPERATURE) is None


def test_nothing_is_shown_rather_than_a_value_that_was_taken_back(
    store: Store, lookup: EventLookup
) -> None:
    every = range(1, KEPT_READINGS + 3)
    apply(store, *(rate(n, 60 + n, id=f"n{n}") for n in every))
    for n in every[2:]:
        apply(store, rate(100 + n, 0, id=f"n{n}", status="entered-in-error"))
    assert shown(lookup) == {}
    apply(store, rate(200, 70))
    assert value(lookup) == 70


def test_a_corrected_value_counts_though_its_sender_s_clock_is_slow(
    store: Store, lookup: EventLookup
) -> None:
    apply(store, rate(5, 61, id="a"), rate(3, 70, id="a", status="corrected", at=5))
    assert value(lookup) == 70


def test_what_was_filed_under_another_code_moves(store: Store, lookup: EventLookup) -> None:
    moved: dict[str, Any] = {"code": code(TEMPERATURE), "valueQuantity": quantity(37, "Cel")}
    apply(store, rate(1, 60), rate(2, 37, id="a"), rate(3, 0, id="a", status="corrected", **moved))
    assert (value(lookup), value(lookup, TEMPERATURE)) == (60, 37)


def test_another_patient_s_observation_is_not_corrected(store: Store, lookup: EventLookup) -> None:
    apply(store, rate(1, 61, id="a"))
    other = rate(2, 0, id="a", status="entered-in-error") | {"aggregateId": "p-2"}
    apply(store, other)
    assert value(lookup) == 61


def test_the_same_event_with_another_content_corrects_nothing(
    store: Store, lookup: EventLookup
) -> None:
    """C9: it is kept apart, and paged; what is stored stays what is shown."""
    apply(store, rate(1, 61, id="a"), rate(2, 62, id="b"))
    changed = rate(2, 62, id="a", status="entered-in-error") | {"eventId": rate(2, 62)["eventId"]}
    assert apply(store, changed).unexpected == 1
    later = rate(2, 99, id="b", at=60)
    assert apply(store, later).unexpected == 1
    assert value(lookup) == 62
    assert lookup.find(rate(1, 61)["eventId"])[1].get("correctedBy") is None


def test_an_event_tells_what_corrected_it_and_what_is_odd(
    store: Store, lookup: EventLookup
) -> None:
    apply(store, rate(1, 61, id="a"), rate(2, 900), rate(3, 0, id="a", status="entered-in-error"))
    _, body = lookup.find(rate(1, 61)["eventId"])
    assert body["correctedBy"] == {
        "eventId": rate(3, 0)["eventId"], "status": "entered-in-error",
    }  # fmt: skip
    assert "flags" not in body
    _, body = lookup.find(rate(2, 900)["eventId"])
    assert body["flags"] == [{"code": HEART_RATE, "flag": "implausible"}]
    assert "correctedBy" not in body
    found = shown(lookup)[HEART_RATE]
    assert (found["value"], found["flags"]) == (900, ["implausible"]), "flagged, never dropped"


def test_a_row_that_is_refused_leaves_no_trace_and_the_others_do(
    store: Store, lookup: EventLookup, sql: Sql
) -> None:
    bad = rate(3, 900, id="a", status="entered-in-error") | {"eventId": "no-uuid"}
    done = apply(store, rate(1, 61, id="a"), bad, rate(2, 62))
    assert (done.inserted, done.set_aside) == (2, 1)
    assert value(lookup) == 62
    assert sql("SELECT count(*) FROM observation_correction") == [(0,)]
    assert "correctedBy" not in lookup.find(rate(1, 61)["eventId"])[1]


def test_names_and_ids_of_any_length_stop_nothing(store: Store, sql: Sql) -> None:
    wide = chr(0x4E00)
    name = [{"system": "s", "value": wide * 100_000}]
    body = rate(1, 61, identifier=name, status="corrected") | {"aggregateId": wide * 640}
    assert apply(store, body).inserted == 1
    assert sql("SELECT count(*) FROM observation_correction") == [(1,)]


@pytest.mark.parametrize("rest", ["", "p-1", "p-1/", "/vital-sign", "vital-signs"])
def test_another_path_is_none_of_ours(lookup: EventLookup, store: Store, rest: str) -> None:
    assert lookup.vital_signs(rest)[0] == 404


def test_a_region_that_may_not_serve_shows_none(
    store: Store, lookup: EventLookup, sql: Sql
) -> None:
    apply(store, rate(1, 61))
    sql("UPDATE authority SET holder = ''")
    status, body = lookup.vital_signs("p-1/vital-signs")
    assert status == 503
    assert json.dumps(body).count("61") == 0


def test_a_release_that_is_not_migrated_yet_stores_and_answers_events(
    store: Store, lookup: EventLookup, sql: Sql
) -> None:
    names = ("vital_sign", "observation_correction", "quality_flag")
    for name in names:
        sql(f"ALTER TABLE {name} RENAME TO gone_{name}")
    try:
        assert apply(store, rate(1, 61, id="a")).inserted == 1
        assert lookup.find(rate(1, 61)["eventId"])[0] == 200
        assert lookup.vital_signs("p-1/vital-signs")[0] == 503
    finally:
        for name in names:
            sql(f"ALTER TABLE gone_{name} RENAME TO {name}")
    apply(store, rate(2, 62))
    assert value(lookup) == 62
