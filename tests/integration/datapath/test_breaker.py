"""B23 in the event applier: it stands still, sets nothing aside meanwhile, and goes on where it stood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.breaker import Breaker, Stopped
from lifeline.services.event_applier.batch import LogRecord, batch_of
from lifeline.services.event_applier.store import Store
from lifeline.services.shared.serving_guard import ServingGuard
from tests.integration.conftest import NewLog
from tests.integration.datapath.applying import HOME, PARTITIONS, Log, Said, applying
from tests.integration.datapath.engines import until
from tests.integration.datapath.log_records import event_body, event_record, marker_record

Sql = Callable[..., list[Any]]
REFUSE = "ALTER TABLE event ADD CONSTRAINT no_release_fits CHECK (sequence < 0) NOT VALID"
TAKE = "ALTER TABLE event DROP CONSTRAINT no_release_fits"
"""A release and a database that do not fit: everything that is sent is refused."""


def from_senders(senders: int, count: int = 40) -> list[LogRecord]:
    return [
        event_record(n, event_body(n, metadata={"userId": f"edge-{n % senders}"}))
        for n in range(count)
    ]


@pytest.fixture
def refusing(sql: Sql) -> Any:
    sql(REFUSE)
    yield
    sql("ALTER TABLE event DROP CONSTRAINT IF EXISTS no_release_fits")


@pytest.fixture
def store(connection: psycopg.Connection[Any], serve_here: Callable[..., None]) -> Store:
    serve_here()
    guard = ServingGuard(HOME, 20.0)
    guard.epoch = 1
    return Store(connection, HOME, guard, breaker=Breaker(on=True))


def kept(sql: Sql) -> list[Any]:
    return [sql(f"SELECT count(*) FROM {one}")[0][0] for one in ("event", "dead_letter")]


def test_when_nothing_of_several_senders_can_be_stored_nothing_is_set_aside(
    store: Store, sql: Sql, refusing: None
) -> None:
    batch = batch_of([*from_senders(4), marker_record(40, 9)])
    for _ in range(3):
        with pytest.raises(Stopped):
            store.apply(batch, heartbeat=True)
        assert kept(sql) == [0, 0]
        assert sql("SELECT count(*) FROM applied_marker") == [(0,)]
    sql(TAKE)
    assert store.apply(batch, heartbeat=True).inserted == 40


def test_unreadable_records_alone_say_nothing_about_us(store: Store, sql: Sql) -> None:
    records = [one._replace(value=b"{no json") for one in from_senders(4)]
    assert store.apply(batch_of(records), heartbeat=False).set_aside == 40


def test_one_sender_stops_nothing(store: Store, sql: Sql, refusing: None) -> None:
    assert store.apply(batch_of(from_senders(1)), heartbeat=False).set_aside == 40
    assert kept(sql) == [0, 40]


def test_a_sender_whose_every_event_is_refused_does_not_hold_up_the_others(
    store: Store, sql: Sql
) -> None:
    records = from_senders(4)
    bad = event_record(99, event_body(99, eventId="no-uuid", metadata={"userId": "bad"}))
    done = store.apply(batch_of([*records, *[bad] * 400]), heartbeat=False)
    assert (done.inserted, done.set_aside) == (40, 400)


def test_the_loop_stands_still_says_so_and_goes_on_by_itself(
    database: DatabaseAddress,
    sql: Sql,
    serve_here: Callable[..., None],
    refusing: None,
    new_log: NewLog,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lifeline.services.event_applier.apply.MAX_BACKOFF_SECONDS", 0.1)
    log = Log(new_log(PARTITIONS))
    said = Said(lambda: capsys.readouterr().out)
    serve_here()
    log.put(from_senders(4))
    with applying(database, log):
        until("it stands still", lambda: said.has("stopped"))
        until("it lives", lambda: sql("SELECT count(*) FROM heartbeat") == [(1,)])
        assert kept(sql) == [0, 0]
        sql(TAKE)
        until("it goes on", lambda: kept(sql) == [40, 0])
    assert sum("stopped" in one for one in said.messages()) <= 2, "once in a quarter of an hour"
