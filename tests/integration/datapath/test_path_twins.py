"""The path world's twins against the real ones: the same calls, the same answers.

PostgreSQL and Apache Kafka run here; Kinesis and DynamoDB are moto's. What a twin answers otherwise, the
simulator would find, or miss, in a world that is not ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from moto import mock_aws

from lifeline.lambdas.failover.manifests import Manifest
from lifeline.lambdas.failover.markers import Marker, Pair
from lifeline.lambdas.stream_bridge import log_partition, log_writer
from lifeline.lambdas.stream_bridge.batch import LogRecord as BridgedRecord
from lifeline.lambdas.stream_bridge.count_table import Conflict, CountTable
from lifeline.lambdas.stream_bridge.log_partition import LogReader
from lifeline.lambdas.stream_bridge.log_writer import LogWriter, producer_settings
from lifeline.lambdas.stream_bridge.shard_count import CountedMarker, ShardCount
from lifeline.lambdas.stream_bridge.shard_reader import ShardReader
from lifeline.services.event_applier import positions
from lifeline.services.event_applier.batch import LogRecord, batch_of
from lifeline.services.event_applier.positions import OwnPosition
from lifeline.services.event_applier.store import Applied, NotServing, Store
from lifeline.services.query_api.stream_client import shards_of
from lifeline.services.shared.serving_guard import ServingGuard
from simulator.network import Network
from simulator.scheduler import Machine, Scheduler
from simulator.twins import event_store, kafka
from simulator.twins.dynamodb import Tables
from simulator.twins.event_store import Authority, Server, Session, StoreTwin
from simulator.twins.kinesis import Stream
from tests.integration.conftest import NewLog
from tests.integration.datapath.log_records import (
    PAIR,
    TOPIC,
    event_body,
    event_record,
    marker_record,
)

HOME, RECOVERY = "ca-central-1", "ca-west-1"
PLACE = (TOPIC, 0)
Row = dict[str, Any]

# The stream


class MotoStream:
    """A stream of moto's with the twin's way to reshard it."""

    def __init__(self) -> None:
        self.client = boto3.client("kinesis", region_name=HOME)
        self.client.create_stream(StreamName="s", ShardCount=2)

    def split(self, name: str) -> None:
        rows = self.client.list_shards(StreamName="s")["Shards"]
        keys = next(row["HashKeyRange"] for row in rows if row["ShardId"] == name)
        middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2
        self.client.split_shard(
            StreamName="s", ShardToSplit=name, NewStartingHashKey=str(middle + 1)
        )

    def merge(self, one: str, other: str) -> None:
        self.client.merge_shards(StreamName="s", ShardToMerge=one, AdjacentShardToMerge=other)

    def __getattr__(self, operation: str) -> Any:
        return getattr(self.client, operation)


@pytest.fixture(params=["moto", "twin"])
def stream(request: pytest.FixtureRequest) -> Iterator[Any]:
    with mock_aws():
        yield MotoStream() if request.param == "moto" else Stream(time.time(), time.time)


def put(stream: Any, *keys: str) -> list[str]:
    """Into which shards they went."""
    records = [{"PartitionKey": key, "Data": key.encode()} for key in keys]
    answer = stream.put_records(StreamName="s", Records=records)
    assert answer["FailedRecordCount"] == 0
    shards = [str(row["ShardId"]) for row in answer["Records"]]
    for shard in set(shards):
        told = [int(row["SequenceNumber"]) for row in answer["Records"] if row["ShardId"] == shard]
        assert told == sorted(set(told))
    return shards


def test_a_key_goes_into_the_shard_of_its_hash(stream: Any) -> None:
    first, second = (f"shardId-00000000000{one}" for one in range(2))
    assert put(stream, "e:p-1", "e:p-2", "e:p-3", "e:p-4", "e:p-5") == [
        *(first, first, first, first, second),
    ]


def test_resharding_lists_the_closed_shards_and_the_parents(stream: Any) -> None:
    stream.split("shardId-000000000000")
    stream.merge("shardId-000000000002", "shardId-000000000003")
    found = shards_of(stream.list_shards(StreamName="s")["Shards"])
    assert [one.shard for one in found.open] == ["shardId-000000000001", "shardId-000000000004"]
    assert found.parents == {
        "shardId-000000000000": (),
        "shardId-000000000001": (),
        "shardId-000000000002": ("shardId-000000000000",),
        "shardId-000000000003": ("shardId-000000000000",),
        "shardId-000000000004": ("shardId-000000000002", "shardId-000000000003"),
    }


def test_a_hash_key_that_is_given_decides_the_shard(stream: Any) -> None:
    for one in shards_of(stream.list_shards(StreamName="s")["Shards"]).open:
        record = {"PartitionKey": "m:x", "ExplicitHashKey": one.hash_key, "Data": b"m"}
        (row,) = stream.put_records(StreamName="s", Records=[record])["Records"]
        assert row["ShardId"] == one.shard


def test_a_shard_is_read_again_in_its_order(stream: Any) -> None:
    keys = [f"e:{one}" for one in range(30)]
    wanted = [
        key for key, shard in zip(keys, put(stream, *keys), strict=True) if shard.endswith("1")
    ]
    reader = ShardReader("s", HOME, stream)
    with patch("lifeline.lambdas.stream_bridge.shard_reader.PAUSE_SECONDS", 0.0):
        pages = list(reader.records("shardId-000000000001", int(time.time() * 1_000)))
        found = [one for page in pages for one in page]
        assert [one.partition_key for one in found] == wanted
        later = list(reader.records("shardId-000000000001", 0, found[4].sequence))
    assert [one.partition_key for page in later for one in page] == wanted[4:]


# The table of counts


@pytest.fixture(params=["moto", "twin"])
def counts(request: pytest.FixtureRequest) -> Iterator[CountTable]:
    with mock_aws():
        client: Any = Tables()
        if request.param == "moto":
            client = boto3.client("dynamodb", region_name=HOME)
            client.create_table(
                TableName="c",
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        yield CountTable("c", HOME, client)


def test_a_count_is_replaced_only_over_the_version_that_was_read(counts: CountTable) -> None:
    assert counts.load(PAIR) is None
    marker = Marker(PAIR, 9, 5, (PAIR.shard,), (PLACE,), previous=3, manifest=None)
    whole = CountedMarker(marker, (Manifest(2, 2**64 - 1),))
    count = ShardCount(12, 9, {PLACE: Manifest(1, 7)}, whole)
    assert counts.save(PAIR, count, 0).version == 1
    with pytest.raises(Conflict):
        counts.save(PAIR, count, 0)
    with pytest.raises(Conflict):
        counts.save(PAIR, count, 2)
    assert counts.save(PAIR, replace(count, acknowledged=13), 1).version == 2
    found = counts.load(PAIR)
    assert found is not None
    assert (found.version, found.count) == (2, replace(count, acknowledged=13))


# The log


class RealLog:
    """Kafka, and the clients as they are."""

    def __init__(self, address: str) -> None:
        self.address = address

    def purge(self, before: int) -> None:
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 2})
        for done in admin.delete_records([TopicPartition(*PLACE, before)]).values():
            done.result(10)

    def consumer(self, settings: Row) -> Any:
        return Consumer({**settings, "log_level": 2})

    @contextmanager
    def clients(self) -> Iterator[None]:
        yield

    def run(self, work: Callable[[], Any]) -> Any:
        return work()


class TwinLog:
    """The twin, and its clients in a world of one task."""

    address = f"log.{HOME}"

    def __init__(self) -> None:
        self.scheduler = Scheduler(1)
        self.log = kafka.Log(HOME, "log-1", {TOPIC: 2})
        network = Network(self.scheduler)
        self.made = kafka.Clients(self.scheduler, network, lambda _region: self.log)

    def purge(self, before: int) -> None:
        partition = self.log.partition(PLACE)
        assert partition is not None
        partition.purge(before)

    def consumer(self, settings: Row) -> Any:
        return self.made.consumer(settings)

    @contextmanager
    def clients(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(patch.object(log_writer, "Producer", self.made.producer))
            stack.enter_context(patch.object(log_partition, "Consumer", self.made.consumer))
            yield

    def run(self, work: Callable[[], Any]) -> Any:
        with self.clients():
            task = self.scheduler.spawn("test", Machine(HOME), work)
            self.scheduler.run(self.scheduler.now + 600.0)
        if task.error is not None:
            raise task.error
        return task.result


@pytest.fixture(params=["kafka", "twin"])
def log(request: pytest.FixtureRequest) -> Any:
    if request.param == "twin":
        return TwinLog()
    new_log: NewLog = request.getfixturevalue("new_log")
    return RealLog(new_log({TOPIC: 2}))


TIMES = (1_000, 5_000, 2_000, 2_500, 9_000, 8_000)
"""Of records in the order of the log: times do not grow with offsets (B15)."""


def written(log: Any) -> None:
    """A record for each of `TIMES`, by the bridge's writer."""
    writer = LogWriter(producer_settings(bootstrap=log.address, auth="none", region=HOME))
    for number, at_ms in enumerate(TIMES):
        headers: Any = [("origin", b"home"), ("sequence", str(number).encode())]
        record = BridgedRecord(*PLACE, b"key", b"value %d" % number, headers)
        writer.write([record], at_ms)


def test_what_the_bridge_writes_is_read_as_it_was_written(log: Any) -> None:
    def work() -> list[Any]:
        written(log)
        told = producer_settings(bootstrap=log.address, auth="none", region=HOME)
        return list(LogReader(told).records(PLACE, 0))

    found = log.run(work)
    assert [(one.key, one.value) for one in found] == [
        (b"key", b"value %d" % number) for number in range(len(TIMES))
    ]
    assert list(found[3].headers) == [("origin", b"home"), ("sequence", b"3")]


def test_an_offset_for_a_time_is_of_the_first_record_that_is_not_older(log: Any) -> None:
    def work() -> list[int]:
        written(log)
        consumer = log.consumer({"bootstrap.servers": log.address, "group.id": "times"})
        asked = [0, 1_000, 1_001, 5_000, 5_001, 9_000, 9_001]
        found = [
            consumer.offsets_for_times([TopicPartition(*PLACE, at)], timeout=10)[0].offset
            for at in asked
        ]
        consumer.close()
        return found

    *inside, beyond = log.run(work)
    assert inside == [0, 0, 1, 1, 4, 4]
    assert beyond < 0, "nothing is that young"


@pytest.mark.parametrize(("reset", "first"), [("earliest", 3), ("error", None)])
def test_an_offset_that_retention_took(log: Any, reset: str, first: int | None) -> None:
    """`error` is told once; `earliest` goes on at the oldest record, in silence."""

    def work() -> tuple[list[int], list[str], tuple[int, int]]:
        written(log)
        log.purge(3)
        consumer = log.consumer(
            {
                "bootstrap.servers": log.address,
                "group.id": f"purged-{reset}",
                "auto.offset.reset": reset,
                "enable.auto.commit": False,
            }
        )
        ends = consumer.get_watermark_offsets(TopicPartition(*PLACE), timeout=10)
        consumer.assign([TopicPartition(*PLACE, 1)])
        offsets: list[int] = []
        errors: list[str] = []
        for _ in range(20):
            for message in consumer.consume(10, 0.5):
                error = message.error()
                if error is None:
                    offsets.append(message.offset())
                else:
                    errors.append(error.name())
            if errors or offsets:
                break
        consumer.close()
        return offsets, errors, ends

    offsets, errors, ends = log.run(work)
    assert ends == (3, len(TIMES))
    if first is None:
        assert (offsets, errors) == ([], ["_AUTO_OFFSET_RESET"])
    else:
        assert (offsets, errors) == ([3, 4, 5], [])


def test_the_beginning_is_the_oldest_record_that_is_left(log: Any) -> None:
    def work() -> list[int]:
        written(log)
        log.purge(4)
        consumer = log.consumer({"bootstrap.servers": log.address, "group.id": "beginning"})
        consumer.assign([TopicPartition(*PLACE, OFFSET_BEGINNING)])
        offsets: list[int] = []
        for _ in range(20):
            offsets += [one.offset() for one in consumer.consume(10, 0.5) if one.error() is None]
            if offsets:
                break
        consumer.close()
        return offsets

    assert log.run(work) == [4, 5]


# The database


class Applying:
    """A store, the reads of positions, and what the tables hold."""

    def __init__(self, store: Any, reads: Any, session: Any, rows: Callable[[], Any]) -> None:
        self.store, self.rows = store, rows
        self._reads, self._session = reads, session

    def apply(self, records: Iterable[LogRecord], *own: OwnPosition) -> Applied:
        found: Applied = self.store.apply(batch_of(records), heartbeat=False, positions=own)
        # Which vital signs a batch had is the SQL's to say.
        return replace(found, vital_signs=0, incomplete=0, implausible=0)

    def applied(self) -> set[tuple[Pair, int | None, int | None]]:
        rows = self._reads.read_applied(self._session, PLACE)
        return {(one.pair, one.sequence, one.record_time_ms) for one in rows}

    def lineages(self) -> dict[Any, Any]:
        found = self._reads.read_lineages(self._session)
        return {stream: lineage.saved() for stream, lineage in found.items()}

    def own(self, epoch: int, log_id: str) -> dict[Any, Any]:
        found: dict[Any, Any] = self._reads.read_own_positions(
            self._session, epoch, {TOPIC: log_id}
        )
        return found


@pytest.fixture(params=["postgresql", "twin"])
def applying(request: pytest.FixtureRequest) -> Applying:
    guard = ServingGuard(HOME, 20.0)
    guard.epoch = 1
    if request.param == "twin":
        server = Server(HOME, time.time)
        server.set_authority(Authority(1, HOME, 1, time.time()))
        session = Session(server, None)

        def twin_rows() -> Any:
            newest = {
                name: (one.sequence, one.events) for name, one in server.rows.aggregates.items()
            }
            return len(server.rows.events), len(server.rows.unexpected), newest

        return Applying(StoreTwin(session, HOME, guard), event_store, session, twin_rows)
    sql = request.getfixturevalue("sql")
    request.getfixturevalue("serve_here")()
    connection = request.getfixturevalue("connection")

    def rows() -> Any:
        ((events,),) = sql("SELECT count(*) FROM event")
        ((unexpected,),) = sql("SELECT count(*) FROM unexpected_event")
        newest = sql("SELECT aggregate_id, sequence, events FROM aggregate")
        return events, unexpected, {name: (sequence, of) for name, sequence, of in newest}

    return Applying(Store(connection, HOME, guard), positions, connection, rows)


def test_events_are_stored_once_and_counted_once(applying: Applying) -> None:
    first = [event_record(n, event_body(n)) for n in range(5)]
    other = [event_record(n, event_body(n, "p-2")) for n in range(7, 9)]
    assert applying.apply(first) == Applied(5, 0, 1)
    assert applying.apply([*first[3:], *other]) == Applied(2, 2, 1)
    changed = event_record(20, event_body(4, metadata={"correlationId": "d"}))
    assert applying.apply([changed]) == Applied(0, 0, 1, unexpected=1)
    late = event_record(21, event_body(2, "p-2"))
    assert applying.apply([late]) == Applied(1, 0, 1)
    assert applying.rows() == (8, 1, {"p-1": (4, 5), "p-2": (8, 3)})


def test_the_furthest_marker_of_a_pair_stays_and_what_it_declares_is_kept(
    applying: Applying,
) -> None:
    other = PAIR._replace(shard="shardId-1")
    applying.apply([marker_record(1, 20, shards=("shardId-0", "shardId-1"))])
    assert applying.applied() == {(PAIR, 20, 1_001), (other, None, None)}
    applying.apply([marker_record(2, 10), marker_record(3, 30, pair=other)])
    assert applying.applied() == {(PAIR, 20, 1_001), (other, 30, 1_003)}


def test_parents_are_kept_and_never_become_fewer(applying: Applying) -> None:
    def marked(offset: int, parents: dict[str, tuple[str, ...]]) -> None:
        marker = Marker(PAIR, offset, 1_000, ("c",), (PLACE,), parents=parents)
        applying.apply(
            [LogRecord(TOPIC, 0, offset, 1_000, marker.to_bytes(), [("kind", b"marker")])]
        )

    stream = (PAIR.origin, PAIR.incarnation)
    marked(1, {"a": (), "c": ("a",)})
    assert applying.lineages() == {stream: {"c": ["a"]}}
    marked(2, {"c": ("a", "b")})
    marked(3, {"c": ("b",)})
    assert applying.lineages() == {stream: {"c": ["a", "b"]}}


def test_an_own_position_is_of_one_epoch_and_one_log_and_only_grows(applying: Applying) -> None:
    applying.apply([marker_record(1, 1)], OwnPosition(PLACE, "id", 7))
    applying.apply([marker_record(2, 2)], OwnPosition(PLACE, "id", 5))
    assert applying.own(1, "id") == {PLACE: 7}
    assert applying.own(2, "id") == applying.own(1, "other") == {}
    applying.apply([marker_record(3, 3)], OwnPosition(PLACE, "other", 2))
    assert applying.own(1, "other") == {PLACE: 2}


def test_nothing_is_stored_without_the_right_to(applying: Applying) -> None:
    store = applying.store
    store._guard = ServingGuard(RECOVERY, 20.0)
    store._guard.epoch = 1
    with pytest.raises(NotServing, match="holder is ca-central-1"):
        applying.apply([event_record(1, event_body(1))])
    assert applying.rows() == (0, 0, {})
