"""A stream with shards, as the shipped code, its edges and its event source mapping use one.

Sources: Amazon Kinesis Data Streams, "Resharding a stream", API reference of PutRecords, ListShards,
GetShardIterator, GetRecords.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from typing import Any

FIRST_SEQUENCE = 10**50
"""As large as the sequence numbers of Kinesis are."""
STEP = 16
PER_SECOND = 10**9
HASH_KEYS = 2**128
PAGE = 1_000


@dataclass
class Record:
    """What a shard took, and when (epoch seconds)."""

    sequence: int
    key: str
    data: bytes
    at: float


@dataclass
class Shard:
    """`first` and `last`: its range of hash keys."""

    name: str
    first: int
    last: int
    parents: tuple[str, ...] = ()
    open: bool = True
    records: list[Record] = field(default_factory=list)


class Stream:
    """`created`: epoch seconds; a stream that is made anew begins with the same names of shards."""

    def __init__(
        self,
        created: float,
        clock: Callable[[], float],
        taken: Callable[[Stream, str, Record], None] = lambda _stream, _shard, _record: None,
        shards: int = 2,
    ) -> None:
        self.created = created
        self._clock, self._taken = clock, taken
        self.shards: dict[str, Shard] = {}
        # They grow with time: those of a stream that is made anew lie above the old one's.
        self._last = FIRST_SEQUENCE + int(created) * PER_SECOND
        self.refuses: Callable[[], bool] = lambda: False
        """Whether a record of PutRecords is refused while others are taken (B3)."""
        for number in range(shards):
            width = HASH_KEYS // shards
            last = HASH_KEYS - 1 if number == shards - 1 else (number + 1) * width - 1
            self._add(number * width, last)

    @property
    def incarnation(self) -> str:
        return str(int(self.created))

    def open_shards(self) -> list[Shard]:
        return [one for one in self.shards.values() if one.open]

    def split(self, name: str) -> None:
        """In the middle. The parent takes nothing more."""
        parent = self.shards[name]
        parent.open = False
        middle = (parent.first + parent.last) // 2
        self._add(parent.first, middle, (name,))
        self._add(middle + 1, parent.last, (name,))

    def merge(self, one: str, other: str) -> None:
        """Two that lie side by side."""
        parents = sorted((self.shards[one], self.shards[other]), key=lambda each: each.first)
        for parent in parents:
            parent.open = False
        self._add(parents[0].first, parents[1].last, (parents[0].name, parents[1].name))

    def read(self, name: str, start: int, limit: int) -> list[Record]:
        """As the event source mapping reads: from the record number `start` on."""
        return self.shards[name].records[start : start + limit]

    # The API

    def describe_stream_summary(self, **_asked: Any) -> dict[str, Any]:
        created = datetime.fromtimestamp(self.created, UTC)
        return {"StreamDescriptionSummary": {"StreamCreationTimestamp": created}}

    def list_shards(self, **_asked: Any) -> dict[str, Any]:
        return {"Shards": [_listed(one) for one in self.shards.values()]}

    def put_records(self, *, Records: list[dict[str, Any]], **_asked: Any) -> dict[str, Any]:
        answers: list[dict[str, Any]] = []
        for one in Records:
            if self.refuses():
                answers.append({"ErrorCode": "ProvisionedThroughputExceededException"})
                continue
            key = str(one["PartitionKey"])
            place = int(one["ExplicitHashKey"]) if "ExplicitHashKey" in one else _hash_key(key)
            shard = next(each for each in self.open_shards() if each.first <= place <= each.last)
            self._last += STEP
            record = Record(self._last, key, bytes(one["Data"]), self._clock())
            shard.records.append(record)
            self._taken(self, shard.name, record)
            answers.append({"ShardId": shard.name, "SequenceNumber": str(record.sequence)})
        return {
            "FailedRecordCount": sum("ErrorCode" in one for one in answers),
            "Records": answers,
        }

    def get_shard_iterator(
        self, *, ShardId: str, ShardIteratorType: str, **asked: Any
    ) -> dict[str, Any]:
        records = self.shards[ShardId].records
        if ShardIteratorType == "AT_TIMESTAMP":
            since = asked["Timestamp"].timestamp()
            at = sum(one.at < since for one in records)
        else:
            start = int(asked["StartingSequenceNumber"])
            at = sum(one.sequence < start for one in records)
        return {"ShardIterator": f"{ShardId}/{at}"}

    def get_records(self, *, ShardIterator: str, **_asked: Any) -> dict[str, Any]:
        name, _, at = ShardIterator.partition("/")
        shard, start = self.shards[name], int(at)
        found = shard.records[start : start + PAGE]
        end = start + len(found)
        ended = not shard.open and end == len(shard.records)
        answer: dict[str, Any] = {
            "Records": [
                {
                    "SequenceNumber": str(one.sequence),
                    "PartitionKey": one.key,
                    "Data": one.data,
                    "ApproximateArrivalTimestamp": datetime.fromtimestamp(one.at, UTC),
                }
                for one in found
            ],
            "MillisBehindLatest": len(shard.records) - end,
        }
        return answer if ended else {**answer, "NextShardIterator": f"{name}/{end}"}

    def _add(self, first: int, last: int, parents: tuple[str, ...] = ()) -> None:
        name = f"shardId-{len(self.shards):012d}"
        self.shards[name] = Shard(name, first, last, parents)


def _hash_key(key: str) -> int:
    """As Kinesis maps a partition key."""
    return int.from_bytes(md5(key.encode(), usedforsecurity=False).digest(), "big")


def _listed(shard: Shard) -> dict[str, Any]:
    # A shard that took nothing has a first sequence all the same.
    numbers = {"StartingSequenceNumber": str(FIRST_SEQUENCE)}
    if not shard.open:
        numbers["EndingSequenceNumber"] = str(FIRST_SEQUENCE)
    found: dict[str, Any] = {
        "ShardId": shard.name,
        "HashKeyRange": {
            "StartingHashKey": str(shard.first),
            "EndingHashKey": str(shard.last),
        },
        "SequenceNumberRange": numbers,
    }
    names = ("ParentShardId", "AdjacentParentShardId")
    return found | dict(zip(names, shard.parents, strict=False))
