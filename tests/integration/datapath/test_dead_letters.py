"""C7 and C10 against a real server and a real log: one row that cannot be stored never stops the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
from lifeline.services.event_applier.batch import LogRecord, batch_of
from lifeline.services.event_applier.dead_letter_publisher import DeadLetterPublisher
from lifeline.services.event_applier.store import Applied, NotServing, Store
from lifeline.services.shared.serving_guard import ServingGuard
from tests.integration.conftest import NewLog
from tests.integration.datapath.applying import HOME, PARTITIONS, Log, applying, log_settings
from tests.integration.datapath.engines import until
from tests.integration.datapath.log_records import event_body, event_record, marker_record
from tests.support.http_server import closed_port

Sql = Callable[..., list[Any]]
Renewed = Callable[..., None]
REFUSED: dict[str, Any] = {
    "no uuid": {"eventId": "not-a-uuid"},
    "no time": {"occurredOn": "not a time"},
    "no day that exists": {"occurredOn": "2026-02-30T00:00:00Z"},
    "a version too large": {"version": 2**40},
    "a sequence too large": {"sequence": 2**63},
    "a character that no text holds": {"aggregateId": "p\x00"},
    "a payload with one": {"payload": {"text": "\x00"}},
    "an id too long for the index": {"aggregateId": "".join(chr(0x4E00 + n) for n in range(700))},
}
"""Each is read by the applier, and refused by the server."""


@pytest.fixture
def log(new_log: NewLog) -> Log:
    return Log(new_log(PARTITIONS))


@pytest.fixture
def store(connection: psycopg.Connection[Any], serve_here: Renewed) -> Store:
    serve_here()
    guard = ServingGuard(HOME, 20.0)
    guard.epoch = 1
    return Store(connection, HOME, guard)


def batch_with(bad: set[int], length: int = 7) -> list[LogRecord]:
    """Events of growing sequences; those at the places in `bad` cannot be stored."""
    return [
        event_record(n, event_body(n, **(REFUSED["no uuid"] if n in bad else {})))
        for n in range(length)
    ]


def stored(sql: Sql) -> list[int]:
    return [row[0] for row in sql("SELECT sequence FROM event ORDER BY apply_no")]


def around(store: Store, log: Log, records: list[LogRecord]) -> Applied:
    done = store.apply(batch_of(records), heartbeat=True)
    DeadLetterPublisher(log_settings(log.bootstrap), SYSTEM_CLOCK).publish(store)
    return done


@pytest.mark.parametrize("bad", [{0}, {3}, {6}, {0, 1}, {2, 5}, {0, 3, 6}, set(range(7))])
def test_only_the_bad_rows_are_left_out_and_the_order_is_kept(
    store: Store, sql: Sql, log: Log, bad: set[int]
) -> None:
    records = batch_with(bad)
    around(store, log, records)
    assert stored(sql) == [n for n in range(7) if n not in bad]
    kept = log.dead_letters(len(bad))
    assert [value for value, _ in kept] == [records[n].value for n in sorted(bad)]
    assert sql("SELECT region, epoch FROM heartbeat") == [(HOME, 1)]


@pytest.mark.parametrize("kind", REFUSED)
def test_whatever_the_server_refuses_goes_raw_to_the_dead_letters(
    store: Store, sql: Sql, log: Log, kind: str
) -> None:
    records = [event_record(n, event_body(n)) for n in range(3)]
    records[1] = event_record(1, event_body(1) | REFUSED[kind])
    around(store, log, records)
    assert stored(sql) == [0, 2]
    [(value, headers)] = log.dead_letters(1)
    assert value == records[1].value
    assert headers["reason"] == b"malformed"
    assert headers["kind"] == b"quarantined", "no manifest counts it (B26)"
    assert headers["detail"].startswith(b"Apply: ")
    assert {name: headers[name] for name, _ in records[1].headers} == dict(records[1].headers)
    assert b"p-1" not in headers["detail"], "an error's text may quote a patient's row"


def test_a_marker_behind_a_bad_row_counts_once_the_row_lies_in_the_dead_letters(
    store: Store, sql: Sql, log: Log
) -> None:
    around(store, log, [*batch_with({1}, 3), marker_record(3, 9)])
    assert len(log.dead_letters(1)) == 1
    assert sql("SELECT sequence FROM applied_marker") == [(9,)]


def xids(sql: Sql) -> int:
    return int(sql("SELECT pg_current_xact_id()::text")[0][0])


@pytest.mark.parametrize("kind", REFUSED)
def test_two_thousand_bad_rows_cost_a_few_transactions(store: Store, sql: Sql, kind: str) -> None:
    """L8: savepoints count, too, as each that writes takes a transaction id."""
    changes = {name: value for name, value in REFUSED[kind].items() if name != "eventId"}
    records = [event_record(n, event_body(n) | changes) for n in range(2_000)]
    if not changes:
        records = [event_record(n, event_body(n, eventId=f"x-{n}")) for n in range(2_000)]
    records.insert(1_000, event_record(2_000, event_body(5)))
    before = xids(sql)
    done = store.apply(batch_of(records), heartbeat=True)
    assert (done.inserted, done.set_aside) == (1, 2_000)
    assert xids(sql) - before < 10
    assert sql("SELECT count(*) FROM dead_letter") == [(2_000,)]


def test_a_dead_letter_is_part_of_the_transaction_that_passes_it(
    store: Store, sql: Sql, log: Log
) -> None:
    """A region lost between the two would leave an event that is neither stored nor rejected."""
    unreadable = event_record(3, {})._replace(value=b"{no json")
    records = [*batch_with({1}, 3), unreadable, marker_record(4, 9)]
    nowhere = DeadLetterPublisher(log_settings(f"127.0.0.1:{closed_port()}"), SYSTEM_CLOCK)
    assert store.apply(batch_of(records), heartbeat=True).set_aside == 2
    nowhere.publish(store)
    assert stored(sql) == [0, 2], "applying does not wait for the topic"
    assert sql("SELECT sequence FROM applied_marker") == [(9,)]
    assert sql("SELECT count(*) FROM dead_letter WHERE published_at IS NULL") == [(2,)]
    DeadLetterPublisher(log_settings(log.bootstrap), SYSTEM_CLOCK).publish(store)
    assert {value for value, _ in log.dead_letters(2)} == {records[1].value, unreadable.value}


def test_a_letter_is_written_and_published_once_however_often_its_record_comes(
    store: Store, sql: Sql, log: Log
) -> None:
    for _ in range(2):
        around(store, log, batch_with({1}, 3))
    [(_, headers)] = log.dead_letters(1)
    assert headers["id"] == f"ca-central-1/100/shardId-0/{10**50 + 1}".encode()


def test_without_the_right_nothing_is_set_aside(store: Store, sql: Sql, log: Log) -> None:
    sql("UPDATE authority SET holder = 'ca-west-1'")
    unreadable = event_record(3, {})._replace(value=b"{no json")
    with pytest.raises(NotServing):
        around(store, log, [unreadable])
    assert sql("SELECT count(*) FROM dead_letter") == [(0,)]
    assert log.dead_letters(0) == []


def test_a_new_epoch_publishes_again_what_the_lost_region_may_not_have_handed_over(
    connection: psycopg.Connection[Any], store: Store, sql: Sql, log: Log, serve_here: Renewed
) -> None:
    around(store, log, batch_with({0}, 1))
    around(store, log, batch_with({1}, 2))
    sql("UPDATE dead_letter SET published_at = published_at - interval '2 h' WHERE id LIKE '%%0'")
    sql("UPDATE authority SET opened_at = clock_timestamp()")
    serve_here(epoch=2)
    guard = ServingGuard(HOME, 20.0)
    guard.epoch = 2
    for _ in range(2):
        around(Store(connection, HOME, guard), log, [])
    ids = [headers["id"][-1:] for _, headers in log.dead_letters(3)]
    assert sorted(ids) == [b"0", b"1", b"1"]


def test_a_lost_right_is_no_bad_row(store: Store, sql: Sql, log: Log) -> None:
    sql("UPDATE authority SET holder = 'ca-west-1'")
    with pytest.raises(NotServing):
        around(store, log, batch_with(set()))
    assert log.dead_letters(0) == []


def test_the_loop_goes_on_behind_rows_it_cannot_read_and_rows_it_cannot_store(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed, log: Log
) -> None:
    serve_here()
    unreadable = event_record(1, {})._replace(value=b"{no json")
    bad = event_record(2, event_body(2, **REFUSED["no time"]))
    log.put([event_record(0, event_body(0)), unreadable, bad, event_record(3, event_body(3))])
    log.put([marker_record(4, 9)])
    with applying(database, log):
        until("the good ones stored", lambda: stored(sql) == [0, 3])
        until("the marker applied", lambda: sql("SELECT sequence FROM applied_marker") == [(9,)])
    assert {value for value, _ in log.dead_letters(2)} == {unreadable.value, bad.value}
