"""What AWS is to the bridge, as far as it uses it: a stream with shards, and a table of counts."""

from __future__ import annotations

import base64
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

FIRST_SEQUENCE = 10**50
"""As large as the sequence numbers of Kinesis are."""
PAGE = 1_000
INCARNATION = 1_795_240_000


@dataclass
class _Shard:
    records: list[dict[str, Any]] = field(default_factory=list)
    bridged: int = 0
    open: bool = True


class Stream:
    """A stream of Kinesis: `batch` is what the event source mapping delivers, the rest its API."""

    def __init__(self, shards: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._shards = {name: _Shard() for name in shards}
        self._last = FIRST_SEQUENCE

    def open_shards(self) -> tuple[str, ...]:
        return tuple(name for name, shard in self._shards.items() if shard.open)

    def known(self) -> tuple[str, ...]:
        """The closed ones, too."""
        return tuple(self._shards)

    def holding(self, sequence: int) -> tuple[str, ...]:
        """The shard that has the record."""
        with self._lock:
            return tuple(
                name
                for name, shard in self._shards.items()
                if any(one["SequenceNumber"] == str(sequence) for one in shard.records[-5_000:])
            )

    def split(self, name: str, children: Sequence[str]) -> None:
        """The parent takes nothing more."""
        with self._lock:
            self._shards[name].open = False
            self._shards |= {child: _Shard() for child in children}

    def put(self, shard: str, key: str, data: bytes) -> int:
        """The sequence of what was accepted."""
        with self._lock:
            self._last += 16
            self._shards[shard].records.append(
                {
                    "SequenceNumber": str(self._last),
                    "PartitionKey": key,
                    "Data": data,
                    "ApproximateArrivalTimestamp": datetime.now(UTC),
                }
            )
            return self._last

    def batches(self) -> list[tuple[str, dict[str, Any]]]:
        """One for each shard that has more: what was bridged comes again until `done`."""
        found = []
        for name, shard in list(self._shards.items()):
            records = shard.records[shard.bridged : shard.bridged + PAGE]
            if records:
                found.append((name, {"Records": [_delivered(name, one) for one in records]}))
        return found

    def done(self, shard: str, count: int) -> None:
        """The batch ended well."""
        self._shards[shard].bridged += count

    def describe_stream_summary(self, **_given: Any) -> dict[str, Any]:
        created = datetime.fromtimestamp(INCARNATION, UTC)
        return {"StreamDescriptionSummary": {"StreamCreationTimestamp": created}}

    def get_shard_iterator(
        self, *, ShardId: str, Timestamp: datetime | None = None, **given: Any
    ) -> dict[str, Any]:
        records = self._shards[ShardId].records
        if Timestamp is None:
            start = int(given["StartingSequenceNumber"])
            at = sum(int(one["SequenceNumber"]) < start for one in records)
        else:
            at = sum(one["ApproximateArrivalTimestamp"] < Timestamp for one in records)
        return {"ShardIterator": f"{ShardId}/{at}"}

    def get_records(self, *, ShardIterator: str, **_given: Any) -> dict[str, Any]:
        name, _, at = ShardIterator.partition("/")
        records = self._shards[name].records[int(at) : int(at) + PAGE]
        behind = len(self._shards[name].records) - int(at) - len(records)
        return {
            "Records": records,
            "NextShardIterator": f"{name}/{int(at) + len(records)}",
            "MillisBehindLatest": behind,
        }


def _delivered(shard: str, one: dict[str, Any]) -> dict[str, Any]:
    return {
        "eventID": f"{shard}:{one['SequenceNumber']}",
        "kinesis": {
            "sequenceNumber": one["SequenceNumber"],
            "partitionKey": one["PartitionKey"],
            "data": base64.b64encode(one["Data"]).decode(),
            "approximateArrivalTimestamp": one["ApproximateArrivalTimestamp"].timestamp(),
        },
    }


class Table:
    """A table of DynamoDB with the key `id`; a put has no condition, or one on `version`."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}

    def get_item(self, *, Key: dict[str, Any], **_given: Any) -> dict[str, Any]:
        found = self.items.get(Key["id"]["S"])
        return {} if found is None else {"Item": found}

    def put_item(
        self, *, Item: dict[str, Any], ConditionExpression: str = "", **given: Any
    ) -> dict[str, Any]:
        there = self.items.get(Item["id"]["S"])
        wanted = given.get("ExpressionAttributeValues", {}).get(":over")
        if ConditionExpression and (there or {}).get("version") != wanted:
            refusal = {"Error": {"Code": "ConditionalCheckFailedException", "Message": "not so"}}
            raise ClientError(refusal, "PutItem")  # type: ignore[arg-type]
        self.items[Item["id"]["S"]] = Item
        return {}
