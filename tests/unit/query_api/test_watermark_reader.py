"""The reader of the region's own log: whose records it counts, and what it tells of a hole (B8, B18, B26)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from lifeline.lambdas.contracts.log import GroupLog
from lifeline.lambdas.contracts.serving_region import ServingRegion
from lifeline.lambdas.failover.manifests import Manifest, digest_of
from lifeline.lambdas.failover.markers import GivenUp, Marker, Pair
from lifeline.lambdas.failover.protocol import NO_STANDBY
from lifeline.lambdas.stream_bridge.give_up import marker_of
from lifeline.lambdas.stream_bridge.stretch import Stretch
from lifeline.services.query_api import watermark_reader
from lifeline.services.query_api.reader_checkpoint import ReaderCheckpoint
from lifeline.services.query_api.watermark_reader import (
    HOLE_SECONDS,
    LogMadeAnew,
    PublishedVectors,
    WatermarkReader,
)
from tests.support.clocks import ManualClock

HERE, PEER = "ca-west-1", "ca-central-1"
TOPIC = "clinical.observation.recorded"
PAIR = Pair(PEER, "17", "shardId-0")


class Log:
    """This region's log, of one partition or of more, as the reader meets it."""

    def __init__(self, partitions: int = 1) -> None:
        self.clock = ManualClock()
        self.published = PublishedVectors()
        log = GroupLog("nowhere", "none", {TOPIC: partitions}, HERE)
        region = ServingRegion(region=HERE, peer_region=PEER, suffix="test")
        checkpoint = ReaderCheckpoint("none", HERE, object())
        self.reader = WatermarkReader(log, region, self.published, checkpoint, self.clock)
        self.offset = self.partition = 0
        self.declared = partitions
        """How many partitions the bridge's list has: each marker declares them (B10)."""

    def record(self, sequence: int, *, origin: str = PEER, **headers: bytes) -> None:
        told = self._headers(sequence, origin) + list(headers.items())
        self._observe(told, b"value")

    def marker(self, previous: int, sequence: int, *counted: int, **headers: bytes) -> None:
        manifest = Manifest()
        for one in counted:
            manifest = manifest.and_one(digest_of(str(one).encode(), b"value"))
        listed = tuple((TOPIC, number) for number in range(self.declared))
        marker = Marker(
            *(PAIR, sequence, 5, (PAIR.shard,), listed), previous=previous, manifest=manifest
        )
        told = [("kind", b"marker"), *self._headers(sequence, PEER), *headers.items()]
        self._observe(told, marker.to_bytes())

    def give_up(self, after: int, until: int) -> None:
        told = GivenUp(until, "who", "why", 1)
        marker = marker_of(Stretch(PAIR, (TOPIC, 0), after, until), told)
        self._observe([("kind", b"marker"), *self._headers(after, PEER)], marker.to_bytes())

    def _observe(self, headers: list[tuple[str, bytes]], value: bytes) -> None:
        self.reader.observe(TOPIC, self.partition, self.offset, headers, value)
        self.offset += 1

    @staticmethod
    def _headers(sequence: int, origin: str) -> list[tuple[str, bytes]]:
        return [
            ("origin", origin.encode()),
            ("incarnation", PAIR.incarnation.encode()),
            ("shard", PAIR.shard.encode()),
            ("sequence", str(sequence).encode()),
        ]

    def publish(self) -> dict[str, Any]:
        """The body of `/v1/watermark` after a second's work."""
        producer: Any = Producer()
        self.reader._publish(producer)
        return self.published.answer(HERE)


class Producer:
    """librdkafka's, for vectors that nobody reads."""

    def produce(self, *_: object, **__: object) -> None: ...

    def poll(self, _seconds: float) -> None: ...


@pytest.fixture
def log() -> Log:
    return Log()


def test_what_agrees_is_safe(log: Log) -> None:
    log.record(1)
    log.marker(0, 2, 1)
    [row] = log.publish()["entries"]
    assert (row["after"], row["sequence"], row["safe_in"]) == ("0", "2", HERE)


def test_a_partition_that_stands_still_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """B18: its markers stopped, or it never had one, while the same origin's reach another partition."""
    log = Log(partitions=3)
    for number in range(20):
        log.clock.at += 60
        for log.partition in (0, 1) if number < 10 else (0,):
            log.marker(2 * number, 2 * number + 2)
        stands = [2] if number else []
        log.publish()
        if number < 10:
            assert log.reader.silent() == [(PEER, (TOPIC, one)) for one in stands]
    assert log.reader.silent() == [(PEER, (TOPIC, 1)), (PEER, (TOPIC, 2))]
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [one["partition"] for one in said if one.get("message") == "a partition has no marker"]
    assert told == [2, 1], "each is named once"
    log.clock.at += 600
    assert log.reader.silent() == [], "a log that stands still altogether is another alarm's matter"


def test_a_partition_that_is_being_added_stands_not_still(log: Log) -> None:
    """B9: the bridge's list grows last, and a copy of a new partition begins later than its declaration."""
    log = Log(partitions=3)
    log.declared = 2

    def minute(sequence: int, *reached: int) -> None:
        log.clock.at += 60
        for log.partition in reached:
            log.marker(2 * sequence, 2 * sequence + 2)
        log.publish()

    for number in range(10):
        minute(number, 0, 1)
        assert log.reader.silent() == [], "the logs have it, and no bridge writes to it yet"
    log.declared = 3
    minute(10, 0, 1)
    minute(11, 0, 1)
    assert log.reader.silent() == [], "declared a minute ago"
    minute(12, 0, 1)
    minute(13, 0, 1)
    assert log.reader.silent() == [(PEER, (TOPIC, 2))], "the copying of it stands still"
    minute(14, 0, 1, 2)
    assert log.reader.silent() == []
    log.declared = (
        2  # the bridge was rolled back: what it declared once must go on having markers (B27)
    )
    for number in range(15, 20):
        minute(number, 0, 1)
    assert log.reader.silent() == [(PEER, (TOPIC, 2))]


@pytest.mark.parametrize(("headers", "holes"), [({}, 1), ({"again": b"1"}, 0)])
def test_what_lay_before_a_log_whose_first_marker_was_written_again_is_no_hole(
    log: Log, headers: dict[str, bytes], holes: int
) -> None:
    """B25: retention took the next stretch's records with what lay before that marker's copy."""
    log.marker(0, 2, 1, **headers)
    log.marker(2, 4, 3)
    log.clock.at += HOLE_SECONDS + 1
    assert len(log.publish()["holes"]) == holes


@pytest.mark.parametrize("headers", [{"origin": HERE}, {"kind": b"quarantined"}])
def test_only_a_bridges_records_of_the_other_region_are_counted(
    log: Log, headers: dict[str, Any]
) -> None:
    """B26: what an event applier sets aside names its origin too."""
    log.record(1)
    log.record(2, **headers)
    log.marker(0, 3, 1)
    assert [row["sequence"] for row in log.publish()["entries"]] == ["3"]


def test_a_hole_is_told_once_with_its_place_and_counted_for_the_alarm(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    log.marker(0, 2)
    log.record(3)
    log.marker(2, 5, 3, 4)
    log.marker(5, 7)
    assert log.publish()["holes"] == [], "a copy may still come"
    log.clock.at += HOLE_SECONDS + 1
    hole = {
        "region": PEER,
        "incarnation": "17",
        "shard": "shardId-0",
        "topic": TOPIC,
        "partition": 0,
        "after": "2",
        "until": "5",
        "born_ms": 5,
        "why": "missing",
    }
    body = log.publish()
    assert body["holes"] == [hole]
    assert [row["sequence"] for row in body["entries"]] == ["2"]
    log.clock.at += 20
    log.publish()
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [one for one in said if one.get("message") == "the log has a hole"]
    assert [{name: one[name] for name in hole} for one in told] == [hole]
    assert [one["LogHoles"] for one in said if "LogHoles" in one] == [0, 1]
    log.record(4)
    log.clock.at += 20
    body = log.publish()
    assert body["holes"] == []
    assert [row["sequence"] for row in body["entries"]] == ["7"]
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["message"] for one in said if "message" in one] == ["a hole is closed"]
    assert [one["LogHoles"] for one in said if "LogHoles" in one] == [0]


class Message:
    """A record as librdkafka hands it out."""

    def __init__(self, headers: list[tuple[str, Any]], value: bytes, offset: int) -> None:
        self._headers, self._value, self._offset = headers, value, offset

    def error(self) -> None: ...

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def headers(self) -> list[tuple[str, Any]]:
        return self._headers

    def value(self) -> bytes:
        return self._value


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("sequence", None), ("incarnation", b"17"), ("shard", b"s")],
        [("sequence", b"1"), ("incarnation", None), ("shard", b"s")],
        [("sequence", b"one"), ("incarnation", b"17"), ("shard", b"s")],
        [("sequence", b"1"), ("incarnation", b"\xff"), ("shard", b"s")],
        [("kind", b"marker"), ("repair", None)],
        [("kind", b"marker")],
    ],
)
def test_a_record_whose_origin_cannot_be_read_stops_nothing(
    log: Log, headers: list[tuple[str, Any]]
) -> None:
    log.reader._take(Message([("origin", PEER.encode()), *headers], b"[" * 100_000, 0))
    log.offset = 1
    log.record(1)
    log.marker(0, 2, 1)
    assert [row["sequence"] for row in log.publish()["entries"]] == ["2"]


def test_what_was_given_up_is_published_for_ever(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    log.marker(0, 2, 1)
    log.marker(2, 4, 3)
    log.clock.at += HOLE_SECONDS + 1
    [hole] = log.publish()["holes"]
    log.give_up(int(hole["after"]), int(hole["until"]))
    log.marker(4, 6)
    told = log.publish()
    assert (told["holes"], told["entries"][0]["after"]) == ([], "4"), "and nothing of it is safe"
    [row] = told["given_up"]
    assert (row["shard"], row["after"], row["until"], row["missing"]) == (PAIR.shard, "2", "4", 1)
    assert log.publish()["given_up"] == [row], "also when nothing new comes"
    assert capsys.readouterr().out.count("a hole is given up") == 1


class Checkpoint(ReaderCheckpoint):
    """Says what was written, in order."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.rows: list[dict[str, Any]] = []
        self.failing = False

    def save(self, *_: Any) -> None:
        self.written.append("places")

    def given_up(self) -> list[dict[str, Any]]:
        return list(self.rows)

    def save_given_up(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if self.failing:
            raise EndpointConnectionError(endpoint_url="https://dynamodb")
        self.written.append("given up")
        self.rows = [dict(row) for row in rows]


def test_what_was_given_up_is_saved_before_the_places_that_pass_it(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that ends in between would never meet it again."""
    checkpoint = Checkpoint()
    log.reader._checkpoint = checkpoint
    monkeypatch.setattr(watermark_reader, "topic_ids", lambda *_: log.reader._topic_ids)
    log.marker(0, 2, 1)
    log.marker(2, 4, 3)
    log.clock.at += HOLE_SECONDS + 1
    [hole] = log.publish()["holes"]
    log.give_up(int(hole["after"]), int(hole["until"]))
    log.marker(4, 6)  # not published yet: a checkpoint is due first
    monkeypatch.setattr(log.reader, "_admin", None, raising=False)
    checkpoint.failing = True
    log.reader._save()
    assert checkpoint.written == [], "the places wait for it"
    checkpoint.failing = False
    log.reader._save()
    assert checkpoint.written == ["given up", "places"]
    assert [row["after"] for row in checkpoint.rows] == ["2"]
    log.reader._save()
    assert checkpoint.written == ["given up", "places", "places"]


def test_an_offset_that_comes_again_is_another_log(log: Log) -> None:
    log.record(1)
    with pytest.raises(LogMadeAnew):
        log.reader.observe(TOPIC, 0, 0, [], b"value")


def test_without_a_standby_the_watermark_is_empty_and_says_that_it_stays_so() -> None:
    """ADR 23: an edge that waits for "safe" must learn that nothing ever becomes it."""
    log = GroupLog("nowhere", "none", {TOPIC: 1}, HERE)
    region = ServingRegion(region=HERE, peer_region=NO_STANDBY, suffix="test")
    published = PublishedVectors(has_standby=region.has_standby)
    reader = WatermarkReader(log, region, published, ReaderCheckpoint("none", HERE, object()))
    headers = [
        ("origin", HERE.encode()),
        ("incarnation", b"17"),
        ("shard", b"shardId-0"),
        ("sequence", b"1"),
    ]
    reader.observe(TOPIC, 0, 0, headers, b"value")
    published.set_own(reader.rows(), [])
    answer = published.answer(HERE)
    assert (answer["entries"], answer["holes"], answer["standby"]) == ([], [], False)
    assert PublishedVectors().answer(HERE)["standby"] is True
