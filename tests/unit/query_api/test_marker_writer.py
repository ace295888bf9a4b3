"""Which markers are written into a stream that is resharded (B10, B24, L15)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lifeline.lambdas.failover.markers import StreamMarker
from lifeline.services.query_api.marker_writer import MarkerWriter, ShardsChanged
from lifeline.services.query_api.stream_client import StreamClient, shards_of

REGION, STREAM = "ca-central-1", "stream-test"
HALF = 2**127
FIRST, SECOND, THIRD = (f"shardId-{number:012}" for number in range(3))


def _open_shard_for(stream: Any, _key: str, hash_key: str) -> Any:
    """moto asks the closed shards too; Kinesis routes to the children of a closed one (SplitShard)."""
    shards = [one for one in stream.shards.values() if one.is_open]
    return next(one for one in shards if one.starting_hash <= int(hash_key) <= one.ending_hash)


@pytest.fixture
def kinesis(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr("moto.kinesis.models.Stream.get_shard_for_key", _open_shard_for)
    with mock_aws():
        client = boto3.client("kinesis", region_name=REGION)
        client.create_stream(StreamName=STREAM, ShardCount=1)
        yield client


@pytest.fixture
def writer(kinesis: Any) -> MarkerWriter:
    return MarkerWriter(StreamClient(STREAM, REGION), REGION, partitions=3)


def markers_in(kinesis: Any, shard: str) -> list[StreamMarker]:
    at = kinesis.get_shard_iterator(
        StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )
    records = kinesis.get_records(ShardIterator=at["ShardIterator"])["Records"]
    return [StreamMarker.from_bytes(record["Data"]) for record in records]


def split(kinesis: Any) -> None:
    kinesis.split_shard(StreamName=STREAM, ShardToSplit=FIRST, NewStartingHashKey=str(HALF))


def test_the_first_marker_says_the_lineage_and_the_next_one_does_not(
    kinesis: Any, writer: MarkerWriter
) -> None:
    writer.write_once()
    writer.write_once()
    first, second = markers_in(kinesis, FIRST)
    assert (first.shards, first.parents) == ((FIRST,), {FIRST: ()})
    assert (second.shards, second.parents) == ((FIRST,), None)


def test_a_split_is_noticed_by_the_shard_that_took_the_marker(
    kinesis: Any, writer: MarkerWriter
) -> None:
    """Not by the clock: until then no child has a marker and nothing of it becomes safe."""
    writer.write_once()
    split(kinesis)
    with pytest.raises(ShardsChanged):
        writer.write_once()
    writer._refreshed_at = float("-inf")  # as `run` does after any failure
    writer.write_once()
    for shard in (SECOND, THIRD):
        last = markers_in(kinesis, shard)[-1]
        assert last.shard == shard
        assert last.shards == (SECOND, THIRD)
        assert last.parents == {FIRST: (), SECOND: (FIRST,), THIRD: (FIRST,)}


def test_the_children_of_a_merge_name_both_parents(kinesis: Any, writer: MarkerWriter) -> None:
    split(kinesis)
    kinesis.merge_shards(StreamName=STREAM, ShardToMerge=SECOND, AdjacentShardToMerge=THIRD)
    writer.write_once()
    (last,) = markers_in(kinesis, "shardId-000000000003")
    assert last.parents is not None
    assert last.parents["shardId-000000000003"] == (SECOND, THIRD)


def row(shard: str, first: int, last: int, *parents: str, closed: bool = False) -> dict[str, Any]:
    """As ListShards answers (API reference, `Shard`)."""
    sequence = {"StartingSequenceNumber": "1"} | ({"EndingSequenceNumber": "9"} if closed else {})
    keys = dict(zip(("ParentShardId", "AdjacentParentShardId"), parents, strict=False))
    hashes = {"StartingHashKey": str(first), "EndingHashKey": str(last)}
    return {"ShardId": shard, "HashKeyRange": hashes, "SequenceNumberRange": sequence, **keys}


def test_half_of_a_split_names_no_parent() -> None:
    """The parent would retire with one child's marker, while the other child has none."""
    parent, low, high = row("p", 0, 99), row("a", 0, 49, "p"), row("b", 50, 99, "p")
    assert shards_of([parent, low]).parents == {"p": (), "a": ()}
    assert shards_of([parent, low, high]).parents == {"p": (), "a": ("p",), "b": ("p",)}


def test_a_parent_that_is_listed_no_more_is_not_named() -> None:
    assert shards_of([row("a", 0, 49, "p"), row("b", 50, 99, "p")]).parents == {"a": (), "b": ()}


def test_closed_shards_get_no_marker() -> None:
    found = shards_of([row("p", 0, 99, closed=True), row("a", 0, 49, "p"), row("b", 50, 99, "p")])
    assert [one.shard for one in found.open] == ["a", "b"]
