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
from typing import Any

import boto3
import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from moto import mock_aws

from lifeline.lambdas.contracts.archiver import Archive, ArchiveTask
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.archive_request import DATABASE, RESTORE, TOPIC, VERIFY, Request
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
from lifeline.lambdas.failover.markers import Marker, Pair
from lifeline.services.archiver import restore_database, task
from lifeline.services.archiver.archive import Archiver
from lifeline.services.archiver.archive_bucket import ArchiveBucket
from lifeline.services.archiver.archived_places import ArchivedPlaces
from lifeline.services.archiver.proven_objects import Span
from lifeline.services.archiver.restoring import NotRestored, Source
from lifeline.services.event_applier.batch import LogRecord
from lifeline.services.event_applier.migrate import migrate
from lifeline.services.event_applier.old_partitions import OldPartitions
from lifeline.services.shared.database import Connection, connect
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
from tests.support.tables import made_table

Sql = Callable[..., list[Any]]
BUCKET = "archive"
PAIRS = (Pair(HOME, "100", "shardId-0"), Pair(RECOVERY, "200", "shardId-0"))
NOW_MS = int(SYSTEM_CLOCK.now() * 1000)
LONG_MS = 50 * 86_400_000
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


def began_long_ago() -> LogRecord:
    """A marker before all that `written` gives, older than every day that is looked at."""
    made = Marker(PAIRS[0], 0, NOW_MS, (PAIRS[0].shard,), ((EVENTS, 0),), 0)
    return LogRecord(EVENTS, 0, 0, NOW_MS - LONG_MS, made.to_bytes(), [("kind", b"marker")])


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


def told(log: Log, database: DatabaseAddress) -> ArchiveTask:
    return ArchiveTask(
        database=database,
        log=log_settings(log.bootstrap),
        region=HOME,
        suffix="test",
        archive_bucket=BUCKET,
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


def old_day(sql: Sql, days: int = 40) -> str:
    """A partition of so many days ago with one event."""
    [[name]] = sql(
        "SELECT 'event_' || to_char((clock_timestamp() AT TIME ZONE 'UTC')::date - %s, 'YYYYMMDD')",
        days,
    )
    sql("SELECT extend_event_partitions(%s, 0)", days)
    sql(
        "INSERT INTO event (occurred_on, event_id, event_type, aggregate_type, aggregate_id, sequence, "
        "version, payload, metadata, origin, incarnation, shard, shard_sequence, topic, applied_epoch) "
        "VALUES (clock_timestamp() - make_interval(days => %s), gen_random_uuid(), 'A', 'A', 'a', 1, 1, "
        "'{}', '{}', '', '', '', 1, '', 1)",
        days,
    )
    return str(name)


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


def test_a_day_is_dropped_once_the_archive_holds_what_was_applied(
    database: DatabaseAddress,
    sql: Sql,
    log: Log,
    bucket: ArchiveBucket,
    old: list[str],
    connection: Connection,
) -> None:
    assert len(old) == 4
    log.put([began_long_ago(), *written(20)])
    applied(database, log, 20)  # the applier itself looks once an hour, and at its start
    assert days(sql) == old, "nothing is archived"
    assert sql("SELECT count(*) FROM detached_partition") == [(4,)]
    assert sql("SELECT count(*) FROM event") == [(20,)], "what is detached is read no more"
    upkeep = OldPartitions(ArchivedPlaces(CHECKPOINTS, HOME).held, 35)
    with archiving(log):
        wait_archived(bucket, 25)
        upkeep.keep_up(connection)
        assert days(sql) == old, "what is archived ends at the markers that were applied"
        log.put(written(10, first=20))
        wait_archived(bucket, 37)
    assert upkeep.overdue == 2, "two days more are a grace"
    upkeep.keep_up(connection)
    assert days(sql) == []
    assert sql("SELECT count(*) FROM detached_partition") == [(0,)]
    assert upkeep.overdue == 0


def test_a_day_before_the_archive_began_is_kept_and_one_without_an_event_is_not(
    database: DatabaseAddress,
    sql: Sql,
    log: Log,
    bucket: ArchiveBucket,
    old: list[str],
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sql(f"DELETE FROM event WHERE tableoid = '{old[0]}'::regclass")
    log.put(written(20))
    applied(database, log, 20)
    log.put(written(10, first=20))
    with archiving(log):
        wait_archived(bucket, 36)
    OldPartitions(ArchivedPlaces(CHECKPOINTS, HOME).held, 35).keep_up(connection)
    assert "began after the day" in capsys.readouterr().out
    assert days(sql) == old[1:]


def test_an_archive_that_is_not_known_keeps_every_day(
    sql: Sql, old: list[str], connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """No table, an item of another kind, no marker that was applied: kept, said and counted."""
    with mock_aws():
        upkeep = OldPartitions(ArchivedPlaces("no-such-table", HOME).held, 35)
        sql("INSERT INTO applied_marker VALUES ('r', '1', 's', 't', 0, 5, now(), now())")
        upkeep.keep_up(connection)
        assert "is not known: ResourceNotFoundException" in capsys.readouterr().out
        assert (days(sql), upkeep.overdue) == (old, 2)
        made_table(HOME, CHECKPOINTS)
        upkeep = OldPartitions(ArchivedPlaces(CHECKPOINTS, HOME).held, 35)
        upkeep.keep_up(connection)
        assert "the archive says nothing of t/0" in capsys.readouterr().out
        sql("UPDATE detached_partition SET markers = '[]'")
        upkeep.keep_up(connection)
        assert "no marker was applied" in capsys.readouterr().out
        assert days(sql) == old


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
