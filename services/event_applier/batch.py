"""Records of the log as one batch for the database: pure, in the log's order.

Rows are made as lines of COPY's text format: the fastest way into PostgreSQL that keeps an order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from lifeline.lambdas.failover.markers import Marker, Pair

Place = tuple[str, int]
"""(topic, partition)"""

COLUMNS = (
    "ord, occurred_on, event_id, event_type, aggregate_type, aggregate_id, sequence, version, "
    "payload, metadata, origin, incarnation, shard, shard_sequence, topic"
)
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class LogRecord(NamedTuple):
    """One record as read: `time_ms` is the record's own time (B15)."""

    topic: str
    partition: int
    offset: int
    time_ms: int
    value: bytes
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True)
class MarkerSeen:
    """A marker, the partition it lies in and its record's time: where a resume may start (B15)."""

    marker: Marker
    place: Place
    record_time_ms: int


@dataclass
class Batch:
    """`lines` of COPY text for events; markers in the order read; what could not be read at all."""

    lines: list[str] = field(default_factory=list)
    markers: list[MarkerSeen] = field(default_factory=list)
    unreadable: list[tuple[LogRecord, str]] = field(default_factory=list)

    def last_markers(self) -> dict[tuple[Place, Pair], MarkerSeen]:
        """The furthest marker per partition and pair: one upsert each (B17)."""
        last: dict[tuple[Place, Pair], MarkerSeen] = {}
        for seen in self.markers:
            key = (seen.place, seen.marker.pair)
            if key not in last or seen.marker.sequence > last[key].marker.sequence:
                last[key] = seen
        return last

    def declared(self) -> set[tuple[Place, Pair]]:
        """Every (partition, pair) that the markers say exists (B10)."""
        return {
            (seen.place, Pair(seen.marker.pair.origin, seen.marker.pair.incarnation, shard))
            for seen in self.markers
            for shard in seen.marker.shards
        }


def batch_of(records: Iterable[LogRecord]) -> Batch:
    """Decode in order. A record that cannot be read is set aside with why (C7), never dropped."""
    batch = Batch()
    number = 0
    for record in records:
        try:
            headers = dict(record.headers)
            if headers.get("kind") == b"marker":
                marker = Marker.from_bytes(record.value)
                place = (record.topic, record.partition)
                batch.markers.append(MarkerSeen(marker, place, record.time_ms))
            else:
                batch.lines.append(_line(number, record, headers))
                number += 1
        except MemoryError:  # says nothing about the record
            raise
        except Exception as error:  # whatever it is, one record must not stop the log (B23)
            batch.unreadable.append((record, type(error).__name__))
    return batch


def _line(number: int, record: LogRecord, headers: dict[str, Any]) -> str:
    event = orjson.loads(record.value)
    aggregate_id = event["aggregateId"]
    payload = orjson.dumps(event["payload"]).decode()
    metadata = orjson.dumps(event["metadata"]).decode()
    fields = (
        str(number),
        event["occurredOn"],
        event["eventId"],
        event["eventType"],
        event["aggregateType"],
        aggregate_id.translate(_ESCAPES),
        str(event["sequence"]),
        str(event["version"]),
        # JSON text has no raw control character: only backslashes need care.
        payload.replace("\\", "\\\\"),
        metadata.replace("\\", "\\\\"),
        headers["origin"].decode(),
        headers["incarnation"].decode(),
        headers["shard"].decode(),
        headers["sequence"].decode(),
        record.topic,
    )
    return "\t".join(fields)
