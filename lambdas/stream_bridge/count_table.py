"""The table of what the bridge counted: one small item for each shard, written under a condition (B8)."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.manifests import Manifest
from lifeline.lambdas.failover.markers import Marker, Pair, Place
from lifeline.lambdas.failover.wire import encoded
from lifeline.lambdas.stream_bridge.shard_count import (
    CountedMarker,
    Earlier,
    Placing,
    ShardCount,
)

KEPT_SECONDS = 30 * 86_400
"""The item of a shard goes 30 days after its last batch; the stream keeps its records for at most 7."""
_MANIFEST = struct.Struct(">IQ")
BRIEF = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 3})


class Conflict(Exception):
    """Somebody else wrote the item since it was read."""


@dataclass(frozen=True)
class Stored:
    """A shard's count as the table has it; `version` counts the writes, 0 is before the first.

    `count` is None for an item that this release cannot read: the chain begins anew, and readers see it.
    """

    version: int
    count: ShardCount | None


class CountTable:
    """Every method raises what the client raises, within about 10 s."""

    def __init__(
        self, table: str, region: str, client: Any = None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._table, self._clock = table, clock
        self._client: Any = client or boto3.client("dynamodb", region_name=region, config=BRIEF)

    def load(self, pair: Pair) -> Stored | None:
        """None for a shard that was never counted."""
        answer = self._client.get_item(
            TableName=self._table, Key={"id": {"S": _name(pair)}}, ConsistentRead=True
        )
        item = answer.get("Item")
        if item is None:
            return None
        version = int(item["version"]["N"])
        try:
            return Stored(version, _count_of(item))
        except (KeyError, TypeError, ValueError, struct.error):
            return Stored(version, None)

    def save(self, pair: Pair, count: ShardCount, over: int) -> Stored:
        """Replace the version `over`. Raises Conflict when another one is there."""
        places = sorted(count.running)
        item: dict[str, Any] = {
            "id": {"S": _name(pair)},
            "version": {"N": str(over + 1)},
            # A sequence has more digits than a number of the table may have.
            "acknowledged": {"S": str(count.acknowledged)},
            "previous": {"S": str(count.previous)},
            "places": {"S": encoded(places)},
            "running": {"B": _packed(count.running[place] for place in places)},
            "expires_at": {"N": str(int(self._clock.now()) + KEPT_SECONDS)},
        }
        if count.placing.partitions:
            item["placing"] = {"S": encoded(count.placing.partitions)}
        if count.placing.earlier is not None:
            until, listed = count.placing.earlier
            item["placed_earlier"] = {"S": encoded([str(until), listed])}
        if count.last is not None:
            item["marker"] = {"S": count.last.marker.to_bytes().decode()}
            item["manifests"] = {"B": _packed(count.last.manifests)}
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(id)"}
        if over:
            condition = {
                "ConditionExpression": "version = :over",
                "ExpressionAttributeValues": {":over": {"N": str(over)}},
            }
        try:
            self._client.put_item(TableName=self._table, Item=item, **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise Conflict from error
            raise
        return Stored(over + 1, count)


def _count_of(item: dict[str, Any]) -> ShardCount:
    last = None
    if "marker" in item:
        marker = Marker.from_bytes(item["marker"]["S"].encode())
        last = CountedMarker(marker, tuple(_unpacked(item["manifests"]["B"])))
    running = zip(_places(item["places"]["S"]), _unpacked(item["running"]["B"]), strict=True)
    return ShardCount(
        acknowledged=int(item["acknowledged"]["S"]),
        previous=int(item["previous"]["S"]),
        running=dict(running),
        last=last,
        placing=_placing(item),
    )


def _placing(item: dict[str, Any]) -> Placing:
    """Of an item of the release before nothing is known."""
    earlier = None
    if "placed_earlier" in item:
        until, listed = json.loads(item["placed_earlier"]["S"])
        earlier = Earlier(int(until), tuple(_listed(listed)))
    told = json.loads(item["placing"]["S"]) if "placing" in item else []
    return Placing(tuple(_listed(told)), earlier)


def _name(pair: Pair) -> str:
    return f"{pair.incarnation}#{pair.shard}"


def _places(text: str) -> list[Place]:
    return _listed(json.loads(text))


def _listed(rows: list[Any]) -> list[tuple[str, int]]:
    return [(str(topic), int(number)) for topic, number in rows]


def _packed(manifests: Iterable[Manifest]) -> bytes:
    return b"".join(_MANIFEST.pack(one.count, one.digest) for one in manifests)


def _unpacked(raw: bytes) -> list[Manifest]:
    return [Manifest(*found) for found in _MANIFEST.iter_unpack(bytes(raw))]
