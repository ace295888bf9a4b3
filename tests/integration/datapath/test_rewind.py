"""`lifeline rewind`: the log is applied again from a moment on, with a real server and log (B13, C1)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from moto import mock_aws

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.markers import Pair
from lifeline.lambdas.failover.rewind import Request
from lifeline.lambdas.failover_step.context import NotMine, NotReady
from lifeline.lambdas.failover_step.rewind_step import rewind
from lifeline.services.event_applier.batch import LogRecord, batch_of
from lifeline.services.event_applier.rewind import answered
from lifeline.services.event_applier.store import NotServing, Store
from lifeline.services.shared.database import connect
from lifeline.services.shared.log_clients import consumer_settings
from lifeline.services.shared.serving_guard import ServingGuard
from tests.integration.conftest import NewLog
from tests.integration.datapath.applying import (
    HOME,
    PARTITIONS,
    RECOVERY,
    Log,
    applying,
    log_settings,
)
from tests.integration.datapath.engines import until
from tests.integration.datapath.log_records import TOPIC, event_body, event_record, marker_record
from tests.support.step_runs import step_run, with_lease
from tests.unit.failover_step.test_store_steps import credentials

__all__ = ["credentials"]

Sql = Callable[..., list[Any]]
PEERS = Pair(RECOVERY, "100", "shardId-0")
SECOND = 1_000
START_MS = 1_000_000
STREAM = 60
"""Seconds of the stream: an event and a marker of each region in each."""


@pytest.fixture(autouse=True)
def tables(credentials: None) -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def log(new_log: NewLog) -> Log:
    return Log(new_log(PARTITIONS))


def second(number: int) -> list[LogRecord]:
    """What the bridge wrote in one second of the stream."""
    made = [
        event_record(3 * number, event_body(number + 1)),
        marker_record(3 * number + 1, number),
        marker_record(3 * number + 2, number, pair=PEERS),
    ]
    return [one._replace(time_ms=START_MS + SECOND * number) for one in made]


def look(database: DatabaseAddress, log: Log, to_ms: int) -> dict[str, Any]:
    """What the task answers."""
    settings = consumer_settings(log_settings(log.bootstrap), purpose="rewind", group="apply-test")
    with connect(database, purpose="rewind") as connection:
        request = Request(run="r", to_ms=to_ms)
        return answered(request, connection, settings, {TOPIC: 1}, (HOME, RECOVERY))


def rows(found: dict[str, Any]) -> list[Any]:
    return [one for place in found["places"] for one in place["lowered"]]


def run_of(database: DatabaseAddress, found: dict[str, Any], epoch: int = 1) -> Any:
    """The step as the command calls it."""
    event = {"epoch": epoch, "region": HOME, "rows": rows(found), "who": "w", "to": "t"}
    return step_run(event=event, region=HOME, peer_region=RECOVERY, database=database)


def held() -> Lease:
    return Lease(holder=HOME, epoch=1, renewals=7, writer=HOME)


def stored(sql: Sql) -> list[Any]:
    """What readers see of the events, as one hash for each table."""
    shown = {
        "event": "event_id, occurred_on, sequence, payload_text::text, metadata_text::text, shard_sequence",
        "aggregate": "aggregate_id, sequence, event_id, state::text, first_sequence, events",
        "unexpected_event": "event_id",
        "dead_letter": "id",
    }
    return [
        (table, *sql(
            f"SELECT count(*), md5(string_agg(r::text, ';' ORDER BY r::text)) "
            f"FROM (SELECT {columns} FROM {table}) AS r"
        )[0])
        for table, columns in shown.items()
    ]  # fmt: skip


def applied(sql: Sql) -> list[tuple[int, int]]:
    """Sequence and record time of both pairs' applied markers, in seconds of the stream."""
    return [
        (int(sequence), round((float(at) * SECOND - START_MS) / SECOND))
        for sequence, at in sql(
            "SELECT sequence, extract(epoch FROM record_time) FROM applied_marker ORDER BY origin"
        )
    ]


def test_a_rewound_stream_is_stored_once(
    database: DatabaseAddress, sql: Sql, serve_here: Callable[..., None], log: Log, placed: Any
) -> None:
    serve_here()
    with applying(database, log):
        for number in range(30):
            log.put(second(number))
        until("half of it applied", lambda: applied(sql) == [(29, 29)] * 2)
        found = look(database, log, START_MS + 10 * SECOND + 500)
        assert [(one["sequence"], one["record_time_ms"]) for one in rows(found)] == [
            ("10", START_MS + 10 * SECOND)
        ] * 2
        [place] = found["places"]
        assert (place["offset"], place["records"], place["gone"]) == (15, 75, False)
        log.put(second(30))
        run = with_lease(run_of(database, found), held())
        assert json.loads(rewind(run)) == {"epoch": 2, "lowered": 2}
        for number in range(31, STREAM):
            log.put(second(number))
        until("all of it applied", lambda: applied(sql) == [(59, 59)] * 2)
        until("at the new epoch", lambda: sql("SELECT epoch FROM applied_position") == [(2,)])
    assert placed()[-1] == (0, 0), "neither an own position nor the beginning"
    twice = stored(sql)
    sql("TRUNCATE event, aggregate, applied_marker, applied_position, stream_shard")
    with applying(database, log):
        until("all of it once", lambda: applied(sql) == [(59, 59)] * 2)
    assert stored(sql) == twice
    assert [row[1] for row in twice] == [STREAM, 1, 0, 0]


def test_what_lies_behind_the_moment_is_read_again_and_nothing_else(
    database: DatabaseAddress, sql: Sql, serve_here: Callable[..., None], log: Log
) -> None:
    serve_here()
    for number in range(30):
        log.put(second(number))
    with applying(database, log):
        until("all of it applied", lambda: applied(sql) == [(29, 29)] * 2)
        found = look(database, log, START_MS + 20 * SECOND)
        sql("DELETE FROM event")
        rewind(with_lease(run_of(database, found), held()))
        until("applied again", lambda: applied(sql) == [(29, 29)] * 2)
    first = 20 - 1 - 5 + 1  # the marker before the moment, the slack of five seconds
    assert sql("SELECT min(sequence), max(sequence), count(*) FROM event") == [
        (first, 30, 30 - first + 1)
    ]


def test_the_event_applier_of_the_old_epoch_writes_nothing_more(
    database: DatabaseAddress,
    connection: psycopg.Connection[Any],
    sql: Sql,
    serve_here: Callable[..., None],
    log: Log,
) -> None:
    serve_here()
    log.put([record for number in range(9) for record in second(number)])
    guard = ServingGuard(HOME, 20.0)
    zombie = Store(connection, HOME, guard)
    guard.judge(zombie.read_authority(), SYSTEM_CLOCK.monotonic())
    with applying(database, log):
        until("all of it applied", lambda: applied(sql) == [(8, 8)] * 2)
    zombie.apply(batch_of(second(9)), heartbeat=False)
    rewind(with_lease(run_of(database, look(database, log, START_MS + 4 * SECOND)), held()))
    with pytest.raises(NotServing):
        zombie.apply(batch_of(second(10)), heartbeat=True)
    assert applied(sql) == [(3, 3)] * 2
    assert sql("SELECT max(sequence) FROM event") == [(10,)]
    assert sql("SELECT epoch, holder FROM authority") == [(2, HOME)]


def test_a_second_run_and_another_epoch_are_refused(
    database: DatabaseAddress, sql: Sql, serve_here: Callable[..., None], log: Log
) -> None:
    serve_here()
    log.put([record for number in range(9) for record in second(number)])
    with applying(database, log):
        until("all of it applied", lambda: applied(sql) == [(8, 8)] * 2)
    run = with_lease(run_of(database, look(database, log, START_MS + 4 * SECOND)), held())
    rewind(run)
    sql("UPDATE applied_marker SET sequence = 8")
    with pytest.raises(NotMine, match="not ca-central-1's at epoch 1"):
        rewind(run)
    assert run.lease_if_known() == replace(held(), epoch=2, renewals=8)
    assert sql("SELECT DISTINCT sequence FROM applied_marker") == [(8,)]


def test_a_step_that_ended_between_lease_and_database_has_lowered_nothing(
    database: DatabaseAddress, sql: Sql, serve_here: Callable[..., None], log: Log
) -> None:
    """The keeper's plan opens the database at the new epoch (A4); then a rewind of the old one is none."""
    serve_here()
    log.put([record for number in range(9) for record in second(number)])
    with applying(database, log):
        until("all of it applied", lambda: applied(sql) == [(8, 8)] * 2)
    found = look(database, log, START_MS + 4 * SECOND)
    run = with_lease(run_of(database, found), held())
    assert run.lease.advance(region=HOME, epoch=1)
    with pytest.raises(NotReady, match="at epoch 1 of ca-central-1"):
        rewind(run_of(database, found, epoch=2))
    stamp = run.database.clock()
    assert run.database.open_epoch(region=HOME, epoch=2, renewed_from=stamp) == 2
    assert run.database.rewind_epoch(region=HOME, epoch=1, rows=rows(found)) is None
    assert applied(sql) == [(8, 8)] * 2


def test_a_log_that_does_not_go_back_so_far_says_so(
    database: DatabaseAddress, sql: Sql, serve_here: Callable[..., None], log: Log
) -> None:
    serve_here()
    log.put([record for number in range(9) for record in second(number)])
    with applying(database, log):
        until("all of it applied", lambda: applied(sql) == [(8, 8)] * 2)
    log.trim(12)
    [place] = look(database, log, START_MS + 2 * SECOND)["places"]
    assert (place["gone"], place["first"]) == (True, 12)
    [place] = look(database, log, START_MS + 6 * SECOND)["places"]
    assert (place["gone"], place["first"]) == (False, 12)
