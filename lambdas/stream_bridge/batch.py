"""A batch of one shard as the log's records: pure.

Invariant (B6): what `marker` claims lies in `records`, which are written and acknowledged before it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from lifeline.lambdas.contracts.stream_bridge import DEAD_LETTERS
from lifeline.lambdas.failover.breaker import Outcome
from lifeline.lambdas.failover.manifests import digest_of
from lifeline.lambdas.failover.markers import (
    EVENT_PREFIX,
    STREAM_MARKER_PREFIX,
    Marker,
    Pair,
    Parents,
    Place,
    StreamMarker,
)
from lifeline.lambdas.stream_bridge.event_schemas import EventSchemas
from lifeline.lambdas.stream_bridge.partitioner import partition_of
from lifeline.lambdas.stream_bridge.shard_count import Counted, Earlier
from lifeline.lambdas.stream_bridge.validation import Rejected, judge, total

Headers = list[tuple[str, str | bytes | None]]


class StreamRecord(NamedTuple):
    """One record of the stream as its event source mapping delivers it."""

    shard: str
    sequence: int
    partition_key: str
    data: bytes
    arrived_at: datetime


class LogRecord(NamedTuple):
    """One record for a partition of the log."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    headers: Headers


@dataclass(frozen=True)
class BridgedBatch:
    """Everything to write first, then the one marker (only the last of the batch, B17)."""

    records: list[LogRecord]
    counted: list[Counted]
    """The same records as the markers' manifests count them."""
    marker: Marker | None
    rejected: dict[str, int]
    """Records by the reason of their reject."""
    defects: dict[str, int]
    """Records whose judgement raised, by the exception's class: ours to repair (B23)."""
    outcomes: list[Outcome]
    """Of each event, if any was a defect; else empty: reading who sent them costs as much as judging."""


def stream_records(event: Mapping[str, Any], now: datetime) -> list[StreamRecord]:
    """The batch in its order. `now` stands in for an arrival time that is missing."""
    return [_stream_record(raw, now) for raw in event["Records"]]


def incarnations_named(records: Iterable[StreamRecord]) -> set[str]:
    """The incarnations that the batch's readable markers name: a hint that a cached one is stale (B2)."""
    named = set()
    for record in records:
        if record.partition_key.startswith(STREAM_MARKER_PREFIX):
            found = total(StreamMarker.from_bytes, record.data)
            if isinstance(found, StreamMarker):
                named.add(found.incarnation)
    return named


def bridged(
    records: Iterable[StreamRecord],
    *,
    region: str,
    incarnation: str,
    partitions: Iterable[tuple[str, int]],
    earlier: Earlier | None = None,
    schemas: EventSchemas,
) -> BridgedBatch:
    """Judge every record. A marker is known by its partition key alone: clients cannot choose that.

    `earlier`: the list for records at or under a sequence; all others are placed by `partitions`.
    """
    written: list[LogRecord] = []
    counted: list[Counted] = []
    marker: Marker | None = None
    parents: Parents | None = None
    rejected: dict[str, int] = {}
    defects: dict[str, int] = {}
    judged: list[tuple[bytes, bool]] = []
    origins: dict[str, tuple[Pair, Headers]] = {}
    turn = None if earlier is None else earlier.until
    counts, places = _listed(partitions if earlier is None else earlier.partitions)
    for record in records:
        if turn is not None and record.sequence > turn:
            turn = None
            counts, places = _listed(partitions)
        if record.shard not in origins:
            pair = Pair(region, incarnation, record.shard)
            origins[record.shard] = pair, _pair_headers(pair)
        origin, shared = origins[record.shard]
        if record.partition_key.startswith(STREAM_MARKER_PREFIX):
            found = total(_marker, record, origin, places)
            if found is None:
                continue
            if isinstance(found, Marker):
                marker = found
                parents = parents if found.parents is None else found.parents
                continue
            verdict: Any = found
        else:
            verdict = judge(record.data, record.arrived_at, schemas)
            if not isinstance(verdict, Rejected) and verdict.topic not in counts:
                verdict = Rejected(
                    "defect", "The log lists no topic for the event's type.", "Topics"
                )
            judged.append((record.data, isinstance(verdict, Rejected) and bool(verdict.defect)))
        sequence = str(record.sequence).encode()
        headers: Headers = [*shared, ("sequence", sequence)]
        if isinstance(verdict, Rejected):
            rejected[verdict.reason] = rejected.get(verdict.reason, 0) + 1
            if verdict.defect:
                defects[verdict.defect] = defects.get(verdict.defect, 0) + 1
            topic, key = DEAD_LETTERS, _dead_letter_key(record)
            headers += [("reason", verdict.reason.encode()), ("detail", verdict.detail.encode())]
        else:
            topic, key = verdict.topic, verdict.key.encode()
        partition = partition_of(key, counts[topic])
        written.append(LogRecord(topic, partition, key, record.data, headers))
        digest = digest_of(sequence, record.data)
        counted.append(Counted(record.sequence, (topic, partition), digest))
    if marker is not None:
        marker = replace(marker, parents=parents)
    outcomes = [Outcome(_sender(data), ours) for data, ours in judged] if defects else []
    return BridgedBatch(written, counted, marker, rejected, defects, outcomes)


def _listed(partitions: Iterable[tuple[str, int]]) -> tuple[dict[str, int], tuple[Place, ...]]:
    counts = dict(partitions)
    return counts, tuple((topic, one) for topic, count in counts.items() for one in range(count))


def origin_headers(pair: Pair, sequence: int) -> Headers:
    """Where a record was accepted: its receipt's four parts (B1)."""
    return [*_pair_headers(pair), ("sequence", str(sequence).encode())]


def _pair_headers(pair: Pair) -> Headers:
    return [
        ("origin", pair.origin.encode()),
        ("incarnation", pair.incarnation.encode()),
        ("shard", pair.shard.encode()),
    ]


def _marker(
    record: StreamRecord, origin: Pair, places: tuple[tuple[str, int], ...]
) -> Marker | Rejected | None:
    """A marker of another stream or incarnation proves nothing here: it is refused, not used.

    None for one of another shard of this stream: it was on its way while the shards were made others.
    """
    try:
        found = StreamMarker.from_bytes(record.data)
    except ValueError:
        return Rejected("malformed", "The stream marker cannot be read.")
    if (found.region, found.incarnation) != (origin.origin, origin.incarnation):
        return Rejected("malformed", "The stream marker names another stream than it lies in.")
    if found.shard != origin.shard:
        return None
    return Marker(
        origin, record.sequence, found.born_ms, found.shards, places, parents=found.parents
    )


def _sender(data: bytes) -> str:
    """Who sent it, as far as the event says; the judge may be what fails, so it is not asked."""
    try:
        event = orjson.loads(data)
    except orjson.JSONDecodeError:
        return ""
    metadata = event.get("metadata") if isinstance(event, dict) else None
    sender = metadata.get("userId") if isinstance(metadata, dict) else None
    return sender if isinstance(sender, str) else ""


def _dead_letter_key(record: StreamRecord) -> bytes:
    # Not every string of JSON has a UTF-8 form: half a surrogate pair has none.
    return record.partition_key.removeprefix(EVENT_PREFIX).encode(errors="replace")


def _stream_record(raw: Mapping[str, Any], now: datetime) -> StreamRecord:
    kinesis = raw["kinesis"]
    arrived = kinesis.get("approximateArrivalTimestamp")
    return StreamRecord(
        shard=str(raw["eventID"]).partition(":")[0],
        sequence=int(kinesis["sequenceNumber"]),
        partition_key=str(kinesis["partitionKey"]),
        data=base64.b64decode(kinesis["data"]),
        arrived_at=now if arrived is None else datetime.fromtimestamp(float(arrived), UTC),
    )
