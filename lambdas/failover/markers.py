"""Markers, pairs and the watermark vector: what is said to be in a log (B1-B4, B6, B8, B10, B11, B17, B20).

A *stream marker* is put into every open shard of a region's stream. The bridge, having flushed everything
it read before it in that shard, turns it into a *marker*: one Kafka record in every partition of every
marked topic. Shard order, partition order and replication order are kept. So a log that holds a pair's
marker in every partition it declares holds every event of that shard up to the marker's sequence.

A marker also names the one before it and says which records lie between the two in its partition: a
*manifest* (B8, B11). `log_proof.py` reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from lifeline.lambdas.failover.manifests import DIGEST_BYTES, Manifest
from lifeline.lambdas.failover.wire import Wire, encoded

STREAM_MARKER_PREFIX = "m:"
EVENT_PREFIX = "e:"
AGAIN = "again"
"""The header of a marker that a new process of the bridge writes a second time: whoever counted it may have
died before writing it."""
REPAIR = "repair"
"""The header of what a repair wrote: the name of its run."""
MARKER = Wire("marker", current=1, key="lifelineMarker")
VECTOR = Wire("watermark vector", current=2, unstamped=1)
"""Format 1 carried no number; 2 has the same fields and says so."""
MAX_MARKER_PAIRS_PER_SECOND = 500
"""Source: rule B17. Marker load is shards x partitions; the interval grows with it."""
Place = tuple[str, int]
"""(topic, partition)"""
Parents = Mapping[str, tuple[str, ...]]
"""The shards that each shard was made of, by a split or a merge; none for a stream's first shards."""
NO_MARKER = -1
"""The sequence of a shard that is declared and has no marker, nor has any of its parents (B24)."""


class Pair(NamedTuple):
    """One shard of one incarnation of one region's stream: the unit whose order is kept.

    A tuple, as each record of the log is counted under it.
    """

    origin: str
    incarnation: str
    shard: str


def row_of_stretch(pair: Pair, place: Place, after: int, until: int) -> dict[str, Any]:
    """(after, until] of a pair in a partition, as `/v1/watermark` and every command tell it."""
    return {
        "region": pair.origin,
        "incarnation": pair.incarnation,
        "shard": pair.shard,
        "topic": place[0],
        "partition": place[1],
        "after": str(after),
        "until": str(until),
    }


class StreamMarker(NamedTuple):
    """What the marker writer puts into one shard. Its position is the stream's sequence number (B4)."""

    region: str
    incarnation: str
    shard: str
    born_ms: int
    shards: tuple[str, ...]
    """The open shards of the stream when the marker was born (B10)."""
    parents: Parents | None = None
    """The lineage of every listed shard, closed ones too; None when this marker does not say it (B24)."""

    def to_bytes(self) -> bytes:
        body: dict[str, Any] = {
            "region": self.region,
            "incarnation": self.incarnation,
            "shard": self.shard,
            "born_ms": self.born_ms,
            "shards": list(self.shards),
        }
        if self.parents is not None:
            body["parents"] = {shard: list(of) for shard, of in self.parents.items()}
        return encoded(MARKER.stamp(body)).encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> StreamMarker:
        """Raises ValueError when `raw` is not a marker of a version this code knows."""
        body = _object(raw, "stream marker")
        return cls(
            region=_text(body, "region"),
            incarnation=_text(body, "incarnation"),
            shard=_text(body, "shard"),
            born_ms=_whole(body, "born_ms"),
            shards=_texts(body, "shards"),
            parents=_parents(body),
        )


@dataclass(frozen=True)
class GivenUp:
    """Up to which sequence (inclusive) a person gave a stretch up, who, why and when."""

    until: int
    who: str
    why: str
    at_ms: int

    def to_json(self) -> dict[str, Any]:
        return {"until": str(self.until), "who": self.who, "why": self.why, "at_ms": self.at_ms}

    @classmethod
    def from_json(cls, told: object) -> GivenUp:
        """Raises ValueError for what `to_json` did not make."""
        if not isinstance(told, Mapping):
            raise ValueError(f"marker: given_up must be an object, got {told!r}")
        who, why = _text(told, "who"), _text(told, "why")
        return cls(int(_text(told, "until")), who, why, _whole(told, "at_ms"))


@dataclass(frozen=True)
class Marker:
    """The barrier record in a Kafka partition: everything of `pair` up to `sequence` lies before it."""

    pair: Pair
    sequence: int
    born_ms: int
    shards: tuple[str, ...]
    partitions: tuple[Place, ...]
    """Every partition the bridge wrote this marker to (B10)."""
    previous: int | None = None
    """The marker before it, or where the bridge began to count (B11). None: written by release 0.1."""
    manifest: Manifest | None = None
    """The records in (previous, sequence] of the partition that it lies in (B8). None: by release 0.1."""
    parents: Parents | None = None
    """The lineage that its stream marker, or one since the last marker, declared (B24)."""
    given_up: GivenUp | None = None
    """It is no barrier: a person gave (sequence, until] of its partition up (decision 25)."""
    genesis: bool = False
    """It is its shard's first: the bridge began to count at `previous`."""

    def ancestors(self) -> list[Pair]:
        """The shards that its own was made of, as far as it says their lineage; the oldest first."""
        found: list[str] = []
        ahead = [self.pair.shard]
        while ahead:
            for parent in (self.parents or {}).get(ahead.pop(), ()):
                if parent not in found and parent != self.pair.shard:
                    found.append(parent)
                    ahead.append(parent)
        return [self.pair._replace(shard=one) for one in reversed(found)]

    def to_bytes(self) -> bytes:
        topics: dict[str, list[int]] = {}
        for topic, partition in self.partitions:
            topics.setdefault(topic, []).append(partition)
        body: dict[str, Any] = {
            "origin": self.pair.origin,
            "incarnation": self.pair.incarnation,
            "shard": self.pair.shard,
            "sequence": str(self.sequence),
            "born_ms": self.born_ms,
            "shards": list(self.shards),
            "partitions": topics,
        }
        if self.previous is not None:
            body["previous"] = str(self.previous)
        if self.manifest is not None:
            digest = self.manifest.digest.to_bytes(DIGEST_BYTES, "big").hex()
            body["manifest"] = {"count": self.manifest.count, "digest": digest}
        if self.parents is not None:
            body["parents"] = {shard: list(of) for shard, of in self.parents.items()}
        if self.given_up is not None:
            body["given_up"] = self.given_up.to_json()
        if self.genesis:
            body["genesis"] = True
        return encoded(MARKER.stamp(body)).encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Marker:
        """Raises ValueError when `raw` is not a marker of a version this code knows."""
        body = _object(raw, "marker")
        topics = body.get("partitions")
        if not isinstance(topics, dict):
            raise ValueError(f"marker: partitions must be an object, got {topics!r}")
        return cls(
            pair=Pair(_text(body, "origin"), _text(body, "incarnation"), _text(body, "shard")),
            sequence=int(_text(body, "sequence")),
            born_ms=_whole(body, "born_ms"),
            shards=_texts(body, "shards"),
            partitions=tuple(
                (topic, partition) for topic in topics for partition in _partitions(topics, topic)
            ),
            previous=int(_text(body, "previous")) if "previous" in body else None,
            manifest=_manifest(body["manifest"]) if "manifest" in body else None,
            parents=_parents(body),
            given_up=GivenUp.from_json(body["given_up"]) if "given_up" in body else None,
            genesis=body.get("genesis") is True,
        )


class Entry(NamedTuple):
    """How far one pair is proven to be in a log: a sequence (inclusive) and that marker's birth.

    `after` (exclusive): where the proof begins; nothing is said of what lies at or under it (B25).
    `retired`: all its descendants have markers, so it says nothing of lag and loss any more (B24).
    """

    sequence: int
    born_ms: int
    after: int = -1
    retired: bool = False


def is_safe(pair: Pair, sequence: int, vector: Mapping[Pair, Entry]) -> bool:
    """B1, B25: an event is safe iff its sequence lies within its pair's entry; no entry, not safe."""
    entry = vector.get(pair)
    return entry is not None and entry.after < sequence <= entry.sequence


def oldest_born_ms(vector: Mapping[Pair, Entry]) -> int | None:
    """The scalar time for people and for loss estimates: everything born before it is in the log (B24).

    Over the shards that still count of each origin's newest stream. None (unknown) for an empty vector, and
    when a declared shard has no marker: missing data is never zero lag.
    """
    newest: dict[str, int] = {}
    for pair in vector:
        newest[pair.origin] = max(newest.get(pair.origin, -1), int(pair.incarnation))
    counted = [
        entry
        for pair, entry in vector.items()
        if int(pair.incarnation) == newest[pair.origin] and not entry.retired
    ]
    if any(entry.sequence == NO_MARKER for entry in counted):
        return None
    return min((entry.born_ms for entry in counted), default=None)


def marker_interval_seconds(shards: int, partitions: int) -> float:
    """How often to put a marker into each shard (B17): each second until the load forbids it."""
    return max(1.0, shards * partitions / MAX_MARKER_PAIRS_PER_SECOND)


def entries_to_json(region: str, vector: Mapping[Pair, Entry]) -> list[dict[str, Any]]:
    """The `entries` of `/v1/watermark` as `region`'s reader found them in its own log."""
    return [
        {
            "region": pair.origin,
            "incarnation": pair.incarnation,
            "shard": pair.shard,
            "after": str(entry.after),
            "sequence": str(entry.sequence),
            "born_ms": entry.born_ms,
            "retired": entry.retired,
            "safe_in": region,
        }
        for pair, entry in sorted(vector.items())
    ]


def vector_to_json(region: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What `region` publishes: the record on `system.watermark`, the answer of `/v1/watermark`."""
    return VECTOR.stamp({"region": region, "entries": rows})


def rows_of_vector(body: object) -> list[Any]:
    """The rows of what `vector_to_json` made, here or in another release.

    Raises ValueError for a format that this code cannot read: such a vector proves nothing.
    """
    VECTOR.check(body)
    assert isinstance(body, Mapping)
    rows = body.get("entries")
    if not isinstance(rows, list):
        raise ValueError(f"a watermark vector needs a list of entries, got {rows!r}")
    return rows


def entries_from_json(rows: Iterable[Mapping[str, Any]]) -> dict[Pair, Entry]:
    """The vector in a `/v1/watermark` answer. Raises KeyError or ValueError for a malformed row."""
    found = {
        Pair(str(row["region"]), str(row["incarnation"]), str(row["shard"])): Entry(
            int(row["sequence"]),
            int(row["born_ms"]),
            int(row.get("after", -1)),
            row.get("retired", False) is True,
        )
        for row in rows
    }
    if any(abs(entry.born_ms) >= 2**63 for entry in found.values()):
        raise ValueError("a marker's birth lies beyond every clock")
    return found


def _object(raw: bytes, what: str) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except RecursionError as error:
        raise ValueError(f"not a {what}: it nests too deep to be read") from error
    MARKER.check(body)
    found: dict[str, Any] = body
    return found


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"marker: {key} must be a non-empty string, got {value!r}")
    return value


def _texts(body: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = body.get(key)
    if not isinstance(value, list):
        raise ValueError(f"marker: {key} must be a list, got {value!r}")
    return tuple(str(one) for one in value)


def _parents(body: Mapping[str, Any]) -> Parents | None:
    if "parents" not in body:
        return None
    told = body["parents"]
    if not isinstance(told, Mapping):
        raise ValueError(f"marker: parents must be an object, got {told!r}")
    return {str(shard): _texts(told, shard) for shard in told}


def _manifest(told: object) -> Manifest:
    if not isinstance(told, Mapping):
        raise ValueError(f"marker: manifest must be an object, got {told!r}")
    count, digest = _whole(told, "count"), _text(told, "digest")
    if count < 0 or len(digest) != 2 * DIGEST_BYTES:
        raise ValueError(f"marker: not a manifest: count {count}, digest {digest!r}")
    return Manifest(count, int(digest, 16))


def _whole(body: Mapping[str, Any], key: str) -> int:
    value = body.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"marker: {key} must be a whole number, got {value!r}")
    return value


def _partitions(topics: Mapping[str, Any], topic: str) -> list[int]:
    numbers = topics[topic]
    if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
        raise ValueError(f"marker: partitions of {topic} must be whole numbers, got {numbers!r}")
    return numbers
