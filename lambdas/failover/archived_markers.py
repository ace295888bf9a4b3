"""What an archive holds of each shard, by its markers, and what it lacks of a day (B11, B22). Pure.

A marker says: all of its pair after the marker before it, up to its own sequence, lies before me. So each
marker is a stretch, and stretches that meet are one. Where records are missing in the archive, and where it
begins, the next stretch of each pair may be cut: it counts only if its manifest agrees with what was met.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from lifeline.lambdas.failover.manifests import Tally
from lifeline.lambdas.failover.markers import Marker, Pair, Place

MAX_STRETCHES = 30
"""Of a pair: with 16 of them an item has 60 KB. The oldest are forgotten: a day that needs one is kept."""
FORGET_MS = 60 * 86_400_000
"""A pair without a marker for so long: a month longer than a day's events stay in the database."""

Stretch = tuple[int, int]
"""(after, until]"""


@dataclass(frozen=True)
class Held:
    """Of one partition. `ended`: pairs of which nothing comes behind their last stretch (B10)."""

    stretches: Mapping[Pair, tuple[Stretch, ...]]
    ended: frozenset[Pair] = frozenset()

    def lacks(self, pair: Pair, after: int, until: int) -> list[Stretch]:
        """What of (after, until] is not held, in order."""
        missing = list[Stretch]()
        known = self.stretches.get(pair, ())
        for at, (low, high) in enumerate(known):
            if pair in self.ended and at == len(known) - 1:
                high = max(high, until)
            if high <= after:
                continue
            if low >= until:
                break
            if low > after:
                missing.append((after, low))
            after = high
        if after < until:
            missing.append((after, until))
        return missing


@dataclass
class _Stretches:
    """`ends`: (after, until] of each, in order, none touching the next."""

    ends: list[Stretch]
    seen_ms: int
    ended: bool = False
    joined: bool = False
    """Whether a marker of it came since the archive began, or since its last gap."""

    def add(self, after: int, until: int) -> None:
        kept: list[Stretch] = []
        for low, high in self.ends:
            if high < after or low > until:
                kept.append((low, high))
            else:
                after, until = min(after, low), max(until, high)
        kept.append((after, until))
        self.ends = sorted(kept)[-MAX_STRETCHES:]

    def take_out(self, after: int, until: int) -> None:
        kept: list[Stretch] = []
        for low, high in self.ends:
            kept += [(low, min(high, after)), (max(low, until), high)]
        self.ends = [(low, high) for low, high in kept if low < high][-MAX_STRETCHES:]


class ArchivedMarkers:
    """Of one partition. Feed it what is archived, in the log's order."""

    def __init__(self) -> None:
        self._pairs: dict[Pair, _Stretches] = {}
        self._tallies: dict[Pair, Tally] = {}
        """Of pairs without a marker since the archive began, or since its last gap."""

    def cut(self) -> None:
        """What comes next does not follow what came: records between the two are not archived."""
        self._tallies = {}
        for known in self._pairs.values():
            known.joined = False

    def counts(self, pair: Pair) -> bool:
        """Whether the pair's records count still: before its first marker."""
        known = self._pairs.get(pair)
        return known is None or not known.joined

    def record(self, pair: Pair, sequence: int, digest: int) -> None:
        """A record that a bridge wrote."""
        if self.counts(pair):
            self._tallies.setdefault(pair, Tally()).add(sequence, digest)

    def add(self, marker: Marker, time_ms: int, *, again: bool = False) -> None:
        """A marker. `time_ms`: its record's time; `again`: later records may lie before it already."""
        known = self._pairs.get(marker.pair)
        if marker.given_up is not None:  # nobody has it, the archive neither
            if known is not None:
                known.take_out(marker.sequence, marker.given_up.until)
            return
        if known is None:
            known = self._pairs[marker.pair] = _Stretches([], time_ms)
        known.seen_ms = max(known.seen_ms, time_ms)
        if marker.previous is None:  # written by release 0.1: nothing says what lies before it
            after = known.ends[-1][1] if known.joined and known.ends else marker.sequence
            known.add(min(after, marker.sequence), marker.sequence)
        elif known.joined or self._is_counted(marker, marker.previous):
            known.add(marker.previous, marker.sequence)
        else:
            known.add(marker.sequence, marker.sequence)
        if not again and not known.joined:
            known.joined = True
            self._tallies.pop(marker.pair, None)
        for parent in marker.ancestors():  # read to its end before this shard was begun (B10)
            ended = self._pairs.get(parent)
            if ended is not None and ended.joined:
                ended.ended = True

    def _is_counted(self, marker: Marker, previous: int) -> bool:
        """Whether all that the marker counts was met since the archive began, or since its last gap."""
        tally = self._tallies.get(marker.pair, Tally())
        tally.split(previous)
        return tally.split(marker.sequence).manifest() == marker.manifest

    def held(self) -> Held:
        """What is archived."""
        return Held(
            {pair: tuple(known.ends) for pair, known in self._pairs.items()},
            frozenset(pair for pair, known in self._pairs.items() if known.ended),
        )

    def saved(self) -> dict[str, Any]:
        """As JSON, for `restored`."""
        newest = max((held.seen_ms for held in self._pairs.values()), default=0)
        pairs = [
            [
                *(pair.origin, pair.incarnation, pair.shard),
                *(held.seen_ms, held.ended, held.joined),
                [[str(low), str(high)] for low, high in held.ends],
            ]
            for pair, held in sorted(self._pairs.items())
            if newest - held.seen_ms <= FORGET_MS
        ]
        return {"pairs": pairs}

    @classmethod
    def restored(cls, body: Mapping[str, Any]) -> Self:
        """Raises KeyError, ValueError, TypeError for what `saved` did not give."""
        made = cls()
        for *pair, seen_ms, ended, joined, ends in body["pairs"]:
            stretches = [(int(low), int(high)) for low, high in ends]
            kept = _Stretches(stretches, int(seen_ms), bool(ended), bool(joined))
            made._pairs[Pair(*pair)] = kept
        return made


class Source(NamedTuple):
    """Where events of one day came from: the first and the last sequence of a pair in a partition."""

    place: Place
    pair: Pair
    first: int
    last: int


class Lacked(NamedTuple):
    """Of (after, until] of a pair in a partition the archive says nothing."""

    place: Place
    pair: Pair
    after: int
    until: int

    def name(self) -> str:
        """In a sentence."""
        if self == ANYTHING:
            return "what was stored before its places were noted"
        topic, partition = self.place
        where = f"{self.pair.origin}/{self.pair.shard} in {topic}/{partition}"
        return f"{where}, ({self.after}, {self.until}]"


ANYTHING = Lacked(("", -1), Pair("", "", ""), -1, 0)
"""Of a day whose sources are not noted: nothing says which records its events were."""


def not_archived(
    sources: Iterable[Source],
    archived: Mapping[Place, Held],
    accepted: Iterable[Lacked] = (),
) -> list[Lacked]:
    """What the archive may lack of a day with events of these sources; none: it holds all of them.

    `accepted`: what a person gave up. Nothing else counts as archived that is not.
    """
    given_up: dict[tuple[Place, Pair], list[Lacked]] = {}
    for one in accepted:
        given_up.setdefault((one.place, one.pair), []).append(one)
    found = list[Lacked]()
    for source in sources:
        held = archived.get(source.place, Held({}))
        gone = _Stretches([], 0)
        for one in given_up.get((source.place, source.pair), ()):
            gone.add(one.after, one.until)
        for after, until in held.lacks(source.pair, source.first - 1, source.last):
            left = Held({source.pair: tuple(gone.ends)}).lacks(source.pair, after, until)
            found += [Lacked(source.place, source.pair, *ends) for ends in left]
    return found
