"""The applier's loop against a real server and a real log: retries, standing by, coming back (B13, C6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import psycopg
import pytest

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.services.event_applier.apply import RETRIES
from lifeline.services.shared.database import connect
from tests.integration.conftest import NewLog
from tests.integration.datapath.applying import HOME, PARTITIONS, RECOVERY, Log, Said, applying
from tests.integration.datapath.engines import until
from tests.integration.datapath.log_records import (
    TOPIC,
    event_body,
    event_record,
    heart_rate,
    marker_record,
)

Sql = Callable[..., list[Any]]
Renewed = Callable[..., None]


@pytest.fixture
def log(new_log: NewLog) -> Log:
    return Log(new_log(PARTITIONS))


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(lambda: capsys.readouterr().out)


def stored(sql: Sql) -> list[int]:
    return [row[0] for row in sql("SELECT sequence FROM event ORDER BY apply_no")]


@pytest.fixture
def failing_inserts(sql: Sql) -> Iterator[Callable[[int, str], None]]:
    """Let the server itself refuse the next inserts of events, with an error code."""

    def fail(times: int, code: str) -> None:
        sql("CREATE SEQUENCE refusals")  # a sequence is not rolled back
        sql(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF nextval('refusals') <= {times} THEN "
            f"RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END IF; RETURN NULL; END $$"
        )
        sql(
            "CREATE TRIGGER refuse BEFORE INSERT ON event "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
        )

    yield fail
    sql("DROP TRIGGER IF EXISTS refuse ON event")
    sql("DROP FUNCTION IF EXISTS refuse")
    sql("DROP SEQUENCE IF EXISTS refusals")


def test_what_the_log_holds_is_stored_in_its_order_with_its_marker_and_a_heartbeat(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed, log: Log
) -> None:
    serve_here()
    log.put(
        [*(event_record(n, event_body(s)) for n, s in enumerate([3, 1, 2])), marker_record(3, 9)]
    )
    with applying(database, log):
        until("all stored", lambda: len(stored(sql)) == 3)
        until("a heartbeat", lambda: sql("SELECT region, epoch FROM heartbeat") == [(HOME, 1)])
    assert stored(sql) == [3, 1, 2]
    assert sql("SELECT topic, sequence FROM applied_marker") == [(TOPIC, 9)]


@pytest.mark.parametrize("row", [(1, RECOVERY), (1, "")])
def test_a_region_that_stands_by_reads_nothing_until_it_holds_the_row(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed, log: Log, said: Said, row: Any
) -> None:
    serve_here(*row)
    log.put([event_record(0, event_body(1)), marker_record(1, 9)])
    with applying(database, log):
        until("its partitions", lambda: said.has("partitions assigned"))
        until("its refusal", lambda: said.has("holder is"))
        looked = sql("SELECT clock_timestamp()")[0][0]
        until("two more looks at the row", lambda: looks_after(sql, looked))
        assert not said.has("placed")
        assert stored(sql) == []
        assert sql("SELECT count(*) FROM heartbeat") == [(0,)]
        assert sql("SELECT count(*) FROM applied_marker") == [(0,)]
        serve_here(2, HOME)
        until("stored after the take", lambda: stored(sql) == [1])
    assert sql("SELECT applied_epoch FROM event") == [(2,)]


def looks_after(sql: Sql, moment: object) -> bool:
    return bool(
        sql(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'lifeline-apply' "
            "AND query_start > %s::timestamptz + interval '0.7 s'",
            moment,
        )
    )


def test_a_region_that_loses_the_row_stops_and_goes_on_where_the_database_is(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed, log: Log, said: Said
) -> None:
    serve_here(1, HOME)
    log.put([event_record(0, event_body(1))])
    with applying(database, log):
        until("the first stored", lambda: stored(sql) == [1])
        serve_here(2, RECOVERY)
        until("its refusal", lambda: said.has("holder is ca-west-1"))
        log.put([event_record(1, event_body(2))])
        serve_here(3, HOME)
        until("the second stored", lambda: stored(sql) == [1, 2])
    assert said.messages().count("placed") == 2
    assert sql("SELECT applied_epoch FROM event ORDER BY apply_no") == [(1,), (3,)]


def test_a_real_deadlock_is_tried_again_on_the_same_connection(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed, log: Log, said: Said
) -> None:
    """C6: the loop does not give up its positions, nor its connection, for what passes by itself."""
    serve_here()
    both = ("p-1", "p-2")
    log.put(event_record(n, event_body(1, name)) for n, name in enumerate(both))
    with applying(database, log), connect(database, purpose="other") as other:
        until("both stored", lambda: len(stored(sql)) == 2)
        other.execute(
            "SET deadlock_timeout = '30s'"
        )  # the applier finds it, so the applier is refused
        take = "SELECT 1 FROM aggregate WHERE aggregate_id = %s FOR UPDATE"
        with other.transaction():
            other.execute(take, ("p-2",))
            log.put(event_record(n + 2, event_body(2, name)) for n, name in enumerate(both))
            until("the applier waiting with p-1 in its hands", lambda: waits_for_a_row(sql))
            other.execute(take, ("p-1",))  # returns when the server has broken the deadlock
        until("the next two stored", lambda: len(stored(sql)) == 4)
    until("a deadlock counted", lambda: deadlocks(sql) > 0)
    assert not said.has("database:"), said.messages()
    assert said.messages().count("placed") == 1


def waits_for_a_row(sql: Sql) -> bool:
    return bool(
        sql(
            "SELECT 1 FROM pg_stat_activity "
            "WHERE application_name = 'lifeline-apply' AND wait_event_type = 'Lock'"
        )
    )


def deadlocks(sql: Sql) -> int:
    return int(sql("SELECT deadlocks FROM pg_stat_database WHERE datname = 'lifeline'")[0][0])


@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_refusals_that_pass_are_tried_again(
    database: DatabaseAddress,
    sql: Sql,
    serve_here: Renewed,
    log: Log,
    said: Said,
    failing_inserts: Callable[[int, str], None],
    code: str,
) -> None:
    failing_inserts(RETRIES - 1, code)
    serve_here()
    log.put([event_record(0, event_body(1))])
    with applying(database, log):
        until("stored", lambda: stored(sql) == [1])
    assert not said.has("database:"), said.messages()
    assert sql("SELECT last_value FROM refusals") == [(RETRIES,)]


def test_refusals_that_do_not_pass_start_from_the_positions_again(
    database: DatabaseAddress,
    sql: Sql,
    serve_here: Renewed,
    log: Log,
    said: Said,
    failing_inserts: Callable[[int, str], None],
) -> None:
    failing_inserts(RETRIES, "40001")
    serve_here()
    log.put([event_record(0, event_body(1))])
    with applying(database, log):
        until("stored", lambda: stored(sql) == [1])
    assert said.has("database: SerializationFailure")
    assert said.messages().count("placed") == 2


@pytest.fixture
def slow_patient(sql: Sql) -> Iterator[None]:
    """Let the server give up, as after its limits of time, on whatever is derived of one patient."""
    sql(
        "CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.aggregate_id = 'slow' THEN "
        "RAISE EXCEPTION 'canceling statement' USING ERRCODE = '57014'; END IF; RETURN NEW; END $$"
    )
    sql(
        "CREATE TRIGGER give_up BEFORE INSERT ON vital_sign FOR EACH ROW EXECUTE FUNCTION give_up()"
    )
    yield
    sql("DROP TRIGGER give_up ON vital_sign")
    sql("DROP FUNCTION give_up")


@pytest.mark.usefixtures("slow_patient")
def test_an_event_that_takes_the_database_too_long_holds_back_no_other(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed, log: Log, said: Said
) -> None:
    """B23: its batch came again unchanged for ever, and with it the partition stood."""
    serve_here()
    bodies = [
        event_body(n, "slow" if n == 3 else f"p-{n}", payload=heart_rate(n)) for n in range(7)
    ]
    log.put([*map(event_record, range(7), bodies), marker_record(7, 9)])
    with applying(database, log):
        until("all stored", lambda: sorted(stored(sql)) == list(range(7)), seconds=60)
        until("the marker", lambda: sql("SELECT sequence FROM applied_marker") == [(9,)])
    kept = {row[0] for row in sql("SELECT aggregate_id FROM vital_sign")}
    assert kept == {f"p-{n}" for n in range(7) if n != 3}
    assert said.messages().count("without vital signs") == 1
    assert sql("SELECT count(*) FROM dead_letter") == [(0,)]


def test_a_connection_that_breaks_loses_nothing(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed, log: Log, said: Said
) -> None:
    serve_here()
    log.put([event_record(0, event_body(1))])
    with applying(database, log):
        until("the first stored", lambda: stored(sql) == [1])
        sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'lifeline-apply'"
        )
        log.put([event_record(1, event_body(2))])
        until("the second stored", lambda: stored(sql) == [1, 2])
    assert said.has("database: ")


def test_a_position_behind_an_applied_marker_is_left_for_the_beginning(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed, log: Log, said: Said
) -> None:
    """The clocks of the log's records say that nothing was missed; the marker says that it was."""
    serve_here()
    for origin in (HOME, RECOVERY):
        sql(
            "INSERT INTO applied_marker "
            "(origin, incarnation, shard, topic, partition, sequence, born, record_time) "
            "VALUES (%s, '100', 'shardId-0', %s, 0, 5, now(), to_timestamp(10))",
            origin,
            TOPIC,
        )
    log.put(
        [event_record(0, event_body(1))]
    )  # 1 s after the epoch: before the position of 10 s - 5 s
    log.put([late(event_record(1, event_body(2))), late(marker_record(2, 9))])
    with applying(database, log):
        until("both stored", lambda: sorted(stored(sql)) == [1, 2])
    assert said.has("position lies behind an applied marker")


def late(record: Any) -> Any:
    return record._replace(time_ms=10_000)


def test_a_region_without_credentials_waits_for_them(
    database: DatabaseAddress,
    sql: Sql,
    log: Log,
    said: Said,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The task role's endpoint fails for a moment: said and waited out, like a database that is away."""
    without_credentials(monkeypatch)
    with applying(signed(database), log):
        until("it said so", lambda: said.has("no token"), 5)


def signed(database: DatabaseAddress) -> DatabaseAddress:
    return replace(database, auth="iam")


def without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps what an earlier test signed with


def test_connecting_without_credentials_fails_as_connecting_does(
    database: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_credentials(monkeypatch)
    with pytest.raises(psycopg.OperationalError, match="no token for the database"):
        connect(signed(database), purpose="test")
