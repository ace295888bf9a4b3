"""Records of the log as one batch for the database: pure, in the log's order.

Rows are made as lines of COPY's text format: the fastest way into PostgreSQL that keeps an order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import msgspec

from lifeline.lambdas.failover.markers import Marker, Pair

Place = tuple[str, int]
"""(topic, partition)"""

COLUMNS = (
    "origin, incarnation, shard, shard_sequence, topic, event_type, event_id, occurred_on, sequence, "
    "version, aggregate_type, aggregate_id, payload, payload_text, metadata, metadata_text"
)
"""Of `event`, as each line of a batch fills them; `applied_epoch` is known only when it is written.

A server's log may quote the first hundred characters of a line: nothing in them says which patient.
"""
MAX_KEY_CHARACTERS = 650
"""Of an aggregate's type and id: a B-tree takes 2,704 bytes, a character has up to 4."""
_WHITE = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})
_ESCAPES = {**_WHITE, ord("\\"): "\\\\"}


class Envelope(msgspec.Struct):
    """An event as the bridge let it through; payload and metadata stay the bytes that they are (C8)."""

    eventId: str
    eventType: str
    aggregateType: str
    aggregateId: str
    occurredOn: str
    sequence: int
    version: int
    payload: msgspec.Raw
    metadata: msgspec.Raw


_ENVELOPE = msgspec.json.Decoder(Envelope)


class LogRecord(NamedTuple):
    """One record as read: `time_ms` is the record's own time (B15)."""

    topic: str
    partition: int
    offset: int
    time_ms: int
    value: bytes
    headers: list[tuple[str, bytes]]


class MarkerSeen(NamedTuple):
    """A marker, the partition it lies in and its record's time: where a resume may start (B15)."""

    marker: Marker
    place: Place
    record_time_ms: int


@dataclass
class Batch:
    """`lines` of COPY text for events; markers in the order read; what could not be read at all."""

    lines: list[str] = field(default_factory=list)
    events: list[LogRecord] = field(default_factory=list)
    """The record of each line."""
    envelopes: list[Envelope] = field(default_factory=list)
    """And its event."""
    origins: list[tuple[str, ...]] = field(default_factory=list)
    """And its place in a stream: origin, incarnation, shard, sequence."""
    days: list[str] = field(default_factory=list)
    """And its UTC day."""
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

    def parents(self) -> dict[Pair, tuple[str, ...]]:
        """Of which shards each shard was made, as far as the markers say it (B24)."""
        return {
            Pair(seen.marker.pair.origin, seen.marker.pair.incarnation, shard): its
            for seen in self.markers
            for shard, its in (seen.marker.parents or {}).items()
            if its
        }


def batch_of(records: Iterable[LogRecord]) -> Batch:
    """Decode in order. A record that cannot be read is set aside with why (C7), never dropped."""
    batch = Batch()
    for record in records:
        try:
            headers = dict(record.headers)
            if headers.get("kind") == b"marker":
                marker = Marker.from_bytes(record.value)
                if marker.given_up is not None:
                    continue  # no barrier: it concerns the watermark alone
                place = (record.topic, record.partition)
                batch.markers.append(MarkerSeen(marker, place, record.time_ms))
            else:
                line, event, origin, day = _line(record, headers)
                batch.lines.append(line)
                batch.origins.append(origin)
                batch.days.append(day)
                batch.events.append(record)
                batch.envelopes.append(event)
        except MemoryError:  # says nothing about the record
            raise
        except Exception as error:  # whatever it is, one record must not stop the log (B23)
            batch.unreadable.append((record, type(error).__name__))
    return batch


def _line(record: LogRecord, headers: dict[str, Any]) -> tuple[str, Envelope, tuple[str, ...], str]:
    event = _ENVELOPE.decode(record.value)
    payload, metadata = _escaped(event.payload), _escaped(event.metadata)
    origin = tuple(
        headers[name].decode() for name in ("origin", "incarnation", "shard", "sequence")
    )
    if not (origin[3].isascii() and origin[3].isdigit()):
        raise ValueError("its place in the stream is no number")
    fields = (
        *origin,
        record.topic,
        event.eventType,
        event.eventId,
        event.occurredOn,
        str(event.sequence),
        str(event.version),
        event.aggregateType,
        event.aggregateId.translate(_ESCAPES),
        payload,
        payload,
        metadata,
        metadata,
    )
    if len(event.aggregateType) + len(event.aggregateId) > MAX_KEY_CHARACTERS:
        raise ValueError("an aggregate's type and id are too long for an index")
    line = "\t".join(fields)
    if line.count("\t") != len(fields) - 1 or "\n" in line or "\x00" in line:
        raise ValueError("a field holds a character that COPY's text format does not")
    return line, event, origin, _day(event.occurredOn)


def _day(occurred_on: str) -> str:
    """The UTC day of an event's time. Raises ValueError for what is no time."""
    if occurred_on.endswith("Z"):
        return date.fromisoformat(occurred_on[:10]).isoformat()
    return datetime.fromisoformat(occurred_on).astimezone(UTC).date().isoformat()


def _escaped(json_text: msgspec.Raw) -> str:
    # Control characters are escaped inside JSON's strings and may stand raw between its tokens.
    text = bytes(json_text).decode().replace("\\", "\\\\")
    return text if text.isprintable() else text.translate(_WHITE)
