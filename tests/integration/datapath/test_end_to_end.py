"""Bridge to log to database with a real broker, the event applier killed between (B6, B14)."""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from moto import mock_aws

from lifeline.lambdas.adapters import aws
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.contracts.log import GroupLog
from lifeline.lambdas.contracts.serving_region import ServingRegion
from lifeline.lambdas.failover.markers import Marker, Pair, StreamMarker
from lifeline.lambdas.stream_bridge.batch import bridged, stream_records
from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder
from lifeline.lambdas.stream_bridge.give_up import give_up
from lifeline.lambdas.stream_bridge.log_writer import DeliveryFailed, LogWriter, producer_settings
from lifeline.lambdas.stream_bridge.shard_counts import ShardCounts
from lifeline.services.query_api import watermark_reader
from lifeline.services.query_api.reader_checkpoint import ReaderCheckpoint
from lifeline.services.query_api.watermark_reader import (
    LogMadeAnew,
    PublishedVectors,
    WatermarkReader,
)
from tests.integration.conftest import NewLog
from tests.integration.datapath.engines import until
from tests.integration.datapath.log_records import event_body
from tests.support.counts import CountsInMemory
from tests.support.tables import made_table

PARTITIONS = {"clinical.observation.recorded": 3, "clinical.patient.events": 1, "error.dlq": 1}
ORIGINS = ("ca-central-1", "ca-west-1")
SCHEMAS = load_schemas(schemas_folder())
SHARD = "shardId-000000000000"
Sql = Callable[..., list[Any]]


@pytest.fixture
def bootstrap(new_log: NewLog) -> str:
    return new_log({**PARTITIONS, "system.watermark": 1})


class Edge:
    """Both regions' bridges onto one log, each with a stream of one shard."""

    def __init__(self, bootstrap: str) -> None:
        self.writers = {
            region: LogWriter(producer_settings(bootstrap=bootstrap, auth="none", region=region))
            for region in ORIGINS
        }
        self.counts = {region: ShardCounts(CountsInMemory()) for region in ORIGINS}
        self.sequence = 0
        self.sent: list[str] = []

    def bridge(
        self, region: str, events: int, *, marker: bool = True, bad: int = 0, loses: int = 0
    ) -> Any:
        """`loses`: so many of its records never come to lie in the log, though they are counted."""
        records = [("e:p", self._event()) for _ in range(events)]
        records += [("e:p", b"{poison")] * bad
        if marker:
            now_ms = int(time.time() * 1000)
            records.append(("m:x", StreamMarker(region, "100", SHARD, now_ms, (SHARD,)).to_bytes()))
        read = stream_records({"Records": [self._raw(*one) for one in records]}, datetime.now(UTC))
        batch = bridged(
            read,
            region=region,
            incarnation="100",
            partitions=tuple(sorted(PARTITIONS.items())),
            schemas=SCHEMAS,
        )
        self.writers[region].write(batch.records[loses:], time.time_ns() // 1_000_000)
        self.counts[region].settle(
            *(Pair(region, "100", SHARD), batch.counted),
            first=read[0].sequence,
            acknowledged=read[-1].sequence,
            marker=batch.marker,
            write=lambda one: self.writers[region].write_marker(one, time.time_ns() // 1_000_000),
        )
        return batch

    def _event(self) -> bytes:
        self.sequence += 1
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        payload = {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
            "subject": {"reference": "Patient/p"},
            "effectiveDateTime": now,
            "valueQuantity": {"value": 60, "system": "http://unitsofmeasure.org", "code": "/min"},
        }
        body = event_body(self.sequence, f"p-{self.sequence % 20}", occurredOn=now, payload=payload)
        body["eventId"] = str(uuid.uuid4())
        self.sent.append(body["eventId"])
        return json.dumps(body).encode()

    def _raw(self, key: str, data: bytes) -> dict[str, Any]:
        self.sequence += 1
        return {
            "eventID": f"{SHARD}:{self.sequence}",
            "kinesis": {
                "sequenceNumber": str(10**50 + self.sequence),
                "partitionKey": key,
                "data": base64.b64encode(data).decode(),
                "approximateArrivalTimestamp": time.time(),
            },
        }


def test_rebalance_before_commit(
    database: DatabaseAddress,
    bootstrap: str,
    sql: Sql,
    serve_here: Callable[..., None],
    command: Callable[..., Any],
) -> None:
    """Killed with -9 three times while events flow: nothing lost, nothing twice, order kept."""
    environment = {
        "KAFKA_BOOTSTRAP": bootstrap,
        "KAFKA_AUTH": "none",
        "KAFKA_PARTITIONS": json.dumps(PARTITIONS),
        "GROUP_SESSION_MS": "1500",
        "CHECKPOINTS_TABLE": "log-checkpoints-test",
    }
    edge = Edge(bootstrap)
    applier = command("apply", database, **environment)
    try:
        for round_number in range(3):
            for region in ORIGINS:
                edge.bridge(region, 300, bad=1)
            serve_here()
            if round_number:
                until("something applied", lambda: sql("SELECT 1 FROM event LIMIT 1"))
            applier.kill()
            applier.wait()
            edge.bridge(ORIGINS[0], 200, marker=False)
            applier = command("apply", database, **environment)
        serve_here()
        until(
            "everything stored",
            lambda: sql("SELECT count(*) FROM event") == [(len(edge.sent),)],
            30,
        )
    finally:
        applier.kill()
        applier.wait()
    assert {row[0] for row in sql("SELECT event_id::text FROM event")} == set(edge.sent)
    assert sql(
        "SELECT count(*) FROM (SELECT sequence, lag(sequence) OVER (PARTITION BY aggregate_id "
        "ORDER BY apply_no) AS before FROM event) AS pairs WHERE before > sequence"
    ) == [(0,)]
    marked = sum(n for name, n in PARTITIONS.items() if name != "error.dlq")
    until(
        "markers of both origins applied in every partition",
        lambda: (
            sql("SELECT count(*) FROM applied_marker WHERE sequence IS NOT NULL") == [(2 * marked,)]
        ),
        1,
    )


def test_the_watermark_is_never_ahead_of_the_log(bootstrap: str) -> None:
    """At every record read: what the vector calls safe has been read before."""
    edge = Edge(bootstrap)
    for _ in range(5):
        for region in ORIGINS:
            edge.bridge(region, 40)
    edge.bridge(ORIGINS[1], 10, marker=False)
    log = GroupLog(bootstrap, "none", PARTITIONS, ORIGINS[0])
    here = ServingRegion(region=ORIGINS[0], peer_region=ORIGINS[1], suffix="test")
    records = read_all(bootstrap)
    position = {
        dict(m.headers())["sequence"]: number
        for number, m in enumerate(records)
        if ("kind", b"marker") not in m.headers()
        and dict(m.headers())["origin"] == ORIGINS[1].encode()
    }
    reader = WatermarkReader(log, here, PublishedVectors(), ReaderCheckpoint("none", "", object()))
    furthest = 0
    for number, m in enumerate(records):
        reader.observe(m.topic(), m.partition(), m.offset(), m.headers(), m.value() or b"")
        for row in reader.rows():
            assert row["region"] == ORIGINS[1]
            furthest = int(row["sequence"])
            ahead = [s for s, at in position.items() if int(s) <= furthest and at > number]
            assert not ahead
    newest = max(
        Marker.from_bytes(m.value()).sequence
        for m in records
        if ("kind", b"marker") in m.headers() and dict(m.headers())["origin"] == ORIGINS[1].encode()
    )
    assert furthest == newest, "all that is marked is found safe in the end"
    with pytest.raises(LogMadeAnew):
        reader.observe(records[0].topic(), records[0].partition(), 0, [], b"")


def test_a_reader_goes_on_from_its_checkpoint_and_reads_another_log_whole(
    bootstrap: str,
    new_log: NewLog,
    checkpoints: ReaderCheckpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """B25: a start reads what came since, not the log; a log with the same names is another one."""
    monkeypatch.setattr(watermark_reader, "SAVE_SECONDS", 0.5)
    here = ServingRegion(region=ORIGINS[0], peer_region=ORIGINS[1], suffix="test")
    edge = Edge(bootstrap)

    def started(at: str) -> CountingReader:
        log = GroupLog(at, "none", PARTITIONS, ORIGINS[0])
        return CountingReader(log, here, PublishedVectors(), checkpoints)

    for _ in range(40):
        edge.bridge(ORIGINS[1], 50)
    first = started(bootstrap)
    with first.running():
        until("all is proven", lambda: first.reached() == edge.sequence + 10**50)
        until("it is saved", lambda: first.saves > 1)
    assert first.records > 2_000
    edge.bridge(ORIGINS[1], 50)
    second = started(bootstrap)
    with second.running():
        until("all is proven", lambda: second.reached() == edge.sequence + 10**50)
    assert second.records < 200, "the fifty new ones, their markers, and what lay open"
    assert "the watermark has a new base" not in capsys.readouterr().out
    lost = {name: "x" for name in ("region", "incarnation", "shard", "topic", "after")}
    checkpoints.save_given_up([{**lost, "partition": 0}])
    third = started(new_log({**PARTITIONS, "system.watermark": 1}))
    with third.running():
        until("the other log is known as such", lambda: third.started_from == [False])
    assert "the watermark has a new base" in capsys.readouterr().out
    assert [row["shard"] for row in third._published.answer(ORIGINS[0])["given_up"]] == ["x"]


def test_a_stretch_that_is_nowhere_is_given_up(
    bootstrap: str, checkpoints: ReaderCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decision 25: what lies behind it is safe again, nothing under it is, and a start forgets nothing."""
    monkeypatch.setattr(watermark_reader, "SAVE_SECONDS", 0.5)
    monkeypatch.setattr(watermark_reader, "HOLE_SECONDS", 0.2)
    here = ServingRegion(region=ORIGINS[0], peer_region=ORIGINS[1], suffix="test")
    log = GroupLog(bootstrap, "none", PARTITIONS, ORIGINS[0])
    edge = Edge(bootstrap)
    edge.bridge(ORIGINS[1], 20)
    edge.bridge(ORIGINS[1], 20, loses=1)
    edge.bridge(ORIGINS[1], 20)
    published = PublishedVectors()
    reader = CountingReader(log, here, published, checkpoints)
    with reader.running():
        until("the hole is named", lambda: bool(published.answer(ORIGINS[0])["holes"]))
        stretches = published.answer(ORIGINS[0])["holes"]
        request = {"who": "arn:a", "why": "purged", "stretches": stretches}
        give_up(request, edge.writers[ORIGINS[0]], ORIGINS[0], time.time_ns() // 1_000_000)
        until("it is given up", lambda: reader.reached() == edge.sequence + 10**50)
        until("and saved", lambda: bool(checkpoints.given_up()))
        # A save does not wait for the next publication.
        until("and told no more", lambda: not published.answer(ORIGINS[0])["holes"])
    [entry] = [one for one in published.entries() if one["region"] == ORIGINS[1]]
    assert entry["after"] == stretches[0]["until"]
    again = PublishedVectors()
    second = CountingReader(log, here, again, checkpoints)
    with second.running():
        until("all is proven", lambda: second.reached() == edge.sequence + 10**50)
        [row] = again.answer(ORIGINS[0])["given_up"]
    assert (row["after"], row["missing"]) == (stretches[0]["after"], 1)


class CountingReader(WatermarkReader):
    """Counts what it reads and saves; runs on a thread."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.records = self.saves = 0
        self.started_from: list[bool] = []

    def observe(self, *arguments: Any) -> None:
        self.records += 1
        super().observe(*arguments)

    def _save(self) -> None:
        super()._save()
        self.saves += 1

    def _consumer(self) -> Consumer:
        made = super()._consumer()
        self.started_from.append(bool(self._last))
        return made

    def reached(self) -> int:
        return max((int(row["sequence"]) for row in self.rows()), default=-1)

    @contextmanager
    def running(self) -> Iterator[None]:
        stopping = threading.Event()
        thread = threading.Thread(target=self.run, args=[stopping])
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture
def checkpoints(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReaderCheckpoint]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    aws.client.cache_clear()
    with mock_aws():
        made_table(ORIGINS[0], "log-checkpoints-test")
        yield ReaderCheckpoint("log-checkpoints-test", ORIGINS[0])
    aws.client.cache_clear()


def read_all(bootstrap: str) -> list[Any]:
    """The log's records as they come, partitions mixed."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "check", "log_level": 2})
    places = [(topic, p) for topic, count in PARTITIONS.items() for p in range(count)]
    consumer.assign([TopicPartition(t, p, OFFSET_BEGINNING) for t, p in places])
    found: list[Any] = []
    quiet = 0
    while quiet < 5:
        got = consumer.consume(50, 0.3)
        quiet = 0 if got else quiet + 1
        found += [m for m in got if m.error() is None]
    consumer.close()
    return found


def test_a_log_out_of_reach_fails_the_batch() -> None:
    """Never a marker, never a success, when an acknowledgement is missing (B6)."""
    settings = producer_settings(bootstrap="127.0.0.1:1", auth="none", region=ORIGINS[0])
    writer = LogWriter(settings | {"delivery.timeout.ms": 1_000, "log_level": 0})
    batch = Edge.__new__(Edge)
    batch.sequence, batch.sent, batch.writers = 0, [], {ORIGINS[0]: writer}
    with pytest.raises(DeliveryFailed):
        batch.bridge(ORIGINS[0], 3)
