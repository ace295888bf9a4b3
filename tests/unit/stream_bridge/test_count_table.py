"""The table of counts, against DynamoDB's emulation: what is read is what was written, once (B8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lifeline.lambdas.adapters import aws
from lifeline.lambdas.failover.manifests import Manifest
from lifeline.lambdas.failover.markers import Marker, Pair
from lifeline.lambdas.stream_bridge.count_table import KEPT_SECONDS, Conflict, CountTable, Stored
from lifeline.lambdas.stream_bridge.shard_count import CountedMarker, Placing, ShardCount
from tests.support.clocks import ManualClock
from tests.support.tables import made_table

REGION, TABLE = "ca-central-1", "bridge-counts-test"
PAIR = Pair(REGION, "17", "shardId-000000000000")
PLACES = (("clinical.observation.recorded", 0), ("clinical.observation.recorded", 11))
SEQUENCE = 49590338271490256608559692538361571095921575989136588898
"""As long as Kinesis makes them: more digits than a number of the table may have."""
COUNT = ShardCount(
    acknowledged=SEQUENCE + 9,
    previous=SEQUENCE,
    running={PLACES[1]: Manifest(3, 2**64 - 1), PLACES[0]: Manifest(1, 5)},
    last=CountedMarker(
        Marker(PAIR, SEQUENCE, 5, (PAIR.shard,), PLACES, previous=SEQUENCE - 7),
        (Manifest(), Manifest(2**32 - 1, 1)),
    ),
    placing=Placing((("clinical.observation.recorded", 12), ("error.dlq", 1))),
)
GROWN = replace(COUNT, placing=COUNT.placing.grown((("error.dlq", 2),), SEQUENCE + 9))


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[CountTable]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    aws.client.cache_clear()
    with mock_aws():
        made_table(REGION, TABLE)
        yield CountTable(TABLE, REGION, clock=ManualClock())
    aws.client.cache_clear()


@pytest.mark.parametrize("count", [COUNT, GROWN, ShardCount.begun(SEQUENCE)])
def test_what_is_read_is_what_was_written(table: CountTable, count: ShardCount) -> None:
    assert table.load(PAIR) is None
    assert table.save(PAIR, count, 0) == Stored(1, count)
    assert table.load(PAIR) == Stored(1, count)
    assert table.load(Pair(REGION, "18", PAIR.shard)) is None


@pytest.mark.parametrize("over", [0, 1, 3])
def test_only_the_version_that_was_read_is_replaced(table: CountTable, over: int) -> None:
    table.save(PAIR, COUNT, 0)
    table.save(PAIR, COUNT, 1)
    with pytest.raises(Conflict):
        table.save(PAIR, ShardCount.begun(7), over)
    assert table.load(PAIR) == Stored(2, COUNT)


def test_an_item_goes_some_time_after_its_last_batch(table: CountTable) -> None:
    table.save(PAIR, COUNT, 0)
    tables: Any = boto3.client("dynamodb", region_name=REGION)
    [item] = tables.scan(TableName=TABLE)["Items"]
    assert int(item["expires_at"]["N"]) == int(ManualClock().now()) + KEPT_SECONDS


def test_an_item_of_many_partitions_costs_few_units(table: CountTable) -> None:
    """One unit is 1 KiB, for each batch of each shard."""
    places = tuple(("clinical.observation.recorded", number) for number in range(100))
    marker = Marker(PAIR, SEQUENCE, 5, (PAIR.shard,), places, previous=SEQUENCE - 7)
    manifests = (Manifest(2**20, 2**63),) * 100
    running = dict.fromkeys(places, Manifest(2**20, 2**63))
    table.save(PAIR, ShardCount(SEQUENCE, SEQUENCE, running, CountedMarker(marker, manifests)), 0)
    tables: Any = boto3.client("dynamodb", region_name=REGION)
    [item] = tables.scan(TableName=TABLE)["Items"]
    size = sum(len(name) + sum(len(one) for one in value.values()) for name, value in item.items())
    assert size < 7 * 1024, size


@pytest.mark.parametrize("kept", [15, 12, 0, 36])
def test_a_count_that_lacks_a_partition_or_has_one_more_is_not_used(
    table: CountTable, kept: int
) -> None:
    """The chain then begins anew: a count that is guessed would call events safe that are not there."""
    table.save(PAIR, COUNT, 0)
    tables: Any = boto3.client("dynamodb", region_name=REGION)
    [item] = tables.scan(TableName=TABLE)["Items"]
    raw = bytes(item["running"]["B"])
    item["running"]["B"] = (raw + raw)[:kept]
    tables.put_item(TableName=TABLE, Item=item)
    assert table.load(PAIR) == Stored(1, None)


def test_the_count_is_read_as_it_was_written_last() -> None:
    """The process that counted before may have died a moment ago: an old read would count twice."""

    class Tables:
        def get_item(self, **asked: Any) -> dict[str, Any]:
            assert asked["ConsistentRead"] is True
            assert asked["Key"] == {"id": {"S": f"17#{PAIR.shard}"}}
            return {}

    assert CountTable(TABLE, REGION, client=Tables()).load(PAIR) is None
