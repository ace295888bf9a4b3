"""What another release wrote: the format before is read alike, a future one is set aside, never misread."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from drill.receipt import entries_of
from lifeline.lambdas.contracts.log import GroupLog
from lifeline.lambdas.contracts.serving_region import ServingRegion
from lifeline.lambdas.failover.markers import Marker, Pair, StreamMarker
from lifeline.lambdas.stream_bridge.batch import StreamRecord, bridged
from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder
from lifeline.services.event_applier.batch import LogRecord, batch_of
from lifeline.services.query_api.reader_checkpoint import ReaderCheckpoint
from lifeline.services.query_api.watermark_reader import PublishedVectors, WatermarkReader

HERE, PEER = "ca-central-1", "ca-west-1"
SHARD = "shardId-000000000000"
PAIR = Pair(HERE, "1700000000", SHARD)
TOPIC = "clinical.observation.recorded"


def row(sequence: int) -> dict[str, Any]:
    """A row of the peer's vector about our origin."""
    return {
        "region": HERE,
        "incarnation": PAIR.incarnation,
        "shard": SHARD,
        "sequence": str(sequence),
        "born_ms": 5,
        "safe_in": PEER,
    }


def future(raw: bytes) -> bytes:
    """The marker as a later release would write it, with fields that look the same."""
    return json.dumps({**json.loads(raw), "lifelineMarker": 2}).encode()


@pytest.mark.parametrize("stamped", [{}, {"format": 1}, {"format": 2}])
def test_a_peers_vector_of_this_format_or_the_one_before_is_heard(
    stamped: dict[str, int],
) -> None:
    published = PublishedVectors()
    reader = reader_of(published)
    reader.hear(PEER.encode(), vector(stamped, 10))
    assert published.entries() == [row(10)]


@pytest.mark.parametrize("number", [3, 0, True, "2", None])
def test_a_peers_vector_of_another_format_leaves_what_was_heard_before(number: object) -> None:
    published = PublishedVectors()
    reader = reader_of(published)
    reader.hear(PEER.encode(), vector({}, 10))
    with pytest.raises(ValueError, match="a watermark vector of format"):
        reader.hear(PEER.encode(), vector({"format": number}, 99))
    assert published.entries() == [row(10)]


def test_the_applier_sets_a_marker_of_a_future_format_aside() -> None:
    raw = Marker(PAIR, 7, 5, (SHARD,), ((TOPIC, 0),)).to_bytes()
    known, unknown = (
        LogRecord(TOPIC, 0, offset, 1_000, value, [("kind", b"marker")])
        for offset, value in enumerate([raw, future(raw)])
    )
    batch = batch_of([known, unknown])
    assert [seen.marker.sequence for seen in batch.markers] == [7]
    assert batch.unreadable == [(unknown, "ValueError")]


def test_the_bridge_writes_no_marker_for_one_of_a_future_format() -> None:
    raw = StreamMarker(HERE, PAIR.incarnation, SHARD, 5, (SHARD,)).to_bytes()
    made = {}
    for name, data in {"now": raw, "future": future(raw)}.items():
        record = StreamRecord(SHARD, 7, f"m:{SHARD}", data, datetime.now(UTC))
        made[name] = bridged(
            [record],
            region=HERE,
            incarnation=PAIR.incarnation,
            partitions=[(TOPIC, 1), ("error.dlq", 1)],
            schemas=load_schemas(schemas_folder()),
        )
    assert made["now"].marker is not None
    assert made["future"].marker is None
    assert made["future"].rejected == {"malformed": 1}


def test_the_drill_calls_nothing_safe_by_a_future_format() -> None:
    rows = [row(10)]
    for known in ({}, {"format": 1}, {"format": 2}):
        assert [one.sequence for one in entries_of({**known, "entries": rows})] == [10]
    for unknown in (3, "2", None):
        assert entries_of({"format": unknown, "entries": rows}) == []


def reader_of(published: PublishedVectors) -> WatermarkReader:
    """A reader that has not connected to anything."""
    log = GroupLog("nowhere", "none", {TOPIC: 1}, HERE)
    region = ServingRegion(region=HERE, peer_region=PEER, suffix="test")
    return WatermarkReader(log, region, published, ReaderCheckpoint("none", HERE, object()))


def vector(stamped: dict[str, Any], sequence: int) -> bytes:
    """A record of `system.watermark`."""
    return json.dumps({**stamped, "region": PEER, "entries": [row(sequence)]}).encode()
