"""The two ways into `event`: copied or staged, the same rows are left, whatever comes between."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.event_limits import MAX_SEQUENCE_JUMP
from lifeline.services.event_applier import inserting
from lifeline.services.event_applier import store as store_module
from lifeline.services.event_applier.batch import LogRecord, batch_of
from lifeline.services.event_applier.copy_choice import CopyChoice
from lifeline.services.event_applier.store import Applied, Store
from lifeline.services.shared.database import connect
from lifeline.services.shared.serving_guard import ServingGuard
from tests.integration.datapath.applying import HOME
from tests.integration.datapath.engines import until
from tests.integration.datapath.log_records import (
    START,
    event_body,
    event_record,
    heart_rate,
    marker_record,
)

Sql = Callable[..., list[Any]]
TABLES = {
    "event": "occurred_on, event_id, event_type, aggregate_type, aggregate_id, sequence, version, "
    "payload::text, payload_text::text, metadata::text, metadata_text::text, origin, incarnation, "
    "shard, shard_sequence, topic, applied_epoch",
    "aggregate": "aggregate_id, sequence, occurred_on, event_id, state::text, first_sequence, events, "
    "withheld_runs::text",
    "vital_sign": "aggregate_id, code, readings",
    "unexpected_event": "event_id, content, payload_text::text, sequence",
    "applied_marker": "shard, sequence",
    "dead_letter": "id, detail",
}


class AlwaysStaged(CopyChoice):
    """Never copies."""

    is_copied = False


def store_at(connection: psycopg.Connection[Any]) -> Store:
    guard = ServingGuard(HOME, 20.0)
    guard.epoch = 1
    return Store(connection, HOME, guard)


@pytest.fixture
def store(connection: psycopg.Connection[Any], serve_here: Callable[..., None]) -> Store:
    serve_here()
    return store_at(connection)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which ways were begun, in order; each does what it does."""
    begun: list[str] = []
    for name in ("copied", "staged", "what_can_be"):
        way = getattr(inserting, name)

        def spied(*given: Any, name: str = name, way: Callable[..., Any] = way) -> Any:
            begun.append(name)
            return way(*given)

        monkeypatch.setattr(store_module, name, spied)
    return begun


def records(*bodies: dict[str, Any]) -> list[LogRecord]:
    return [event_record(n, body) for n, body in enumerate(bodies)]


def apply(store: Store, *bodies: dict[str, Any]) -> tuple[int, int, int]:
    done = store.apply(batch_of(records(*bodies)), heartbeat=False)
    return done.inserted, done.duplicates, done.unexpected


def held(sql: Sql) -> dict[str, list[Any]]:
    """All that the applier keeps, without the order and the moment of storing."""
    return {
        name: sorted(sql(f"SELECT {columns} FROM {name}"), key=repr)
        for name, columns in TABLES.items()
    }


def test_new_events_are_copied(store: Store, sql: Sql, ways: list[str]) -> None:
    for start in (0, 50):
        assert apply(store, *map(event_body, range(start, start + 50))) == (50, 0, 0)
    assert ways == ["copied", "copied"]
    assert sql("SELECT sequence, events FROM aggregate") == [(99, 100)]


def test_one_stored_event_among_new_ones_stages_the_batch(
    store: Store, sql: Sql, ways: list[str]
) -> None:
    apply(store, event_body(1))
    assert apply(store, event_body(2), event_body(1), event_body(3)) == (2, 1, 0)
    assert ways == ["copied", "copied", "staged"]
    assert sql("SELECT sequence FROM event ORDER BY apply_no") == [(1,), (2,), (3,)]
    assert sql("SELECT sequence, events FROM aggregate") == [(3, 3)], "none counts twice"


def test_an_event_of_a_day_that_is_gone_is_not_copied(
    store: Store, sql: Sql, ways: list[str]
) -> None:
    """Its row would lie in the default partition for ever, and count a second time (B22)."""
    [(tomorrow,)] = sql(
        "SELECT ((%s::timestamptz AT TIME ZONE 'UTC')::date + 1)::text",
        event_body(1)["occurredOn"],
    )
    sql("UPDATE event_floor SET day = %s", tomorrow)
    assert apply(store, event_body(1), event_body(2, occurredOn=f"{tomorrow}T00:00:00Z")) == (
        1,
        0,
        0,
    )
    assert ways == ["copied", "staged"]
    assert sql("SELECT sequence, events FROM aggregate") == [(2, 1)]
    assert sql("SELECT count(*) FROM event") == [(1,)]
    assert sql("SELECT count(*) FROM dead_letter") == [(1,)], "nothing says that it was stored"


def test_one_event_twice_in_a_batch_is_stored_once(store: Store, sql: Sql, ways: list[str]) -> None:
    assert apply(store, event_body(1), event_body(2), event_body(1)) == (2, 1, 0)
    assert ways == ["copied", "staged"]
    assert sql("SELECT sequence, events FROM aggregate") == [(2, 2)]


def test_a_duplicate_leaves_no_patient_in_the_servers_log(
    store: Store, connection: psycopg.Connection[Any]
) -> None:
    """Of what a COPY cannot store at once, the server may log a part."""
    body = event_body(1, "A-PATIENT")
    apply(store, body)
    with pytest.raises(psycopg.errors.UniqueViolation) as met, connection.transaction():
        inserting.copied(connection, batch_of(records(event_body(2, "A-PATIENT"), body)), 1, True)
    said = met.value.diag
    assert "A-PATIENT" not in f"{said.message_primary}{said.message_detail}"
    assert re.fullmatch(r"COPY event, line \d", said.context or ""), "the line itself is not quoted"
    (line,) = batch_of(records(body)).lines
    assert "A-PATIENT" not in line[:100], "what is quoted where a default is volatile"


def test_a_late_event_changes_nothing_of_the_newest_state(
    store: Store, sql: Sql, ways: list[str]
) -> None:
    """C4, after a copy and after staging."""
    columns = "sequence, occurred_on, event_id, state, first_sequence"
    apply(store, event_body(5, payload={"it": "newest"}))
    newest = sql(f"SELECT {columns} FROM aggregate")
    assert newest[0][3] == {"it": "newest"}
    later = (START + timedelta(hours=1)).isoformat()
    apply(store, event_body(3, payload={"it": "late"}, occurredOn=later))
    apply(store, event_body(2, payload={"it": "late"}, occurredOn=later), event_body(5))
    assert ways == ["copied", "copied", *["copied", "staged"]]
    assert sql(f"SELECT {columns} FROM aggregate") == [(*newest[0][:4], 2)]
    assert sql("SELECT events FROM aggregate") == [(3,)]


def test_a_replay_is_staged_until_it_is_new_again(store: Store, sql: Sql, ways: list[str]) -> None:
    batches = [[event_body(n + m) for m in range(10)] for n in range(0, 60, 10)]
    for one in batches[:4]:
        apply(store, *one)
    del ways[:]
    for one in batches[:4]:
        assert apply(store, *one) == (0, 10, 0)
    assert ways == ["copied", *["staged"] * 4]
    for one in batches[4:]:
        assert apply(store, *one) == (10, 0, 0)
    assert apply(store, event_body(100)) == (1, 0, 0)
    assert ways[5:] == ["staged", "staged", "copied"]
    assert sql("SELECT count(*), count(DISTINCT event_id) FROM event") == [(61, 61)]


def test_the_same_id_with_another_payload_is_found_by_the_copy_and_kept(
    store: Store, sql: Sql, ways: list[str]
) -> None:
    """C9, with the other content in a batch before, and in the same one."""
    changed = event_body(1) | {"payload": {"valueQuantity": {"value": 2}}}
    apply(store, event_body(1))
    assert apply(store, event_body(2), changed) == (1, 0, 1)
    assert apply(store, *map(event_body, (3, 4))) == (2, 0, 0)
    assert apply(store, *map(event_body, (5, 6))) == (2, 0, 0)
    other = event_body(7) | {"payload": {"valueQuantity": {"value": 2}}}
    assert apply(store, event_body(7), other) == (1, 0, 1)
    assert ways == ["copied", *["copied", "staged"], "staged", "staged", *["copied", "staged"]]
    kept = sql("SELECT payload_text FROM unexpected_event ORDER BY occurred_on")
    assert kept == [(changed["payload"],), (other["payload"],)]
    assert sql("SELECT payload_text FROM event WHERE sequence IN (1, 7) ORDER BY sequence") == [
        (event_body(1)["payload"],),
        (event_body(7)["payload"],),
    ]


def test_a_row_that_the_database_refuses_is_set_aside_and_copying_goes_on(
    store: Store, sql: Sql, ways: list[str]
) -> None:
    bad = event_body(2, eventId="no-id")
    done = store.apply(batch_of(records(event_body(1), bad)), heartbeat=False)
    assert (done.inserted, done.set_aside) == (1, 1)
    assert apply(store, event_body(3)) == (1, 0, 0)
    assert ways == ["copied", "what_can_be", "copied"]


def test_of_two_events_with_one_sequence_the_later_one_is_the_aggregates(
    store: Store, sql: Sql, ways: list[str]
) -> None:
    """C4: by sequence, time and id. The texts of the times sort the other way round."""
    early = event_body(1, payload={"it": "early"}) | {"occurredOn": "2026-11-01T10:00:00+02:00"}
    late = event_body(2, payload={"it": "late"}) | {"occurredOn": "2026-11-01T09:00:00Z"}
    late["sequence"] = early["sequence"]
    for order in ([early, late], [late, early]):
        sql("TRUNCATE event, aggregate")
        apply(store, *order)
        assert sql("SELECT state ->> 'it', events FROM aggregate") == [("late", 2)]
    assert ways == ["copied", "copied"]


def test_a_wild_sequence_in_a_copied_batch_is_withheld(
    store: Store, sql: Sql, ways: list[str]
) -> None:
    wild = [event_body(n) | {"sequence": n * 3 * MAX_SEQUENCE_JUMP} for n in (5, 6)]
    apply(store, event_body(1), event_body(2))
    done = store.apply(batch_of(records(event_body(3), *wild)), heartbeat=False)
    assert (done.inserted, done.withheld) == (3, 2)
    done = store.apply(batch_of(records(event_body(4), event_body(9, "p-2"))), heartbeat=False)
    assert (done.inserted, done.withheld) == (2, 0)
    alone = event_body(10, "p-2") | {"sequence": 3 * MAX_SEQUENCE_JUMP}
    assert store.apply(batch_of(records(alone)), heartbeat=False).withheld == 1
    new = [event_body(n, "p-3") for n in (1, 2, 3)]
    new[2]["sequence"] = 3 * MAX_SEQUENCE_JUMP
    assert store.apply(batch_of(records(*new)), heartbeat=False).withheld == 1
    assert ways == ["copied"] * 5
    assert sql("SELECT aggregate_id, sequence, events FROM aggregate ORDER BY 1") == [
        ("p-1", 4, 4),
        ("p-2", 9, 1),
        ("p-3", 2, 2),
    ]


@pytest.mark.parametrize("seed", range(6))
def test_both_ways_leave_the_same(
    seed: int, connection: psycopg.Connection[Any], sql: Sql, serve_here: Callable[..., None]
) -> None:
    """Duplicates, other contents, wild and equal sequences, bad rows, in batches of any size."""
    chance = random.Random(seed)
    stream = []
    for n in range(240):
        body = event_body(n // 3, f"p-{n % 3}", payload=heart_rate(n))
        if chance.random() < 0.05:
            body["sequence"] += chance.choice([-1, 1, 5 * MAX_SEQUENCE_JUMP])
        stream.append(body)
        if chance.random() < 0.04:
            stream.append(chance.choice(stream))
        if chance.random() < 0.02:
            stream.append(chance.choice(stream) | {"payload": {"other": n}})
        if chance.random() < 0.01:
            stream.append(body | {"eventId": "no-id"})
    cuts = sorted(chance.sample(range(1, len(stream)), 25))
    batches = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    found, copies = [], 0
    for staged in (True, False):
        sql("TRUNCATE event, aggregate, vital_sign, unexpected_event, applied_marker, dead_letter")
        serve_here()
        store = store_at(connection)
        if staged:
            store._choice = AlwaysStaged()
        totals = []
        for number, bodies in enumerate(batches):
            copies += store._choice.is_copied
            batch = batch_of([*records(*bodies), marker_record(999, number)])
            totals.append(store.apply(batch, heartbeat=False))
        found.append((held(sql), totals))
    assert copies > 3
    assert found[0] == found[1]


@pytest.mark.parametrize("place", ["fold", "write", "settle"])
def test_a_crash_between_leaves_nothing_and_the_batch_comes_again(
    place: str, database: DatabaseAddress, store: Store, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = inserting if place == "fold" else store_module
    real = getattr(module, place)

    def dies(connection: psycopg.Connection[Any], *given: Any) -> Any:
        sql("SELECT pg_terminate_backend(%s, 5000)", connection.info.backend_pid)
        return real(connection, *given)

    apply(store, event_body(0))
    before = held(sql)
    wild = event_body(3) | {"sequence": 5 * MAX_SEQUENCE_JUMP}
    batch = batch_of([*records(event_body(1), event_body(2), wild), marker_record(9, 9)])
    with monkeypatch.context() as dying:
        dying.setattr(module, place, dies)
        with pytest.raises(psycopg.OperationalError):
            store.apply(batch, heartbeat=True)
    assert held(sql) == before
    with connect(database, purpose="again") as another:
        done = store_at(another).apply(batch, heartbeat=True)
    assert (done.inserted, done.duplicates, done.withheld) == (3, 0, 1)
    assert sql("SELECT sequence, events FROM aggregate") == [(2, 3)]


def test_a_copy_waits_for_another_applier_and_then_leaves_its_rows_alone(
    database: DatabaseAddress, store: Store, sql: Sql, ways: list[str]
) -> None:
    """Two tasks hold one partition for a moment: the other has stored, and not committed yet."""
    done: list[Applied] = []
    batch = batch_of(records(event_body(1), event_body(2), event_body(3)))
    with connect(database, purpose="other") as other:
        with other.transaction():
            inserting.copied(other, batch_of(records(event_body(2))), 1, True)
            waiting = threading.Thread(
                target=lambda: done.append(store.apply(batch, heartbeat=False))
            )
            waiting.start()
            until(
                "the copy waiting",
                lambda: bool(sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")),
            )
        waiting.join(10)
    assert [(one.inserted, one.duplicates) for one in done] == [(2, 1)]
    assert ways == ["copied", "staged"]
    assert sql("SELECT sequence, events FROM aggregate") == [(3, 3)]


def test_two_appliers_at_once_store_each_event_once(
    database: DatabaseAddress, sql: Sql, serve_here: Callable[..., None]
) -> None:
    """Both read the same partition, cut into batches of their own."""
    serve_here()
    bodies = [event_body(n, f"p-{n % 7}", payload=heart_rate(n)) for n in range(600)]
    inserted: list[int] = []
    begin = threading.Barrier(2)

    def load(size: int) -> None:
        with connect(database, purpose="load") as one:
            store, mine = store_at(one), 0
            begin.wait(10)
            for start in range(0, 600, size):
                batch = batch_of(records(*bodies[start : start + size]))
                for _ in range(20):
                    try:
                        mine += store.apply(batch, heartbeat=True).inserted
                        break
                    except psycopg.errors.DeadlockDetected:  # the loop tries again, too (C6)
                        continue
            inserted.append(mine)

    threads = [threading.Thread(target=load, args=(size,)) for size in (20, 33)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert sum(inserted) == 600
    assert sql("SELECT count(*), count(DISTINCT event_id) FROM event") == [(600, 600)]
    assert sql("SELECT sum(events), max(sequence) FROM aggregate") == [(600, 599)]
    together = held(sql)["aggregate"], held(sql)["vital_sign"]
    sql("TRUNCATE event, aggregate, vital_sign")
    with connect(database, purpose="alone") as alone:
        store_at(alone).apply(batch_of(records(*bodies)), heartbeat=False)
    assert together == (held(sql)["aggregate"], held(sql)["vital_sign"])
