"""Bridges and readers of the release before and of this one beside each other: nothing lost, no freeze.

The release before is its formats as they were recorded (`recorded/release_0_1_0.json`, with their source):
its bridge wrote the events, then a marker that counts nothing; its reader took every field that is there.
This release's bridge, counts and proof are the real ones; log and stream are lists.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lifeline.lambdas.failover.log_proof import Why
from lifeline.lambdas.failover.markers import (
    Entry,
    GivenUp,
    Marker,
    Pair,
    Place,
    StreamMarker,
    entries_from_json,
    entries_to_json,
    rows_of_vector,
    vector_to_json,
)
from lifeline.lambdas.stream_bridge.batch import bridged, origin_headers
from lifeline.lambdas.stream_bridge.give_up import marker_of
from lifeline.lambdas.stream_bridge.stretch import Read, Stretch
from lifeline.services.event_applier.batch import LogRecord, batch_of
from tests.unit.stream_bridge.test_repair import (
    EVERY,
    PAIR,
    PARTITIONS,
    REGION,
    SCHEMAS,
    SHARD,
    Origin,
    is_marker,
)

BEFORE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "recorded" / "release_0_1_0.json").read_text()
)
BATCHES = 6
"""Of the stream's 42 records, each with a marker at its end."""


class Upgraded(Origin):
    """The origin's bridge is of either release, batch by batch."""

    def old(self, number: int, *, dies: bool = False) -> None:
        """The release before bridges a batch; `dies`: after the events, before the marker."""
        read = self.stream[EVERY * number : EVERY * (number + 1)]
        batch = bridged(
            read, region=REGION, incarnation="100", partitions=PARTITIONS, schemas=SCHEMAS
        )
        self.write(batch.records, 0)
        if dies:
            return
        assert batch.marker is not None
        now = batch.marker
        body = BEFORE["marker"] | {
            "incarnation": "100",
            "sequence": str(now.sequence),
            "born_ms": now.born_ms,
            "shards": list(now.shards),
            "partitions": {topic: list(range(count)) for topic, count in PARTITIONS},
        }
        headers: Any = [("kind", b"marker"), *origin_headers(PAIR, now.sequence)]
        for lines in self.log.values():
            lines.append(Read(None, json.dumps(body).encode(), headers))

    def new(self, number: int) -> None:
        self.bridge(EVERY * number, EVERY * (number + 1))

    def read_all(self) -> None:
        """Past this release's reader; `Origin` asserts at each record that what is safe was read."""
        self.copy()
        assert self.holes() == []
        assert self.held == self.events(), "nothing is lost"
        entry = self.proof.entries()[PAIR]
        last = max(one.sequence for one in self.stream if one.partition_key.startswith("m:"))
        assert entry.sequence == last, "the watermark goes to the last marker"


@pytest.mark.parametrize("at", range(BATCHES + 1))
def test_a_bridge_is_upgraded_between_any_two_batches(at: int) -> None:
    origin = Upgraded()
    for number in range(BATCHES):
        (origin.old if number < at else origin.new)(number)
        origin.copy()
    origin.read_all()


@pytest.mark.parametrize("at", range(BATCHES))
def test_a_bridge_is_upgraded_in_the_middle_of_a_batch(at: int) -> None:
    """The old one dies behind its events, and the new one bridges the batch again."""
    origin = Upgraded()
    for number in range(BATCHES):
        if number == at:
            origin.old(number, dies=True)
        (origin.old if number < at else origin.new)(number)
    origin.read_all()


@pytest.mark.parametrize("back", range(1, BATCHES - 1))
def test_what_a_rolled_back_bridge_wrote_is_named_and_thawed_by_a_repair(back: int) -> None:
    """It counts nothing, so the next count does not agree: visible, and judged again from the stream."""
    origin = Upgraded()
    for number in range(BATCHES):
        (origin.old if number == back else origin.new)(number)
    origin.copy()
    assert origin.held == origin.events(), "nothing is lost meanwhile"
    assert {one.why for one in origin.holes()} <= {Why.EXTRA, Why.CHAIN}
    assert origin.holes()
    assert origin.repair("stream")["gaps"] == []
    origin.read_all()


class ReaderBefore:
    """How release 0.1.0 called events safe: by order, in every partition that the newest marker declares."""

    def __init__(self) -> None:
        self.seen: dict[Place, int] = {}
        self.declared: tuple[int, list[Place]] = (-1, [])

    def read(self, place: Place, raw: bytes) -> None:
        body = json.loads(raw)
        sequence = int(body["sequence"])
        self.seen[place] = max(self.seen.get(place, -1), sequence)
        places = [(topic, one) for topic, all_ in body["partitions"].items() for one in all_]
        if sequence >= self.declared[0]:
            self.declared = (sequence, places)

    def entry(self) -> int:
        return min((self.seen.get(place, -1) for place in self.declared[1]), default=-1)


@pytest.mark.parametrize("at", range(BATCHES + 1))
def test_a_reader_of_the_release_before_follows_both_bridges(at: int) -> None:
    origin, reader = Upgraded(), ReaderBefore()
    for number in range(BATCHES):
        (origin.old if number < at else origin.new)(number)
    place, end = ("clinical.observation.recorded", 0), origin.stream[-1].sequence
    told = marker_of(Stretch(PAIR, place, end - 9, end - 3), GivenUp(end - 3, "who", "why", 1))
    headers: Any = [("kind", b"marker"), *origin_headers(PAIR, end - 9)]
    origin.log[place].append(Read(None, told.to_bytes(), headers))
    held: set[int] = set()
    for where, lines in origin.log.items():
        for one in lines:
            if is_marker(one):
                reader.read(where, one.value)
            else:
                held.add(int(dict(one.headers)["sequence"]))
            assert {number for number in origin.events() if number <= reader.entry()} <= held
    assert reader.entry() == end


def required(name: str) -> dict[str, Any]:
    found: dict[str, Any] = BEFORE[name]
    return found


def assert_reads(name: str, raw: bytes | str) -> None:
    """What the release before took from such a message is there, and is of the same kind."""
    body = json.loads(raw)
    for field, was in required(name).items():
        assert type(body[field]) is type(was), field
    if "lifelineMarker" in required(name):
        assert body["lifelineMarker"] == required(name)["lifelineMarker"]


def test_the_release_before_reads_what_this_one_writes() -> None:
    parents = {SHARD: (), "b": (SHARD,)}
    assert_reads(
        "stream_marker", StreamMarker(REGION, "100", SHARD, 5, (SHARD,), parents).to_bytes()
    )
    origin = Upgraded()
    origin.bridge_all()
    markers = [
        one.value for lines in origin.log.values() for one in lines
        if dict(one.headers).get("kind") == b"marker"
    ]  # fmt: skip
    assert markers
    for raw in markers:
        assert_reads("marker", raw)
    place = ("clinical.observation.recorded", 0)
    given_up = marker_of(Stretch(PAIR, place, 3, 6), GivenUp(6, "who", "why", 1))
    assert_reads("marker", given_up.to_bytes())
    vector = {PAIR: Entry(7, 5, after=3, retired=True)}
    told = json.dumps(vector_to_json("ca-west-1", entries_to_json("ca-west-1", vector)))
    assert_reads("vector", told)
    for field, was in required("vector")["entries"][0].items():
        assert type(json.loads(told)["entries"][0][field]) is type(was), field


def test_this_release_reads_what_the_one_before_wrote() -> None:
    pair = Pair(REGION, "1700000000", "shardId-000000000000")
    stream = StreamMarker.from_bytes(json.dumps(BEFORE["stream_marker"]).encode())
    assert (stream.region, stream.shards, stream.parents) == (REGION, (pair.shard,), None)
    raw = json.dumps(BEFORE["marker"]).encode()
    marker = Marker.from_bytes(raw)
    assert (marker.pair, marker.previous, marker.manifest, marker.given_up) == (
        pair,
        None,
        None,
        None,
    )
    record = LogRecord("clinical.observation.recorded", 0, 0, 1_000, raw, [("kind", b"marker")])
    assert [seen.marker.pair for seen in batch_of([record]).markers] == [pair]
    rows = rows_of_vector(BEFORE["vector"])
    assert entries_from_json(rows) == {pair: Entry(int(rows[0]["sequence"]), 5)}
