"""C9 against a real server: the same id with another content, and sequences out of all proportion."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from lifeline.lambdas.failover.event_limits import MAX_SEQUENCE, MAX_SEQUENCE_JUMP
from lifeline.services.event_applier.batch import batch_of
from lifeline.services.event_applier.store import Applied, Store
from lifeline.services.shared.serving_guard import ServingGuard
from tests.integration.datapath.applying import HOME
from tests.integration.datapath.log_records import event_body, event_record

Sql = Callable[..., list[Any]]


@pytest.fixture
def store(connection: psycopg.Connection[Any], serve_here: Callable[..., None]) -> Store:
    serve_here()
    guard = ServingGuard(HOME, 20.0)
    guard.epoch = 1
    return Store(connection, HOME, guard)


def apply(store: Store, *bodies: dict[str, Any]) -> Applied:
    records = [event_record(n, body) for n, body in enumerate(bodies)]
    return store.apply(batch_of(records), heartbeat=False)


def counts(done: Applied) -> tuple[int, int, int]:
    return done.inserted, done.duplicates, done.unexpected


def body(sequence: int, aggregate: str = "p-1", **changes: Any) -> dict[str, Any]:
    ident = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{aggregate}/{sequence}"))
    return (
        event_body(sequence % 1_000, aggregate) | {"sequence": sequence, "eventId": ident} | changes
    )


CHANGES: dict[str, Any] = {
    "payload": {"payload": {"valueQuantity": {"value": 6}}},
    "metadata": {"metadata": {"correlationId": "d"}},
    "sequence": {"sequence": 8},
    "version": {"version": 2},
    "aggregateId": {"aggregateId": "p-2"},
    "eventType": {"eventType": "PatientAdmittedEvent"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_id_with_another_content_is_kept_and_no_duplicate(
    store: Store, sql: Sql, change: str
) -> None:
    changed = event_body(5) | CHANGES[change]
    assert counts(apply(store, event_body(5))) == (1, 0, 0)
    assert counts(apply(store, event_body(5), changed)) == (0, 1, 1)
    assert counts(apply(store, changed)) == (0, 1, 0), "kept once, however often it comes"
    [(event_id, payload)] = sql("SELECT event_id::text, payload_text FROM unexpected_event")
    assert (event_id, payload) == (changed["eventId"], changed["payload"])
    assert sql("SELECT payload_text, sequence FROM event") == [(event_body(5)["payload"], 5)]
    assert sql("SELECT sequence FROM aggregate") == [(5,)]


def test_one_digit_more_is_another_content(store: Store, sql: Sql) -> None:
    first = event_record(0, event_body(5))
    other = first._replace(value=first.value.replace(b'{"value": 5}', b'{"value": 5.0}'))
    assert first.value != other.value
    done = store.apply(batch_of([first, other]), heartbeat=False)
    assert counts(done) == (1, 0, 1)


def test_a_resend_of_what_the_release_before_stored_is_a_duplicate(store: Store, sql: Sql) -> None:
    apply(store, event_body(5))
    sql("UPDATE event SET payload_text = NULL, metadata_text = NULL")
    assert counts(apply(store, event_body(5))) == (0, 1, 0)
    assert counts(apply(store, event_body(5) | CHANGES["payload"])) == (0, 0, 1)


def held(sql: Sql, aggregate: str = "p-1") -> int:
    return int(sql("SELECT sequence FROM aggregate WHERE aggregate_id = %s", aggregate)[0][0])


def test_a_wild_sequence_is_stored_and_withheld_from_the_aggregate(store: Store, sql: Sql) -> None:
    apply(store, body(1), body(2))
    done = apply(store, body(MAX_SEQUENCE))
    assert (done.inserted, done.withheld) == (1, 1)
    assert held(sql) == 2
    [(runs,)] = sql("SELECT withheld_runs FROM aggregate")
    assert [run[:3] for run in runs] == [[MAX_SEQUENCE, MAX_SEQUENCE, 1]]
    done = apply(store, body(4), body(3))
    assert (done.inserted, done.withheld) == (2, 0)
    assert held(sql) == 4
    assert sql("SELECT count(*) FROM event") == [(5,)]
    assert sql("SELECT state -> 'valueQuantity' ->> 'value' FROM aggregate") == [("4",)]


def test_a_wild_sequence_that_comes_first_gives_way(store: Store, sql: Sql) -> None:
    assert apply(store, body(MAX_SEQUENCE)).withheld == 0
    apply(store, body(1))
    assert held(sql) == 1
    apply(store, body(2))
    assert held(sql) == 2


def test_one_low_sequence_does_not_hold_back_a_patient_far_ahead(store: Store, sql: Sql) -> None:
    ahead = 5 * MAX_SEQUENCE_JUMP
    apply(store, body(ahead), body(ahead + 1))
    assert apply(store, body(0)).withheld == 1
    apply(store, body(ahead + 2))
    assert held(sql) == ahead + 2


def test_what_fills_the_gap_brings_the_withheld_ones_back(store: Store, sql: Sql) -> None:
    jump = MAX_SEQUENCE_JUMP
    assert apply(store, body(1), body(2), body(2 + 2 * jump)).withheld == 1
    assert held(sql) == 2
    assert apply(store, body(2 + jump)).withheld == 0
    assert held(sql) == 2 + 2 * jump
    assert sql("SELECT withheld_runs, events, first_sequence FROM aggregate") == [(None, 4, 1)]


def test_an_aggregate_of_the_release_before_goes_on(store: Store, sql: Sql) -> None:
    apply(store, body(7))
    sql("UPDATE aggregate SET first_sequence = NULL, events = DEFAULT, withheld_runs = DEFAULT")
    apply(store, body(MAX_SEQUENCE), body(MAX_SEQUENCE - 1))
    assert held(sql) == 7
    apply(store, body(8))
    assert held(sql) == 8


def test_batches_in_any_cut_leave_the_same_aggregates(store: Store, sql: Sql) -> None:
    """Tame and wild patients side by side; what is followed depends on what is stored, not on how it came."""
    chance = random.Random(5)
    bodies = [event_body(n, f"p-{n % 3}") | {"sequence": n} for n in range(60)]
    for place in chance.sample(range(60), 9):
        bodies[place] |= {"sequence": MAX_SEQUENCE - chance.randint(0, 9) * 10 * MAX_SEQUENCE_JUMP}
    found = set()
    for size in (60, 7, 1):
        sql("TRUNCATE event, aggregate")
        for start in range(0, 60, size):
            apply(store, *bodies[start : start + size])
        rows = sql("SELECT aggregate_id, sequence, events FROM aggregate ORDER BY 1")
        found.add(tuple(rows))
    assert len(found) == 1
