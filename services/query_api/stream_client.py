"""The region's stream as the marker writer and the health check need it: short calls, no retries inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from lifeline.lambdas.failover.markers import Parents
from lifeline.services.shared.brief_calls import BRIEF


@dataclass(frozen=True)
class OpenShard:
    """A shard that takes records, and a hash key that lies in it."""

    shard: str
    hash_key: str


@dataclass(frozen=True)
class Shards:
    """What the stream lists: its open shards, and which shards each listed one was made of (B10, B24)."""

    open: tuple[OpenShard, ...]
    parents: Parents


@dataclass(frozen=True)
class Put:
    """The answer of PutRecords. `shards`: None for a record that was refused."""

    refused: int
    shards: tuple[str | None, ...]


class StreamClient:
    """One stream. Every method raises what the client raises, within about 2 s."""

    def __init__(self, stream_name: str, region: str) -> None:
        self._name = stream_name
        self._client: Any = boto3.client("kinesis", region_name=region, config=BRIEF)

    def incarnation(self) -> str:
        """The stream's creation time in whole epoch seconds (B2)."""
        answer = self._client.describe_stream_summary(StreamName=self._name)
        created = answer["StreamDescriptionSummary"]["StreamCreationTimestamp"]
        return str(int(created.timestamp()))

    def shards(self) -> Shards:
        """Every shard that the stream lists: the open ones, and those closed within its retention."""
        listed: list[dict[str, Any]] = []
        request: dict[str, str] = {"StreamName": self._name}
        while True:
            answer = self._client.list_shards(**request)
            listed += answer["Shards"]
            if not answer.get("NextToken"):
                return shards_of(listed)
            request = {"NextToken": answer["NextToken"]}

    def put_each(self, records: list[dict[str, Any]]) -> list[bool]:
        """PutRecords; whether each was taken (B3), as far as is known: without an answer, none."""
        try:
            answer = self._client.put_records(StreamName=self._name, Records=records)
        except (BotoCoreError, ClientError):
            return [False] * len(records)
        return [not one.get("ErrorCode") for one in answer["Records"]]

    def put(self, records: list[dict[str, Any]]) -> Put:
        """PutRecords: how many were refused, and into which shards the others went, in their order."""
        answer = self._client.put_records(StreamName=self._name, Records=records)
        return Put(
            refused=int(answer.get("FailedRecordCount", 0)),
            shards=tuple(one.get("ShardId") for one in answer.get("Records", ())),
        )


def shards_of(listed: list[dict[str, Any]]) -> Shards:
    """From the rows of ListShards.

    A shard names a parent only once all children of that are listed: half of a split would retire it early.
    """
    rows = {row["ShardId"]: row for row in listed}
    children: dict[str, list[tuple[int, int]]] = {}
    for row in listed:
        for parent in _parents_of(row):
            children.setdefault(parent, []).append(_range_of(row))
    whole = {
        parent
        for parent, ranges in children.items()
        if parent in rows and _covered(_range_of(rows[parent]), ranges)
    }
    return Shards(
        tuple(
            OpenShard(name, row["HashKeyRange"]["StartingHashKey"])
            for name, row in sorted(rows.items())
            if not row["SequenceNumberRange"].get("EndingSequenceNumber")
        ),
        {
            name: tuple(parent for parent in _parents_of(row) if parent in whole)
            for name, row in sorted(rows.items())
        },
    )


def _parents_of(row: dict[str, Any]) -> list[str]:
    return [row[key] for key in ("ParentShardId", "AdjacentParentShardId") if row.get(key)]


def _range_of(row: dict[str, Any]) -> tuple[int, int]:
    keys = row["HashKeyRange"]
    return int(keys["StartingHashKey"]), int(keys["EndingHashKey"])


def _covered(whole: tuple[int, int], parts: list[tuple[int, int]]) -> bool:
    reached, last = whole
    for first, end in sorted(parts):
        if first > reached:
            return False
        reached = max(reached, end + 1)
    return reached > last
