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
    """`first` and `last`: its range of hash keys. `trimmed`: how many records retention took."""

    name: str
    first: int
    last: int
    parents: tuple[str, ...] = ()
    open: bool = True
    records: list[Record] = field(default_factory=list)
    trimmed: int = 0
    closed_at: float = 0.0

    @property
    def count(self) -> int:
        """Of all records that it ever took."""
        return self.trimmed + len(self.records)


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
        self._made = 0
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
        parent = self._close(name)
        middle = (parent.first + parent.last) // 2
        self._add(parent.first, middle, (name,))
        self._add(middle + 1, parent.last, (name,))

    def merge(self, one: str, other: str) -> None:
        """Two that lie side by side."""
        parents = sorted((self._close(one), self._close(other)), key=lambda each: each.first)
        self._add(parents[0].first, parents[1].last, (parents[0].name, parents[1].name))

    def read(self, name: str, start: int, limit: int) -> list[Record]:
        """As the event source mapping reads: from the record number `start` on."""
        shard = self.shards[name]
        at = max(0, start - shard.trimmed)
        return shard.records[at : at + limit]

    def trim(self, before: float) -> None:
        """Retention: what came before that moment is gone; a shard that was closed then is listed no more."""
        for shard in list(self.shards.values()):
            gone = sum(one.at < before for one in shard.records)
            del shard.records[:gone]
            shard.trimmed += gone
            if not shard.open and shard.closed_at < before:
                del self.shards[shard.name]

    # The API

    def describe_stream_summary(self, **_asked: Any) -> dict[str, Any]:
        created = datetime.fromtimestamp(self.created, UTC)
        return {"StreamDescriptionSummary": {"StreamCreationTimestamp": created}}

    def list_shards(self, **_asked: Any) -> dict[str, Any]:
        return {"Shards": [_listed(one) for one in self.shards.values()]}

    def put_records(self, *, Records: list[dict[str, Any]], **_asked: Any) -> dict[str, Any]:
        answers: list[dict[str, Any]] = []
        shards = self.open_shards()
        for one in Records:
            if self.refuses():
                answers.append({"ErrorCode": "ProvisionedThroughputExceededException"})
                continue
            key = str(one["PartitionKey"])
            place = int(one["ExplicitHashKey"]) if "ExplicitHashKey" in one else _hash_key(key)
            shard = next(each for each in shards if each.first <= place <= each.last)
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

    def _close(self, name: str) -> Shard:
        shard = self.shards[name]
        shard.open, shard.closed_at = False, self._clock()
        return shard

    def _add(self, first: int, last: int, parents: tuple[str, ...] = ()) -> None:
        name = f"shardId-{self._made:012d}"
        self._made += 1
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
