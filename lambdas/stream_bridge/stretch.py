"""A stretch of one shard in one partition, as this region's log tells it: which of it is proven (B8, B11).

Pure. The log's own markers and manifests say whether a record is missing here, too: what they do not prove is
a *gap*, and has to come from somewhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from lifeline.lambdas.failover.manifests import Manifest, digest_of
from lifeline.lambdas.failover.markers import Marker, Pair, Place


@dataclass(frozen=True)
class Stretch:
    """(after, until] of a pair, in one partition. `born_ms`: nothing of it is older; 0 is not known.

    `at`: a record of the stream at which the reading of it goes on; 0 for one that was not begun.
    """

    pair: Pair
    place: Place
    after: int
    until: int
    born_ms: int = 0
    at: int = 0


class Read(NamedTuple):
    """One record of the partition."""

    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True)
class Part:
    """(after, until] of the stretch. `marker` proves that `records` are all of it; None: it is a gap.

    `expected`: how many records a marker counted there, None: none did. `born_ms`: nothing of it is older.
    """

    after: int
    until: int
    records: list[Read]
    marker: Read | None = None
    expected: int | None = None
    born_ms: int = 0


def parts(records: Iterable[Read], stretch: Stretch) -> Iterator[Part]:
    """The stretch, in its order and without an overlap."""
    at, born_ms = stretch.after, stretch.born_ms
    found: dict[int, Read] = {}
    for one in records:
        told = dict(one.headers)
        if not _is_of(stretch.pair, told):
            continue
        kind = told.get("kind")
        if kind not in (None, b"marker"):
            continue  # not written by a bridge, so no manifest counts it (B26)
        if kind is None:
            sequence = int(told["sequence"])
            if at < sequence <= stretch.until:
                found.setdefault(sequence, one)
            continue
        try:
            marker = Marker.from_bytes(one.value)
        except ValueError:
            continue  # of another release: here it proves nothing
        # One that declares no partition was made by a repair: the bridge's own say what was lost.
        if marker.previous is None or marker.manifest is None or not marker.partitions:
            continue
        if marker.sequence <= at:
            continue
        if marker.previous > at:
            ends = min(marker.previous, stretch.until)
            yield Part(at, ends, _taken(found, ends), born_ms=born_ms)
            at = ends
        if at == stretch.until:
            return
        ends = min(marker.sequence, stretch.until)
        inside = _taken(found, ends)
        whole = marker.previous == at and marker.sequence == ends
        if whole and _manifest(inside) == marker.manifest:
            yield Part(at, ends, inside, one, marker.manifest.count, born_ms)
        else:
            counted = marker.manifest.count if whole else None
            yield Part(at, ends, inside, None, counted, born_ms)
        at, born_ms = ends, marker.born_ms
        if at == stretch.until:
            return
    yield Part(at, stretch.until, _taken(found, stretch.until), born_ms=born_ms)


def _is_of(pair: Pair, told: dict[str, bytes]) -> bool:
    return (
        told.get("origin") == pair.origin.encode()
        and told.get("incarnation") == pair.incarnation.encode()
        and told.get("shard") == pair.shard.encode()
    )


def _taken(found: dict[int, Read], until: int) -> list[Read]:
    """Take out what lies at or under `until`, in the shard's order."""
    return [found.pop(one) for one in sorted(found) if one <= until]


def _manifest(records: Iterable[Read]) -> Manifest:
    counted = Manifest()
    for one in records:
        counted = counted.and_one(digest_of(dict(one.headers)["sequence"], one.value))
    return counted
