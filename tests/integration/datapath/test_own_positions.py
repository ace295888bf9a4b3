"""Where the applier goes on after a restart, with a real server and a real log (B24, B26, L4, L16)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.markers import Marker, Pair
from lifeline.services.event_applier.batch import LogRecord
from tests.integration.conftest import NewLog
from tests.integration.datapath.applying import HOME, PARTITIONS, RECOVERY, Log, applying
from tests.integration.datapath.engines import until
from tests.integration.datapath.log_records import TOPIC, event_body, event_record, marker_record

Sql = Callable[..., list[Any]]
Renewed = Callable[..., None]
LOST = Pair(RECOVERY, "100", "shardId-0")
LOSS_MS = 100_000
LATER_MS = LOSS_MS + 3_600_000
"""An hour after the loss."""


@pytest.fixture
def log(new_log: NewLog) -> Log:
    return Log(new_log(PARTITIONS))


def after_the_loss() -> list[LogRecord]:
    """Both regions' last common second, then an hour of one region alone."""
    together = [event_record(0, event_body(1)), marker_record(1, 9), marker_record(2, 9, pair=LOST)]
    alone = [event_record(3, event_body(2)), marker_record(4, 20), event_record(5, event_body(3))]
    return [
        *(record._replace(time_ms=LOSS_MS + record.offset) for record in together),
        *(record._replace(time_ms=LATER_MS + record.offset) for record in alone),
    ]


def position(sql: Sql) -> list[Any]:
    return sql("SELECT epoch, next_offset FROM applied_position")


def test_after_a_failover_a_restart_does_not_read_again_from_the_loss(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed, log: Log, placed: Any
) -> None:
    """L16: the lost region's marker stands still, and the minimum over all pairs with it."""
    serve_here()
    log.put(after_the_loss())
    with applying(database, log):
        until("the own position", lambda: bool(position(sql)))
        until("all stored", lambda: sql("SELECT count(*) FROM event") == [(3,)])
        log.put([marker_record(6, 30)._replace(time_ms=LATER_MS + 9)])
        until("the position behind all", lambda: position(sql) == [(1, 7)])
    with applying(database, log):
        log.put([event_record(7, event_body(4))])
        until("the next stored", lambda: sql("SELECT count(*) FROM event") == [(4,)])
    assert placed() == [(0, 1), (1, 0)]


def test_another_epoch_begins_again_at_the_earliest_pair(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed, log: Log, placed: Any
) -> None:
    """Between the two another region applied: what this one read before proves nothing of it."""
    serve_here()
    log.put(after_the_loss())
    with applying(database, log):
        until("the own position", lambda: bool(position(sql)))
        serve_here(2)
        until("placed again", lambda: len(placed()) == 2)
        until("kept at the new epoch", lambda: position(sql)[0][0] == 2)
    assert placed() == [(0, 1), (0, 0)]


def test_a_log_that_was_made_anew_has_no_own_position(
    database: DatabaseAddress,
    sql: Sql,
    serve_here: Renewed,
    new_log: NewLog,
    log: Log,
    placed: Any,
) -> None:
    serve_here()
    log.put(after_the_loss())
    with applying(database, log):
        until("the own position", lambda: bool(position(sql)))
    again = Log(new_log(PARTITIONS))
    again.put([event_record(0, event_body(9))])
    with applying(database, again):
        until("stored from the new log", lambda: sql("SELECT count(*) FROM event") == [(4,)])
    assert placed()[-1][0] == 0


def test_a_position_whose_records_are_gone_is_told(
    database: DatabaseAddress,
    sql: Sql,
    serve_here: Renewed,
    log: Log,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The log's retention passed what this region had not applied yet."""
    serve_here()
    log.put(after_the_loss())
    with applying(database, log):
        until("the own position", lambda: bool(position(sql)))
        until("all stored", lambda: sql("SELECT count(*) FROM event") == [(3,)])
    sql("UPDATE applied_position SET next_offset = 2")
    log.trim(4)
    with applying(database, log):
        log.put([event_record(6, event_body(4))])
        until("the next stored", lambda: sql("SELECT count(*) FROM event") == [(4,)])
    assert "records are gone that were not applied" in capsys.readouterr().out


@pytest.mark.parametrize("later_ms", [99_000, -LATER_MS // 2], ids=["younger", "older"])
def test_a_marker_whose_records_are_gone_is_told_once(
    database: DatabaseAddress,
    sql: Sql,
    serve_here: Renewed,
    log: Log,
    capsys: pytest.CaptureFixture[str],
    later_ms: int,
) -> None:
    """A promotion after the retention passed what was applied last: B26, never in silence."""
    serve_here()
    log.put(after_the_loss())
    with applying(database, log):
        until("all stored", lambda: sql("SELECT count(*) FROM event") == [(3,)])
        until("its marker", lambda: (20,) in sql("SELECT sequence FROM applied_marker"))
    log.put([event_record(6, event_body(4)), marker_record(7, 40)])
    log.put([marker_record(8, 50)._replace(time_ms=LATER_MS + later_ms)])
    log.trim(8)
    serve_here(2)
    with applying(database, log):
        log.put([event_record(9, event_body(5))])
        until("the next stored", lambda: sql("SELECT count(*) FROM event") == [(4,)])
    assert capsys.readouterr().out.count("records are gone that were not applied") == 1


def marker_of(shard: str, sequence: int, record_time_ms: int, offset: int) -> LogRecord:
    marker = Marker(
        Pair(HOME, "100", shard),
        *(sequence, 1_000, ("a", "b"), ((TOPIC, 0),)),
        parents={"shardId-0": (), "a": ("shardId-0",), "b": ("shardId-0",)},
    )
    headers = [("kind", b"marker")]
    return LogRecord(TOPIC, 0, offset, record_time_ms, marker.to_bytes(), headers)


def test_a_closed_shard_holds_no_placing_back(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed, log: Log
) -> None:
    """L4: an hour after a reshard, a promotion would read that hour again, after a day the day."""
    serve_here()
    log.put([event_record(0, event_body(1)), marker_record(1, 9)])
    log.put([marker_record(2, 9, pair=LOST)._replace(time_ms=LATER_MS)])
    log.put([marker_of("a", 12, LATER_MS, 3), marker_of("b", 12, LATER_MS, 4)])
    with applying(database, log):
        until(
            "the children's markers",
            lambda: sql("SELECT count(*) FROM applied_marker WHERE sequence = 12") == [(2,)],
        )
    assert sql("SELECT shard, parents FROM stream_shard ORDER BY shard") == [
        ("a", ["shardId-0"]),
        ("b", ["shardId-0"]),
    ]
    sql("DELETE FROM event")  # what lies before the position is seen by what does not come back
    serve_here(2)
    with applying(database, log):
        log.put([event_record(5, event_body(2))._replace(time_ms=LATER_MS)])
        until("the next stored", lambda: sql("SELECT sequence FROM event") == [(2,)])


def test_what_is_old_is_forgotten_and_what_counts_is_not(sql: Sql) -> None:
    sql(
        "INSERT INTO applied_marker (origin, incarnation, shard, topic, partition, sequence, "
        "record_time, declared_at) VALUES "
        "('h', '1', 'p', 't', 0, 1, now() - interval '40 days', now() - interval '41 days'), "
        "('h', '1', 'a', 't', 0, 1, now(), now() - interval '40 days'), "
        "('h', '1', 'n', 't', 0, 1, '1970-01-01', now()), "
        "('h', '1', 'x', 't', 0, NULL, NULL, now() - interval '40 days')"
    )
    sql(
        "INSERT INTO stream_shard (origin, incarnation, shard, parents, declared_at) VALUES "
        "('h', '1', 'a', '{p}', now() - interval '40 days'), "
        "('h', '1', 'i', '{a}', now() - interval '40 days'), "
        "('h', '1', 'y', '{x}', now() - interval '40 days'), "
        "('h', '1', 'z', '{x}', now())"
    )
    sql("SELECT forget_old_shards()")
    assert sql("SELECT shard FROM applied_marker ORDER BY shard") == [("a",), ("n",)]
    assert sql("SELECT shard FROM stream_shard ORDER BY shard") == [("a",), ("i",), ("z",)]


@pytest.fixture
def before_the_migration(sql: Sql) -> Iterator[None]:
    """The database of the release before."""
    tables = ("stream_shard", "applied_position")
    for table in tables:
        sql(f"ALTER TABLE {table} RENAME TO hidden_{table}")
    sql("ALTER FUNCTION forget_old_shards RENAME TO hidden_forget")
    yield
    sql("ALTER FUNCTION hidden_forget RENAME TO forget_old_shards")
    for table in tables:
        sql(f"ALTER TABLE hidden_{table} RENAME TO {table}")


@pytest.mark.usefixtures("before_the_migration")
def test_a_release_applies_before_its_migration_has_run(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed, log: Log, placed: Any
) -> None:
    """A standby gets a release first: a failover then must not find an applier that waits for a table."""
    serve_here()
    log.put([*after_the_loss(), marker_of("a", 12, LATER_MS, 6)])
    with applying(database, log):
        until("all stored", lambda: sql("SELECT count(*) FROM event") == [(3,)])
        until(
            "the marker applied",
            lambda: sql("SELECT count(*) FROM applied_marker WHERE shard = 'a'") == [(1,)],
        )
        until(
            "tomorrow's partition",
            lambda: (
                sql(
                    "SELECT to_regclass('event_' || to_char((now() AT TIME ZONE 'UTC')::date + 1, "
                    "'YYYYMMDD')) IS NOT NULL"
                )
                == [(True,)]
            ),
        )
    assert placed() == [(0, 1)]
