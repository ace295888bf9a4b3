"""A region's database rebuilt from its archive and its log, with a real log and real servers (B22, B26).

Both regions' logs are the same set: here two databases are applied from one broker. One of them is emptied
after the log has lost its beginning, as after years. What it is rebuilt to must equal the other, row by row.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from moto import mock_aws

from lifeline.lambdas.contracts.archiver import Archive, ArchiveTask
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.archive_request import (
    ACCEPT_GAP,
    DATABASE,
    END_RESTORE,
    RESTORE,
    TOPIC,
    VERIFY,
    Request,
)
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
from lifeline.lambdas.failover.markers import Marker, Pair
from lifeline.services.archiver import accept_gap, archive, restore_database, task
from lifeline.services.archiver.archive import Archiver
from lifeline.services.archiver.archive_bucket import ArchiveBucket
from lifeline.services.archiver.archived_places import ArchivedPlaces
from lifeline.services.archiver.proven_objects import Span
from lifeline.services.archiver.restoring import NotRestored, Source
from lifeline.services.event_applier.batch import LogRecord, batch_of
from lifeline.services.event_applier.migrate import migrate
from lifeline.services.event_applier.old_partitions import OldPartitions
from lifeline.services.event_applier.store import NotServing, Store
from lifeline.services.event_applier.upkeep import FIRST_SECONDS, Upkeep
from lifeline.services.shared.database import Connection, connect
from lifeline.services.shared.serving_guard import ServingGuard
from lifeline.services.shared.topics import DEAD_LETTERS
from tests.integration.conftest import NewLog
from tests.integration.datapath.applying import (
    CHECKPOINTS,
    HOME,
    PARTITIONS,
    RECOVERY,
    Log,
    applying,
    log_settings,
)
from tests.integration.datapath.engines import until
from tests.integration.datapath.log_records import TOPIC as EVENTS
from tests.integration.datapath.log_records import event_body, event_record
from tests.support.clocks import ManualClock
from tests.support.tables import made_table

Sql = Callable[..., list[Any]]
BUCKET = "archive"
PAIR = (HOME, "100", "shardId-0")
PAIRS = (Pair(HOME, "100", "shardId-0"), Pair(RECOVERY, "200", "shardId-0"))
NOW_MS = int(SYSTEM_CLOCK.now() * 1000)
# All that is said of an event, but for what depends on when and by whom it was applied.
EVENTS_HASH = """
SELECT count(*), md5(string_agg(e::text, '' ORDER BY event_id)) FROM (
    SELECT occurred_on, event_id, event_type, aggregate_type, aggregate_id, sequence, version,
        payload_text::text, metadata_text::text, origin, incarnation, shard, shard_sequence, topic
    FROM event) AS e
"""
DERIVED_HASH = """
SELECT (SELECT md5(string_agg(a::text, '' ORDER BY aggregate_type, aggregate_id)) FROM aggregate AS a),
    (SELECT md5(string_agg(m::text, '' ORDER BY origin)) FROM (
        SELECT origin, incarnation, shard, topic, partition, sequence, record_time
        FROM applied_marker) AS m)
"""


def written(events: int, first: int = 0) -> list[LogRecord]:
    """Events of many patients, and after each ten a marker of both origins, as a log has them."""
    found: list[LogRecord] = []
    for number in range(first, first + events):
        offset = len(found)
        body = event_body(number, aggregate=f"p-{number % 17}")
        found.append(event_record(offset, body)._replace(time_ms=NOW_MS + number))
        if number % 10 == 9:
            for pair in PAIRS:
                marker = Marker(pair, number + 1, NOW_MS, (pair.shard,), ((EVENTS, 0),), number - 9)
                found.append(
                    LogRecord(
                        EVENTS, 0, 0, NOW_MS + number, marker.to_bytes(), [("kind", b"marker")]
                    )
                )
    return found


@pytest.fixture
def log(new_log: NewLog) -> Log:
    return Log(new_log(PARTITIONS))


@pytest.fixture
def bucket() -> Iterator[ArchiveBucket]:
    with mock_aws():
        client: Any = boto3.client("s3", region_name=HOME)
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": HOME})
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        made_table(HOME, CHECKPOINTS)
        yield ArchiveBucket(BUCKET, HOME)


@contextmanager
def archiving(log: Log) -> Iterator[Archiver]:
    archiver = Archiver(
        Archive(
            log=log_settings(log.bootstrap),
            region=HOME,
            suffix="test",
            archive_bucket=BUCKET,
            checkpoints_table=CHECKPOINTS,
            archive_roll_seconds=0.2,
        )
    )
    thread = threading.Thread(target=archiver.run)
    thread.start()
    try:
        yield archiver
    finally:
        archiver.stopping.set()
        thread.join(15)
    assert not thread.is_alive()


def archived(bucket: ArchiveBucket) -> int:
    """Records of the events' partition that lie in objects."""
    return sum(
        manifest.records
        for one in bucket.listed(f"topics/{EVENTS}/")
        if (manifest := bucket.manifest(one.key))
    )


def wait_archived(bucket: ArchiveBucket, records: int) -> None:
    until(f"{records} records archived", lambda: archived(bucket) == records)


def asked(log: Log, database: DatabaseAddress, **changes: Any) -> dict[str, Any]:
    """The task's answer."""
    given: dict[str, Any] = {
        "run": "r", "do": VERIFY, "since_ms": NOW_MS - 1, "until_ms": NOW_MS + 10**9,
        "topics": (EVENTS,), **changes,
    }  # fmt: skip
    return task.answered(Request(**given), told(log, database))


def told(log: Log, database: DatabaseAddress, kept_days: int = 2_557) -> ArchiveTask:
    return ArchiveTask(
        database=database,
        log=log_settings(log.bootstrap),
        region=HOME,
        suffix="test",
        archive_bucket=BUCKET,
        checkpoints_table=CHECKPOINTS,
        archive_days=kept_days,
    )


@pytest.fixture
def survivor(database: DatabaseAddress, sql: Sql) -> Iterator[DatabaseAddress]:
    """The other region's database: another one of the same server, as the migrations leave it."""
    sql("CREATE DATABASE survivor")
    other = replace(database, name="survivor")
    try:
        migrate(other)
        yield other
    finally:
        sql("DROP DATABASE survivor WITH (FORCE)")


def sums(database: DatabaseAddress) -> list[Any]:
    with connect(database, purpose="test") as one:
        return [*one.execute(EVENTS_HASH).fetchall(), *one.execute(DERIVED_HASH).fetchall()]


def serve(database: DatabaseAddress) -> None:
    with connect(database, purpose="test") as one:
        one.execute(
            "UPDATE authority SET epoch = 1, holder = %s, renewals = renewals + 1, "
            "renewed_from = clock_timestamp() + interval '1 hour'",
            (HOME,),
        )


def applied(database: DatabaseAddress, log: Log, events: int) -> None:
    """By the event applier, until so many events are stored and their markers too."""
    serve(database)
    with connect(database, purpose="test") as one, applying(database, log):

        def count(words: str) -> Any:
            row = one.execute(words.encode()).fetchone()
            return row and row[0]

        until("the events", lambda: count("SELECT count(*) FROM event") == events)
        until("the markers", lambda: count("SELECT min(sequence) FROM applied_marker") == events)


def killed_after(batches: int, request: Request, given: ArchiveTask) -> int:
    """A restore in a process of its own that is killed when so many of its batches lie in the database."""

    def run() -> None:
        real = restore_database.DatabaseRestore._apply
        left = batches

        def apply(self: Any, *arguments: Any) -> None:
            nonlocal left
            real(self, *arguments)
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

        setattr(restore_database.DatabaseRestore, "_apply", apply)  # noqa: B010 - of this process alone
        task.answered(request, given)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join(60)
    return process.exitcode or 0


def test_a_database_is_rebuilt_from_archive_and_log_though_interrupted_twice(
    database: DatabaseAddress,
    sql: Sql,
    survivor: DatabaseAddress,
    log: Log,
    bucket: ArchiveBucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Acceptance 5: by hash over the events, and over what is derived of them."""
    monkeypatch.setattr(restore_database, "BATCH_RECORDS", 50)
    old = written(400)
    with archiving(log):
        for at in (0, 240):
            log.put(old[at : at + 240])
            wait_archived(bucket, at + 240)
    applied(survivor, log, 400)
    log.put(written(100, first=400))  # in the log alone
    applied(survivor, log, 500)
    log.trim(len(old) - 60)  # retention took what was archived, and not the last of it

    found = asked(log, database)
    assert (found["records"], found["faults"]) == (len(old), [])
    dry = asked(log, database, do=RESTORE, into=DATABASE)
    assert (dry["records"], dry["restored"]) == (len(old), 0)
    assert sql("SELECT count(*) FROM event") == [(0,)]

    expect = dry["records"]
    request = Request(
        run="r", do=RESTORE, into=DATABASE, since_ms=NOW_MS - 1, until_ms=NOW_MS + 10**9,
        topics=(EVENTS,), expect=expect,
    )  # fmt: skip
    stored = [0]
    for batches in (3, 2):
        assert killed_after(batches, request, told(log, database)) == -signal.SIGKILL
        stored.append(sql("SELECT count(*) FROM event")[0][0])
    assert 0 < stored[1] < stored[2] < 400
    done = task.answered(request, told(log, database))
    assert sql("SELECT count(*) FROM event") == [(400,)]
    assert done["before"] + done["restored"] <= expect
    assert done["restored"] < expect, "a record that was restored before is not restored again"

    applied(database, log, 500)
    assert sums(database) == sums(survivor)
    again = task.answered(request, told(log, database))
    assert (again["restored"], again["before"]) == (0, expect)


def test_two_archivers_make_one_chain_and_one_that_was_stopped_goes_on(
    database: DatabaseAddress, log: Log, bucket: ArchiveBucket
) -> None:
    with archiving(log), archiving(log):
        for number in range(3):
            log.put(written(20, first=20 * number))
            wait_archived(bucket, 24 * (number + 1))
    log.put(written(20, first=60))
    with archiving(log):
        wait_archived(bucket, 4 * 24)
    found = asked(log, database)
    assert (found["records"], found["faults"]) == (4 * 24, [])
    assert found["objects"] >= 4


def test_an_object_that_is_missing_or_changed_is_found(
    database: DatabaseAddress, log: Log, bucket: ArchiveBucket
) -> None:
    client: Any = boto3.client("s3", region_name=HOME)
    with archiving(log):
        for number in range(3):
            log.put(written(10, first=10 * number))
            wait_archived(bucket, 12 * (number + 1))
    keys = [one.key for one in bucket.listed(f"topics/{EVENTS}/")]
    assert asked(log, database)["faults"] == []
    body = client.get_object(Bucket=BUCKET, Key=keys[1])["Body"].read()
    client.delete_object(Bucket=BUCKET, Key=keys[1])
    assert "an object is missing" in asked(log, database)["faults"][0]
    with pytest.raises(NotRestored, match="an object is missing"):
        asked_restore(log, database, bucket)
    last = client.get_object(Bucket=BUCKET, Key=keys[2])["Body"].read()
    client.put_object(Bucket=BUCKET, Key=keys[1], Body=body[:-20])
    assert "ends in the middle" in asked(log, database)["faults"][0]
    client.put_object(Bucket=BUCKET, Key=keys[1], Body=last)
    assert "its manifest is that of" in asked(log, database)["faults"][0]
    client.put_object(Bucket=BUCKET, Key=keys[1], Body=body)
    assert asked(log, database)["faults"] == []


def asked_restore(log: Log, database: DatabaseAddress, bucket: ArchiveBucket) -> None:
    """Past the look at all of it, as when the object went after that."""
    source = Source(bucket, HOME, Span(NOW_MS - 1, NOW_MS + 10**9), False)
    with connect(database, purpose="test") as one:
        run = restore_database.DatabaseRestore(one, HOME, source, lambda _done: None)
        run.run([(EVENTS, 0)], NOW_MS)


def test_what_retention_took_before_it_was_archived_is_a_gap(
    database: DatabaseAddress, log: Log, bucket: ArchiveBucket, capsys: pytest.CaptureFixture[str]
) -> None:
    with archiving(log):
        log.put(written(10))
        wait_archived(bucket, 12)
    log.put(written(20, first=10))
    log.trim(30)
    with archiving(log):
        wait_archived(bucket, 12 + 6)
    assert "18 records before it, from offset 12 on, were gone" in asked(log, database)["faults"][0]
    lines = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    assert [one["ArchiveGaps"] for one in lines if one.get("ArchiveGaps")] == [18]
    with pytest.raises(NotRestored, match="18 records before it"):
        asked_restore(log, database, bucket)


def test_a_topic_is_restored_record_by_record_and_each_once(
    database: DatabaseAddress, log: Log, bucket: ArchiveBucket
) -> None:
    """Also what is no text, has no key or a header twice; a second run goes on behind the first."""
    odd = LogRecord(EVENTS, 0, 0, NOW_MS, b"\xff\x00{", [("a", b"1"), ("a", b"\xfe")])
    with archiving(log):
        log.put([odd, *written(10)])
        wait_archived(bucket, 13)
        expect = asked(log, database)["records"]
        restore = {"do": RESTORE, "into": TOPIC}
        assert asked(log, database, **restore, expect=expect)["restored"] == 13
        log.put(written(10, first=10))
        wait_archived(bucket, 25)
    again = asked(log, database, **restore, expect=25)
    assert (again["restored"], again["before"]) == (12, 13)
    found = records_of(log, f"restored.{EVENTS}")
    assert [one[:3] for one in found] == [one[:3] for one in records_of(log, EVENTS)]
    assert [one[3][:-1] for one in found] == [one[3] for one in records_of(log, EVENTS)]
    assert [name for *_, headers in found for name, _ in headers[-1:]] == ["restored-from"] * 25


def records_of(log: Log, topic: str) -> list[Any]:
    consumer = Consumer(
        {"bootstrap.servers": log.bootstrap, "group.id": "x", "log_level": 2,
         "enable.partition.eof": True}
    )  # fmt: skip
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    found: list[Any] = []
    while True:
        for one in consumer.consume(1_000, 0.2):
            if one.error() is not None:
                consumer.close()
                return found
            found.append((one.timestamp(), one.key(), one.value(), one.headers() or []))


def test_what_is_missing_at_the_end_is_a_fault(
    database: DatabaseAddress, log: Log, bucket: ArchiveBucket
) -> None:
    """The archiver stood still, or the newest objects are gone: that breaks no chain."""
    with archiving(log):
        log.put([one._replace(time_ms=NOW_MS - 3_600_000) for one in written(10)])
        wait_archived(bucket, 12)
    found = asked(log, database, since_ms=NOW_MS - 7_200_000)
    [fault] = found["faults"]
    assert f"{EVENTS}/0: no object of {HOME} has a record after" in fault
    early = asked(log, database, since_ms=NOW_MS - 7_200_000, until_ms=NOW_MS - 3_000_000)
    assert early["faults"] == []


def test_an_object_that_the_end_cuts_is_read_again_by_a_run_with_a_later_end(
    database: DatabaseAddress, sql: Sql, log: Log, bucket: ArchiveBucket
) -> None:
    with archiving(log):
        log.put(written(40))
        wait_archived(bucket, 48)
    for until_ms, events in ((NOW_MS + 15, 15), (NOW_MS + 10**9, 40)):
        given = {"do": RESTORE, "into": DATABASE, "until_ms": until_ms}
        dry = asked(log, database, **given)
        asked(log, database, **given, expect=dry["records"])
        assert sql("SELECT count(*) FROM event") == [(events,)]


def test_an_earlier_begin_than_the_one_that_was_restored_is_refused(
    database: DatabaseAddress, sql: Sql, log: Log, bucket: ArchiveBucket
) -> None:
    """It would go on behind what is there, and leave out all that lies before."""
    with archiving(log):
        log.put(written(40))
        wait_archived(bucket, 48)
    late = {"do": RESTORE, "into": DATABASE, "since_ms": NOW_MS + 20}
    done = asked(log, database, **late, expect=asked(log, database, **late)["records"])
    assert done["restored"] > 0, done
    with pytest.raises(NotRestored, match="an earlier --from would be left out"):
        asked(log, database, do=RESTORE, into=DATABASE)


def test_a_database_with_events_of_its_own_is_not_restored_into(
    database: DatabaseAddress, sql: Sql, log: Log, bucket: ArchiveBucket
) -> None:
    log.put(written(10))
    applied(database, log, 10)
    with pytest.raises(NotRestored, match="only an empty one is restored into"):
        asked(log, database, do=RESTORE, into=DATABASE, expect=1)
    sql("UPDATE authority SET holder = %s", RECOVERY)
    with pytest.raises(NotRestored, match=f"the database serves {RECOVERY}"):
        asked(log, database, do=RESTORE, into=DATABASE, expect=1)


def test_a_count_that_is_not_the_expected_one_restores_nothing(
    database: DatabaseAddress, sql: Sql, log: Log, bucket: ArchiveBucket
) -> None:
    with archiving(log):
        log.put(written(10))
        wait_archived(bucket, 12)
    with pytest.raises(NotRestored, match="12 records are in the archive, 11 were expected"):
        asked(log, database, do=RESTORE, into=DATABASE, expect=11)
    assert sql("SELECT count(*) FROM event") == [(0,)]
    with pytest.raises(NotRestored, match=r"no\.such is not archived; allowed are"):
        asked(log, database, topics=("no.such",))


def old_day(sql: Sql, days: int = 40, first: int = 11, last: int = 20) -> str:
    """A partition of so many days ago with one event, whose day has records of these sequences."""
    [[name, day]] = sql(
        "SELECT 'event_' || to_char(day, 'YYYYMMDD'), day "
        "FROM (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date - %s::integer AS day) AS d",
        days,
    )
    sql("SELECT extend_event_partitions(%s, 0)", days)
    an_event(sql, days, last)
    sql(
        "INSERT INTO event_source VALUES (%s, %s, 0, %s, %s, %s, %s, %s)",
        *(day, EVENTS, *PAIR, first, last),
    )
    return str(name)


def an_event(sql: Sql, days: int, sequence: int) -> None:
    """Of so many days ago."""
    sql(
        "INSERT INTO event (occurred_on, event_id, event_type, aggregate_type, aggregate_id, sequence, "
        "version, payload, metadata, origin, incarnation, shard, shard_sequence, topic, applied_epoch) "
        "VALUES (clock_timestamp() - make_interval(days => %s), gen_random_uuid(), 'A', 'A', 'a', 1, 1, "
        "'{}', '{}', %s, %s, %s, %s, %s, 1)",
        *(days, *PAIR, sequence, EVENTS),
    )


def days(sql: Sql) -> list[str]:
    """All tables of a day, older than what is kept."""
    rows = sql(
        "SELECT relname FROM pg_class WHERE relname ~ '^event_[0-9]{8}$' AND relkind = 'r' AND relname < "
        "'event_' || to_char((clock_timestamp() AT TIME ZONE 'UTC')::date - 36, 'YYYYMMDD') ORDER BY 1"
    )
    return [name for (name,) in rows]


@pytest.fixture
def old(sql: Sql) -> Iterator[list[str]]:
    """Days that are older than what is kept, 37 to 40 days, with an event each."""
    for age in range(40, 36, -1):
        old_day(sql, age)
    yield days(sql)
    for name in days(sql):
        sql(f"DROP TABLE {name}")


def test_a_day_is_dropped_once_the_archive_holds_its_records(
    database: DatabaseAddress,
    sql: Sql,
    log: Log,
    bucket: ArchiveBucket,
    old: list[str],
    connection: Connection,
) -> None:
    assert len(old) == 4
    log.put(written(10))
    upkeep = OldPartitions(ArchivedPlaces(CHECKPOINTS, HOME).held, 35)
    upkeep.keep_up(connection)
    assert days(sql) == old, "nothing is archived"
    assert sql("SELECT count(*) FROM detached_partition") == [(4,)]
    assert sql("SELECT count(*) FROM event") == [(0,)], "what is detached is read no more"
    with archiving(log):
        wait_archived(bucket, 12)
        upkeep.keep_up(connection)
        assert days(sql) == old, "what is archived ends before its records"
        log.put(written(10, first=10))
        wait_archived(bucket, 24)
    assert upkeep.overdue == 2, "two days more are a grace"
    upkeep.keep_up(connection)
    assert days(sql) == []
    assert sql("SELECT count(*) FROM detached_partition") == [(0,)]
    assert (upkeep.overdue, upkeep.in_default) == (0, 0)
    an_event(sql, 300, 1)
    upkeep.keep_up(connection)
    assert upkeep.in_default == 1, "it has no day (C3)"


def test_a_lost_regions_tail_keeps_its_day_and_no_other(
    database: DatabaseAddress,
    sql: Sql,
    log: Log,
    bucket: ArchiveBucket,
    old: list[str],
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Behind the last marker that was copied there are events in the database only. Later days have none."""
    tail = old_day(sql, 41, first=12, last=23)
    log.put(written(20))
    with archiving(log):
        wait_archived(bucket, 24)
    for _ in range(2):
        OldPartitions(ArchivedPlaces(CHECKPOINTS, HOME).held, 35).keep_up(connection)
        assert days(sql) == [tail]
        said = capsys.readouterr().out
        assert f"the archive does not have {HOME}/shardId-0 in {EVENTS}/0, (20, 23]" in said
    day = f"{tail[6:10]}-{tail[10:12]}-{tail[12:]}"
    sql("UPDATE authority SET epoch = 1, holder = %s", HOME)

    def accepted(**given: Any) -> dict[str, Any]:
        asks = Request(run="r", do=ACCEPT_GAP, until_ms=NOW_MS, who="ann", **given)
        return task.answered(asks, told(log, database))

    [kept] = accepted()["days"]
    assert (kept["day"], kept["events"], kept["stretches_in_all"]) == (day, None, 1)
    [kept] = accepted(day=day)["days"]
    assert (kept["events"], kept["noted"]) == (1, True)
    assert (kept["stretches"][0]["after"], kept["stretches"][0]["until"]) == ("20", "23")
    with pytest.raises(NotRestored, match=r"1 events of .* may be in no archive, 2 were expected"):
        accepted(day=day, expect=2, why="looked")
    with pytest.raises(NotRestored, match="is not kept for the archive's sake; kept are: " + day):
        accepted(day="2026-01-01")
    assert accepted(day=day, expect=1, why="looked")["accepted"]
    assert sql("SELECT who, why FROM accepted_gap") == [("ann", "looked")]
    sql("UPDATE event_source SET last = 24")
    OldPartitions(ArchivedPlaces(CHECKPOINTS, HOME).held, 35).keep_up(connection)
    assert days(sql) == [tail], "only what was shown is accepted"
    sql("UPDATE event_source SET last = 23")
    OldPartitions(ArchivedPlaces(CHECKPOINTS, HOME).held, 35).keep_up(connection)
    assert days(sql) == []


def test_a_day_of_which_the_places_were_not_noted_is_kept_and_one_without_an_event_is_not(
    sql: Sql, old: list[str], connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was stored by a release before migration 0011, at least in part."""
    sql(f"DELETE FROM event WHERE tableoid = '{old[0]}'::regclass")
    sql("UPDATE event_floor SET noted_from = '2999-01-01'")
    sql("UPDATE event_source SET first = 5, last = 4")  # of which nothing can be missing
    with mock_aws():
        made_table(HOME, CHECKPOINTS)
        upkeep = OldPartitions(ArchivedPlaces(CHECKPOINTS, HOME).held, 35)
        upkeep.keep_up(connection)
        assert "stored before its places were noted" in capsys.readouterr().out
        assert days(sql) == old[1:]
        day = f"{old[2][6:10]}-{old[2][10:12]}-{old[2][12:]}"
        archived = ArchivedPlaces(CHECKPOINTS, HOME).held
        asks = Request(run="r", do=ACCEPT_GAP, until_ms=1, day=day, expect=1, who="a", why="b")
        assert accept_gap.accept(connection, archived, asks)["days"][0]["noted"] is False
        upkeep.keep_up(connection)
        assert days(sql) == [old[1], old[3]], "a person may accept that, too"
        sql("UPDATE event_floor SET noted_from = '-infinity'")
        sql(f"DELETE FROM event_source WHERE day = to_date('{old[1][6:]}', 'YYYYMMDD')")
        upkeep.keep_up(connection)
    assert days(sql) == old[1:2], "a day without any place is not known either"


def test_an_archive_that_is_not_known_keeps_every_day(
    sql: Sql, old: list[str], connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """No table, no item: kept, said and counted."""
    with mock_aws():
        upkeep = OldPartitions(ArchivedPlaces("no-such-table", HOME).held, 35)
        upkeep.keep_up(connection)
        assert "is not known: ResourceNotFoundException" in capsys.readouterr().out
        assert (days(sql), upkeep.overdue) == (old, 2)
        made_table(HOME, CHECKPOINTS)
        upkeep = OldPartitions(ArchivedPlaces(CHECKPOINTS, HOME).held, 35)
        upkeep.keep_up(connection)
        assert "the archive does not have" in capsys.readouterr().out
        assert days(sql) == old


def test_while_a_restore_has_no_end_no_day_leaves_the_database(
    sql: Sql, old: list[str], connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """It restores days past the hot retention, too: dropping them would undo it."""
    sql("INSERT INTO archive_restore VALUES ('t', 0, 'r', 'l', 5, 0, '2026-01-02T00:00Z')")
    sql("UPDATE event_source SET first = 5, last = 4")
    with mock_aws():
        made_table(HOME, CHECKPOINTS)
        archived = ArchivedPlaces(CHECKPOINTS, HOME).held
        upkeep = OldPartitions(archived, 35)
        upkeep.keep_up(connection)
        said = capsys.readouterr().out
        assert "a restore has no end yet (`lifeline archive end-restore`)" in said
        assert '"partitions": 1, "last_at": "2026-01-02 00:00:00+00"' in said
        asks = Request(run="r", do=ACCEPT_GAP, until_ms=1)
        told = accept_gap.accept(connection, archived, asks)
        assert told["restore"] == {"partitions": 1, "since_ms": 0, "last_ms": 1_767_312_000_000}
        assert (days(sql), upkeep.overdue) == (old, 2)
        assert sql("SELECT detach_old_partition(36)") == [(None,)]
        end = Request(run="r", do=END_RESTORE, until_ms=1, who="ann")
        assert not accept_gap.end_restore(connection, end)["ended"]
        assert sql("SELECT detach_old_partition(36)") == [(None,)]
        assert accept_gap.end_restore(connection, replace(end, why="compared"))["ended"]
        upkeep.keep_up(connection)
        assert accept_gap.accept(connection, archived, asks)["restore"] is None
    assert (days(sql), upkeep.overdue) == ([], 0)


def test_what_comes_again_of_a_day_that_is_gone_is_not_counted_twice(
    sql: Sql, connection: Connection, serve_here: Callable[..., None]
) -> None:
    """A log that is read again has records of dropped days: events are taken for 35 days, and kept for 36."""
    long_ago = SYSTEM_CLOCK.now() - 40 * 86_400
    at = datetime.fromtimestamp(long_ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    stored = [event_record(n, event_body(n, occurredOn=at)) for n in range(3)]
    sql("SELECT extend_event_partitions(40, 0)")
    serve_here()
    guard = ServingGuard(HOME, 20.0)
    store = Store(connection, HOME, guard)
    with pytest.raises(NotServing):
        store.apply(batch_of([]), heartbeat=False)  # it meets the epoch
    assert store.apply(batch_of(stored), heartbeat=False).inserted == 3
    counted = sql("SELECT sequence, events FROM aggregate")
    while sql("SELECT detach_old_partition(36)") != [(None,)]:
        pass
    again = store.apply(batch_of(stored), heartbeat=False)
    assert (again.inserted, again.duplicates, again.set_aside) == (0, 3, 0)
    assert sql("SELECT sequence, events FROM aggregate") == counted
    assert sql("SELECT count(*) FROM event") == [(0,)]
    late = [*stored, event_record(7, event_body(7, occurredOn=at)), event_record(8, event_body(8))]
    found = store.apply(batch_of(late), heartbeat=False)
    assert (found.inserted, found.duplicates, found.set_aside) == (1, 3, 1)
    [(detail,)] = sql("SELECT detail FROM dead_letter")
    assert "left the database before it came" in detail


def test_a_partition_that_cannot_be_archived_holds_back_no_other(
    log: Log,
    bucket: ArchiveBucket,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(archive, "RETRY_SECONDS", 0.2)
    table: Any = boto3.client("dynamodb", region_name=HOME)
    item = {"id": {"S": f"archive#{EVENTS}#0"}, "body": {"S": '{"format": 9}'}}
    table.put_item(TableName=CHECKPOINTS, Item=item)
    log.put(written(10))
    log.put([event_record(n, event_body(n))._replace(topic=DEAD_LETTERS) for n in range(3)])
    with archiving(log):
        until("the other one", lambda: any(bucket.listed(f"topics/{DEAD_LETTERS}/")))
        assert list(bucket.listed(f"topics/{EVENTS}/")) == []
        said = capsys.readouterr().out
        assert f'"a partition is not archived", "place": ["{EVENTS}", 0]' in said
        table.delete_item(TableName=CHECKPOINTS, Key={"id": item["id"]})
        wait_archived(bucket, 12)
        assert "a partition is archived again" in capsys.readouterr().out


def test_by_default_a_look_goes_back_as_far_as_the_archive_keeps(
    log: Log, bucket: ArchiveBucket, database: DatabaseAddress
) -> None:
    """A profile that keeps objects for 30 days has none of the 36th day: that is no fault."""
    log.put(written(10))
    with archiving(log):
        wait_archived(bucket, 12)
    for kept, looked_at in ((30, 29), (2_557, 36)):
        asks = Request(run="r", do=VERIFY, until_ms=NOW_MS + 10**6, topics=(EVENTS,))
        found = task.answered(asks, told(log, database, kept))
        assert (asks.until_ms - found["since_ms"]) / 86_400_000 == looked_at
        assert found["faults"] == []


def test_what_answers_nothing_any_more_is_forgotten(sql: Sql) -> None:
    """Each table has a bound: what is said of an event goes with it, a published letter after two months."""
    sql("UPDATE event_floor SET day = CURRENT_DATE - 40")
    for age, letter in ((61, True), (59, True), (61, False)):
        published = (
            "now() - make_interval(days => %s)" if letter else "CASE WHEN %s = 0 THEN now() END"
        )
        sql(
            "INSERT INTO dead_letter (id, value, headers, detail, applied_epoch, published_at) "
            f"VALUES (gen_random_uuid()::text, '', '[]', '', 1, {published})",
            age,
        )
    for age in (30, 50):
        at = f"now() - make_interval(days => {age})"
        sql(f"INSERT INTO quality_flag VALUES (gen_random_uuid(), {at}, 'c', 'f')")
        sql(
            f"INSERT INTO observation_correction VALUES ('P', 'p{age}', 'n', 's', {at}, 1, "
            "gen_random_uuid())"
        )
    for age in (300, 500):
        sql(f"INSERT INTO event_source VALUES (CURRENT_DATE - {age}, 't', 0, 'o', 'i', 's', 1, 2)")
        sql(
            "INSERT INTO unexpected_event SELECT gen_random_uuid(), now(), '', 't', 'a', 'a', 1, 1, "
            f"'1', '1', 'o', 'i', 's', 1, 't', 1, now() - make_interval(days => {age})"
        )
    kept = {
        "dead_letter": (3, 2), "quality_flag": (2, 1), "observation_correction": (2, 1),
        "event_source": (2, 1), "unexpected_event": (2, 1),
    }  # fmt: skip
    for name, (before, _) in kept.items():
        assert sql(f"SELECT count(*) FROM {name}") == [(before,)], name
    assert sql("SELECT forget_old_rows()") == [(False,)], "there is no more"
    for name, (_, after) in kept.items():
        assert sql(f"SELECT count(*) FROM {name}") == [(after,)], name
    assert sql("SELECT count(*) FROM dead_letter WHERE published_at IS NULL") == [(1,)]


def test_what_is_old_goes_in_parts_until_none_is_left(sql: Sql, connection: Connection) -> None:
    """At once it would be more than a transaction's time; once an hour one part would not keep up."""
    sql(
        "INSERT INTO dead_letter (id, value, headers, detail, applied_epoch, published_at) "
        "SELECT n::text, '', '[]', '', 1, now() - interval '61 days' FROM generate_series(1, 20001) n"
    )
    assert sql("SELECT forget_old_rows()") == [(True,)]
    assert sql("SELECT count(*) FROM dead_letter") == [(10_001,)]
    old, clock = OldPartitions(lambda _places: {}, 35), ManualClock()
    upkeep = Upkeep(lambda: connection, lambda: True, old, "test", clock)
    upkeep.turn()
    clock.at += FIRST_SECONDS
    upkeep.turn()
    assert sql("SELECT count(*) FROM dead_letter") == [(0,)]


def test_only_days_past_the_retention_are_detached_and_only_detached_ones_dropped(
    sql: Sql,
) -> None:
    refused = {
        "detach_old_partition(35)": "allowed are 36",
        "drop_detached_partition('event_default')": "no detached partition",
    }
    for call, error in refused.items():
        with pytest.raises(psycopg.errors.RaiseException, match=error):
            sql(f"SELECT {call}")
