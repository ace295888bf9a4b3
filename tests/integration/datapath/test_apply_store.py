"""Apply against a real PostgreSQL: idempotent, in order, fenced (A1, C1-C6, B13, B17)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
import pytest

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.markers import Pair
from lifeline.lambdas.failover.protocol import APPLY_LOCK
from lifeline.services.event_applier.batch import LogRecord, batch_of
from lifeline.services.event_applier.positions import read_applied
from lifeline.services.event_applier.store import Applied, NotServing, Store
from lifeline.services.shared.database import connect
from lifeline.services.shared.serving_guard import ServingGuard
from tests.integration.datapath.log_records import (
    PAIR,
    TOPIC,
    event_body,
    event_record,
    marker_record,
)

HOME, RECOVERY = "ca-central-1", "ca-west-1"
Sql = Callable[..., list[Any]]


def store_at(connection: psycopg.Connection[Any], epoch: int = 1) -> Store:
    guard = ServingGuard(HOME, 20.0)
    guard.epoch = epoch
    return Store(connection, HOME, guard)


def apply(store: Store, records: Iterable[LogRecord]) -> Applied:
    return store.apply(batch_of(records), heartbeat=True)


def test_the_same_batch_twice_stores_once(
    connection: Any, sql: Sql, serve_here: Callable[..., None]
) -> None:
    serve_here()
    store = store_at(connection)
    records = [event_record(n, event_body(n)) for n in range(50)]
    assert apply(store, records).inserted == 50
    again = apply(store, records)
    assert (again.inserted, again.duplicates) == (0, 50)
    assert sql("SELECT count(*) FROM event") == [(50,)]


def test_a_row_keeps_every_value(
    connection: Any, sql: Sql, serve_here: Callable[..., None]
) -> None:
    serve_here()
    body = event_body(7, aggregate="p\\1 é\u2028")
    apply(store_at(connection), [event_record(3, body)])
    row = sql(
        "SELECT event_id::text, aggregate_id, sequence, payload, metadata, shard_sequence, topic, "
        "applied_epoch, origin FROM event"
    )[0]
    assert row == (
        body["eventId"],
        body["aggregateId"],
        7,
        body["payload"],
        body["metadata"],
        10**50 + 3,
        TOPIC,
        1,
        HOME,
    )


def test_apply_no_follows_the_logs_order_with_duplicates_inside(
    connection: Any, sql: Sql, serve_here: Callable[..., None]
) -> None:
    serve_here()
    order = [5, 3, 9, 3, 1, 5, 2]
    apply(store_at(connection), [event_record(n, event_body(s)) for n, s in enumerate(order)])
    found = sql("SELECT sequence FROM event ORDER BY apply_no")
    assert [row[0] for row in found] == [5, 3, 9, 1, 2]


def test_aggregates_take_only_what_is_newer(
    connection: Any, sql: Sql, serve_here: Callable[..., None]
) -> None:
    serve_here()
    store = store_at(connection)

    def held() -> int:
        return int(sql("SELECT sequence FROM aggregate WHERE aggregate_id = 'p-1'")[0][0])

    apply(store, [event_record(0, event_body(5)), event_record(1, event_body(4))])
    assert held() == 5
    apply(store, [event_record(2, event_body(3))])
    assert held() == 5
    apply(store, [event_record(3, event_body(8)), event_record(4, event_body(7))])
    assert held() == 8
    assert sql("SELECT state -> 'valueQuantity' ->> 'value' FROM aggregate") == [("8",)]


def test_a_resend_with_another_content_changes_nothing(
    connection: Any, sql: Sql, serve_here: Callable[..., None]
) -> None:
    serve_here()
    store = store_at(connection)
    apply(store, [event_record(0, event_body(5))])
    changed = event_body(5) | {"sequence": 99, "payload": {"changed": True}}
    apply(store, [event_record(1, changed)])
    assert sql("SELECT sequence, state ? 'changed' FROM aggregate") == [(5, False)]


def test_an_event_without_a_day_of_its_own_lies_in_the_default_partition(
    connection: Any, sql: Sql, serve_here: Callable[..., None]
) -> None:
    serve_here()
    apply(store_at(connection), [event_record(0, event_body(1, occurredOn="2020-01-01T00:00:00Z"))])
    assert sql("SELECT tableoid::regclass::text FROM event") == [("event_default",)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE authority SET holder = 'ca-west-1'",
        "UPDATE authority SET renewed_from = clock_timestamp() - interval '20.1 s'",
        "UPDATE authority SET epoch = 0",
        "UPDATE authority SET epoch = 2",
    ],
)
def test_nothing_is_written_without_the_right_to(
    connection: Any, sql: Sql, serve_here: Callable[..., None], change: str
) -> None:
    serve_here()
    store = store_at(connection)
    apply(store, [event_record(0, event_body(1))])
    sql(change)
    with pytest.raises(NotServing) as refused:
        apply(store, [event_record(1, event_body(2)), marker_record(2, 9)])
    assert refused.value.new_epoch == change.endswith("= 2")
    assert sql("SELECT count(*) FROM event") == [(1,)]
    assert sql("SELECT count(*) FROM applied_marker") == [(0,)]


def test_fence_under_load(
    database: DatabaseAddress, sql: Sql, serve_here: Callable[..., None]
) -> None:
    """The exclusive lock waits for appliers, and after it none commits at the old epoch."""
    serve_here()
    refused: list[str] = []

    def load(number: int) -> None:
        with connect(database, purpose="load") as one:
            store = store_at(one)
            for start in range(0, 1_000_000, 100):
                rows = [
                    event_record(n, event_body(n, f"p-{number}")) for n in range(start, start + 100)
                ]
                try:
                    apply(store, rows)
                except NotServing as error:
                    refused.append(str(error))
                    return

    threads = [threading.Thread(target=load, args=(number,)) for number in range(3)]
    for one in threads:
        one.start()
    time.sleep(1.0)
    started = time.monotonic()
    with connect(database, purpose="fence") as fence, fence.transaction():
        fence.execute("SELECT pg_advisory_xact_lock(%s)", (APPLY_LOCK,))
        waited = time.monotonic() - started
        before = sql("SELECT count(*) FROM event")
        time.sleep(0.3)
        assert sql("SELECT count(*) FROM event") == before, "an applier committed inside the fence"
        fence.execute("UPDATE authority SET epoch = 2, holder = %s", (RECOVERY,))
    for one in threads:
        one.join(20)
    assert len(refused) == 3
    assert before[0][0] > 0
    assert sql("SELECT count(*) FROM event") == before
    assert waited < 3.0, "the fence was starved"


def test_markers_one_row_a_pair_and_only_forward(
    connection: Any, sql: Sql, serve_here: Callable[..., None]
) -> None:
    serve_here()
    store = store_at(connection)
    apply(store, [marker_record(0, 5), marker_record(1, 9), marker_record(2, 7)])
    apply(store, [marker_record(3, 6)])
    rows = read_applied(connection, (TOPIC, 0))
    assert [(row.pair, row.sequence, row.record_time_ms) for row in rows] == [(PAIR, 9, 1_001)]


def test_a_declared_shard_is_known_before_its_first_marker(
    connection: Any, sql: Sql, serve_here: Callable[..., None]
) -> None:
    serve_here()
    store = store_at(connection)
    apply(store, [marker_record(0, 5, shards=("shardId-0", "shardId-1"))])
    other = Pair(PAIR.origin, PAIR.incarnation, "shardId-1")
    found = {row.pair: row.sequence for row in read_applied(connection, (TOPIC, 0))}
    assert found == {PAIR: 5, other: None}
    apply(store, [marker_record(1, 3, pair=other, shards=("shardId-0", "shardId-1"))])
    found = {row.pair: row.sequence for row in read_applied(connection, (TOPIC, 0))}
    assert found == {PAIR: 5, other: 3}


def test_a_transaction_cannot_outlive_its_limit(connection: Any, sql: Sql) -> None:
    with pytest.raises(psycopg.Error):
        connection.execute("SELECT pg_sleep(6)")


def test_an_existing_window_is_extended_once(sql: Sql) -> None:
    assert sql("SELECT extend_event_partitions()") == [(0,)]
    assert sql("SELECT extend_event_partitions(36, 4)") == [(2,)]
    assert sql("SELECT extend_event_partitions(36, 4)") == [(0,)]
