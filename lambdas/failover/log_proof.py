"""What a log is proven to hold of each shard: chained markers, manifests, holes (B8-B11, B18, B25, B27).

The markers of one pair form a chain: each names its predecessor's sequence, and says by a manifest which
records between the two lie in its partition. A reader counts what it finds. Where both agree the proof goes
on. Where they don't, or where a marker is missing, there is a *hole*: nothing behind it is called safe until
the missing records have arrived, as a late copy or from a repair, and the count agrees.

Invariant: `LogProof.entries()` never names a sequence beyond a record that the bridge counted and the log
lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from hashlib import blake2b
from typing import Any

from lifeline.lambdas.failover.lineage import Lineage
from lifeline.lambdas.failover.manifests import MAX_EXACT, Manifest, Tally
from lifeline.lambdas.failover.markers import NO_MARKER, Entry, Marker, Pair, Place

MAX_HOLES = 1_000
"""Of one pair in one partition; beyond, neighbours are joined: the range is kept, what was counted is not."""
NOTHING = -1
"""Before the first sequence."""
DAY_MS = 86_400_000
_Stream = tuple[str, str]
"""(origin, incarnation)"""
SAVED_EXACT = 200
"""Records of one stretch that are saved one by one. More are read again after a start, or folded (B25)."""
QUIET_SECONDS = 60.0
"""A pair without a record for so long is saved with what it counted, folded: it holds no reading back."""
YOUNG_SECONDS = 600.0
"""What a younger hole found is saved or read again after a start; an older one keeps its range alone."""
SAVED_HOLES, MAX_SAVED_HOLES = 5, 100
"""Of a pair in one partition: the first, whose found records are saved; and how many are saved one by one."""
SETTLED_SECONDS = 900.0
"""A retired pair that met nothing for so long keeps its final entry alone: a function lives no longer."""
FINAL_DAYS = 35
"""A final entry answers a receipt for as long as the database knows a resend by its id (hot retention)."""
MAX_FINAL = 1_000
"""Final entries of one origin; the oldest go first. What has no entry is not safe, and is sent again."""
QUIET_EXACT = 5
"""As many times more records are saved of a pair that fell silent: a lost region's last second."""


class Why(StrEnum):
    """What is wrong with the stretch."""

    MISSING = "missing"
    """Records that the bridge counted are not in the log."""
    EXTRA = "extra"
    """More records than the bridge counted: it can't be said whether others are missing."""
    CHANGED = "changed"
    """As many records as counted, but not these."""
    CHAIN = "chain"
    """A marker is missing: nobody says what lay before the next one."""
    LATE_START = "late-start"
    """A partition that was declared later does not begin where it was declared (B9)."""
    FEWER_PARTITIONS = "fewer-partitions"
    """A marker declares fewer partitions than one before it (B27)."""


@dataclass
class Hole:
    """The stretch (after, until] of a pair in a partition, not proven.

    `expected`: its manifest, None where no marker told one. `since`: when it was found, seconds of the
    reader's clock. `run`: the repair that it counts.
    """

    after: int
    after_born_ms: int
    until: int
    expected: Manifest | None
    found: Tally
    since: float
    run: str = ""
    run_only: bool = False
    """What was found is not counted any more: only a repair, which counts from nothing, may close it."""

    @property
    def why(self) -> Why:
        """From what was found up to now."""
        if self.expected is None:
            return Why.CHAIN
        count = len(self.found)
        if count < self.expected.count:
            return Why.MISSING
        return Why.EXTRA if count > self.expected.count else Why.CHANGED

    def missing(self) -> int | None:
        """How many of the counted records were not found; None where the counts do not say it."""
        if self.expected is None or self.run_only or self.why is not Why.MISSING:
            return None
        return self.expected.count - len(self.found)

    def closed(self) -> bool:
        """Whether what was found is what was counted."""
        return (
            self.expected is not None
            and not (self.run_only and not self.run)
            and len(self.found) == self.expected.count
            and self.found.manifest() == self.expected
        )

    def saved(self, now: float, exact: int) -> list[Any]:
        """As JSON: for `restored`. More than `exact` found records are left out."""
        expected = None if self.expected is None else self.expected.saved()
        ends = [str(self.after), self.after_born_ms, str(self.until), expected]
        found = self.found.saved(exact) if self.found.few(exact) else None
        return [*ends, round(now - self.since), self.run, self.run_only, found]

    @classmethod
    def restored(cls, row: Sequence[Any], now: float, *, read_again: bool) -> Hole:
        """`read_again`: what a young one found is read again. Raises as `PlaceProof.restored`."""
        after, born_ms, until, expected, age, run, run_only, found = row
        lost = found is None and not (read_again and float(age) < YOUNG_SECONDS)
        return cls(
            *(int(after), int(born_ms), int(until)),
            None if expected is None else Manifest.restored(expected),
            Tally() if found is None else Tally.restored(found),
            now - float(age),
            "" if lost else str(run),
            bool(run_only) or lost,
        )


@dataclass(frozen=True)
class Lost:
    """A stretch that a person gave up: it is nowhere, and nothing behind it waits for it any more.

    `missing`: how many records of it are not in the log; None: nobody counted them.
    """

    pair: Pair
    place: Place
    after: int
    until: int
    missing: int | None


@dataclass(frozen=True)
class Unproven:
    """A hole as it is told: which stretch of which shard, where, why, since when.

    `born_ms`: the birth of the marker at its beginning; nothing of the stretch is older. 0: not known.
    """

    pair: Pair
    topic: str
    partition: int
    after: int
    until: int
    why: Why
    since: float
    born_ms: int = 0


class PlaceProof:
    """One pair in one partition. Feed it the pair's records and markers in the order of the log."""

    def __init__(self) -> None:
        self.holes: list[Hole] = []
        self.repeated = 0
        self._before: list[Hole] = []
        """What lies before the first marker that was met: not proven, and nothing behind waits for it."""
        self._given_up: list[Hole] = []
        """Likewise, because a person gave it up."""
        self._head: int | None = None
        self._head_born_ms = 0
        self._chained = False
        self._copy: int | None = None
        """The first marker that was met, if it is one that the bridge wrote again. It is not saved."""
        self.met_open = False
        """Whether a marker was met that was written while its shard was open: what its children took, and
        what a newer stream took, lies behind it in the log."""
        self.whole = False
        """Whether the partition was read from its offset 0."""
        self.oldest_ms: int | None = None
        """The log goes further back than the shard, which took nothing before this birth. None: it may begin
        within the shard."""
        self.came_before: frozenset[Pair] = frozenset()
        """Pairs of which a marker was met, as `met_open` says, before this one's first: until `oldest_ms` is
        decided; not saved."""
        self._open = Tally()
        self._met_at = 0.0

    @property
    def base(self) -> int:
        """Nothing is said of what lies at or under it (B25)."""
        return self._before[-1].until if self._before else NOTHING

    @property
    def lost_until(self) -> int:
        """Nothing at or under it is called safe: a stretch before what is proven was given up."""
        first = self.holes[0].after if self.holes else None
        ends = [one.until for one in self._given_up if first is None or one.until <= first]
        return max(ends, default=NOTHING)

    def give_up(self, after: int, until: int) -> list[Hole]:
        """The holes within (after, until], which hold nothing back from now on."""
        taken = [one for one in self.holes if after <= one.after and one.until <= until]
        self.holes = [one for one in self.holes if one not in taken]
        self._given_up += taken
        _bound(self._given_up)
        return taken

    def proven(self) -> tuple[int, int] | None:
        """(sequence, its marker's birth) up to which everything is here; None before the first marker."""
        if self._head is None:
            return None
        if self.holes:
            return self.holes[0].after, self.holes[0].after_born_ms
        return self._head, self._head_born_ms

    @property
    def begins(self) -> int | None:
        """Where the bridge began to count the shard; None before the first link."""
        return self._before[0].until if self._before else None

    @property
    def born_ms(self) -> int | None:
        """Of the newest marker; None before the first one."""
        return None if self._head is None else self._head_born_ms

    def begins_at(self, first: int, born_ms: int) -> None:
        """No marker of the chain came, of which others say that it begins behind `first`."""
        if self._head is None:
            self._before.append(Hole(NOTHING, 0, first, None, self._open.split(first), NOTHING))
            self._head, self._head_born_ms, self._chained = first, born_ms, True
            self.oldest_ms = born_ms

    def lacks_beginning(self, first: int, now: float) -> None:
        """The chain begins behind `first`, as others say; what the log has of it may begin later: a hole."""
        lacking = [one for one in self._before if one.until > first]
        if not lacking or self.oldest_ms is None:
            return
        earlier = lacking[0].found.split(first)
        lacking[0].after, lacking[0].since = first, now
        for one in lacking:
            one.after_born_ms = self.oldest_ms
        self._before = [Hole(NOTHING, 0, first, None, earlier, now)]
        self.holes[:0] = lacking
        _bound(self.holes)

    def ends_at(self, last: int, born_ms: int, now: float) -> None:
        """The chain's last marker, met in another partition, must lie here; else there is a hole."""
        if self._head is not None and self._head < last:
            self._add(self.holes, self._gap(last, now))
            self._head, self._head_born_ms = last, born_ms

    def settled(self, now: float) -> bool:
        """Whether no record came for a function's life."""
        return now - self._met_at >= SETTLED_SECONDS

    def read_from(self, now: float, exact: int = SAVED_EXACT) -> int | None:
        """The offset from which a reader must read again to go on from `saved`; None: nothing again."""
        again = [
            hole.found.read_from()
            for hole, few in self._saved_holes(exact)
            if not hole.found.few(few) and now - hole.since < YOUNG_SECONDS and not hole.run_only
        ]
        if not self._quiet(now) and not self._open.few(exact):
            again.append(self._open.read_from())
        return min((offset for offset in again if offset is not None), default=None)

    def saved(self, now: float, exact: int = SAVED_EXACT) -> dict[str, Any]:
        """As JSON: for `restored`. What `read_from` has read again is left out."""
        quiet = self._quiet(now)
        opened = quiet or self._open.few(exact)
        return {
            "head": None if self._head is None else str(self._head),
            "born_ms": self._head_born_ms,
            "chained": self._chained,
            "open": self._open.saved(exact * QUIET_EXACT if quiet else exact) if opened else None,
            # The release before takes what was given up for what lay before: it calls none of it safe, too.
            "before": [hole.saved(now, 0) for hole in (*self._before, *self._given_up)],
            "given_up": len(self._given_up),
            "met_open": self.met_open,
            "whole": self.whole,
            "oldest_ms": self.oldest_ms,
            "holes": [hole.saved(now, few) for hole, few in self._saved_holes(exact)],
        }

    @classmethod
    def restored(cls, body: Mapping[str, Any], now: float) -> PlaceProof:
        """Raises KeyError, TypeError, ValueError for what `saved` did not make."""
        made = cls()
        made._head = None if body["head"] is None else int(body["head"])
        made._head_born_ms, made._chained = int(body["born_ms"]), bool(body["chained"])
        if body["open"] is not None:
            made._open = Tally.restored(body["open"])
        before = [Hole.restored(one, now, read_again=False) for one in body["before"]]
        first = len(before) - int(body.get("given_up", 0))
        made._before, made._given_up = before[:first], before[first:]
        made.holes = [Hole.restored(one, now, read_again=True) for one in body["holes"]]
        made.met_open, made.whole = bool(body.get("met_open")), bool(body.get("whole"))
        oldest_ms = body.get("oldest_ms")
        made.oldest_ms = None if oldest_ms is None else int(oldest_ms)
        made._met_at = now
        return made

    def _quiet(self, now: float) -> bool:
        return now - self._met_at >= QUIET_SECONDS

    def _saved_holes(self, exact: int) -> list[tuple[Hole, int]]:
        """Each hole, and of how many found records it is saved."""
        holes = self.holes
        if len(holes) > MAX_SAVED_HOLES:
            tail = _joined(holes[MAX_SAVED_HOLES - 1], holes[-1])
            holes = [*holes[: MAX_SAVED_HOLES - 1], tail]
        return [(hole, exact if at < SAVED_HOLES else 0) for at, hole in enumerate(holes)]

    def record(
        self, sequence: int, digest: int, *, offset: int = 0, now: float = 0.0, run: str = ""
    ) -> None:
        """A record of the pair; `run` names the repair that copied it."""
        self._met_at = now
        if self._head is None or sequence > self._head:
            self.repeated += not self._open.add(sequence, digest, offset)
            return
        holes, hole = self._hole_around(sequence - 1, sequence)
        if hole is None:
            self.repeated += 1
            return
        _count_run(hole, run)
        if hole.run_only and not run:
            self.repeated += 1
            return
        hole.found.add(sequence, digest, offset)
        if hole.closed():
            holes.remove(hole)

    def marker(
        self, marker: Marker, *, now: float = 0.0, run: str = "", again: bool = False
    ) -> None:
        """A marker of the pair, `now` seconds of the reader's clock; `again`: written a second time."""
        self._met_at = now
        if self._head is None and again:
            self._copy = marker.sequence
        # What a repair wrote lies behind everything.
        self.met_open |= marker.pair.shard in marker.shards and not again and not run
        if self._head is not None and marker.sequence <= self._head:
            self._late_marker(marker, run)
        elif marker.previous is None or marker.manifest is None:
            self._barrier(marker)
        elif not self._chained:
            self._first_link(marker, marker.previous, marker.manifest, now)
        else:
            self._next_link(marker, marker.previous, marker.manifest, now)

    def _barrier(self, marker: Marker) -> None:
        """A marker of the release before: order alone proves it, until a first link was seen."""
        if not self._chained:
            self._open.split(marker.sequence)
            self._move(marker)

    def _first_link(self, marker: Marker, previous: int, manifest: Manifest, now: float) -> None:
        earlier = self._open.split(previous)
        if self._head is None:
            self._before.append(Hole(NOTHING, 0, previous, None, earlier, now))
            holes = self._before
            if self.oldest_ms is not None:
                holes, self._head_born_ms = self.holes, self.oldest_ms
            # Else a log that begins here may lack what lay before: nothing is claimed of it (B25).
            self._interval(holes, previous, marker, manifest, now)
        else:
            # What lies before the first link was written by the release before, which counted nothing.
            self._interval(self.holes, max(previous, self._head), marker, manifest, now)
        self._chained = True
        self._move(marker)

    def _next_link(self, marker: Marker, previous: int, manifest: Manifest, now: float) -> None:
        assert self._head is not None
        if previous == self._head:
            self._interval(self._holes_behind_head(), previous, marker, manifest, now)
        elif previous > self._head:
            self._add(self.holes, self._gap(previous, now))
            self._interval(self.holes, previous, marker, manifest, now)
        else:
            # It counts records that lie before our head, which are not counted any more.
            self._add(self.holes, self._gap(marker.sequence, now))
        self._move(marker)

    def _holes_behind_head(self) -> list[Hole]:
        """Where the next stretch belongs if it does not agree.

        A new process of the bridge writes its last marker again, behind records of the next stretch. Where
        retention cut a log between those and that copy, the copy is the log's first marker, and nobody can
        repair what is gone. So that stretch lies before the log's beginning, too: nothing of it was claimed
        (B25).
        """
        at_beginning = self._copy == self._head and self.oldest_ms is None and not self.holes
        return self._before if at_beginning and len(self._before) <= 2 else self.holes

    def _gap(self, until: int, now: float) -> Hole:
        """From the head on, without a manifest."""
        assert self._head is not None
        return Hole(self._head, self._head_born_ms, until, None, self._open.split(until), now)

    def _interval(
        self, holes: list[Hole], after: int, marker: Marker, manifest: Manifest, now: float
    ) -> None:
        found = self._open.split(marker.sequence)
        hole = Hole(after, self._head_born_ms, marker.sequence, manifest, found, now)
        if not hole.closed():
            self._add(holes, hole)

    def _late_marker(self, marker: Marker, run: str) -> None:
        """One that arrives behind a later one: it says what a hole without a manifest, or a repair, needs."""
        if marker.previous is None or marker.manifest is None:
            return
        holes, hole = self._hole_around(marker.previous, marker.sequence)
        if hole is None or (not run and (hole.run_only or hole.expected is not None)):
            self.repeated += 1
            return
        _count_run(hole, run)
        before = hole.found.split(marker.previous)
        inside = hole.found.split(marker.sequence)
        first, middle, last = (
            replace(hole, until=marker.previous, expected=None, found=before),
            replace(
                hole,
                after=marker.previous,
                until=marker.sequence,
                expected=marker.manifest,
                found=inside,
            ),
            replace(hole, after=marker.sequence, after_born_ms=marker.born_ms, expected=None),
        )
        at = holes.index(hole)
        holes[at : at + 1] = [
            one for one in (first, middle, last) if one.after < one.until and not one.closed()
        ]
        _bound(holes)

    def _hole_around(self, after: int, until: int) -> tuple[list[Hole], Hole | None]:
        """The hole that (after, until] lies in, and its list."""
        for holes in (self.holes, self._before, self._given_up):
            for hole in holes:
                if hole.after <= after and until <= hole.until:
                    return holes, hole
        return self.holes, None

    @staticmethod
    def _add(holes: list[Hole], hole: Hole) -> None:
        if sum(len(one.found) for one in holes) + len(hole.found) > MAX_EXACT:
            hole.found, hole.run_only = Tally(), True
        holes.append(hole)
        _bound(holes)

    def _move(self, marker: Marker) -> None:
        self._head, self._head_born_ms = marker.sequence, marker.born_ms


def _joined(first: Hole, last: Hole) -> Hole:
    """From the one's beginning to the other's end; only a repair closes it."""
    return replace(first, until=last.until, expected=None, found=Tally(), run="", run_only=True)


def _bound(holes: list[Hole]) -> None:
    if len(holes) > MAX_HOLES:
        holes[MAX_HOLES - 1 :] = [_joined(holes[MAX_HOLES - 1], holes[-1])]


def _count_run(hole: Hole, run: str) -> None:
    """A repair copies the whole stretch: it is counted from nothing."""
    if run and run != hole.run:
        hole.run, hole.found, hole.run_only = run, Tally(), True


@dataclass
class _Declaration:
    """A set of partitions, the lowest and the highest marker that declared it.

    `since`: when it was met first, seconds of the reader's clock; not kept over a start.
    """

    places: tuple[Place, ...]
    first: int
    last: int
    last_born_ms: int
    since: float = NOTHING

    @property
    def key(self) -> str:
        """Short, and another one for another set."""
        return blake2b(repr(self.places).encode(), digest_size=6).hexdigest()

    def saved(self) -> list[Any]:
        topics: dict[str, list[int]] = {}
        for topic, partition in self.places:
            topics.setdefault(topic, []).append(partition)
        return [topics, str(self.first), str(self.last), self.last_born_ms]

    @classmethod
    def restored(cls, row: Sequence[Any]) -> _Declaration:
        topics, first, last, born_ms = row
        places = tuple((str(topic), int(one)) for topic, all_ in topics.items() for one in all_)
        return cls(places, int(first), int(last), int(born_ms))


@dataclass
class _PairProof:
    places: dict[Place, PlaceProof] = field(default_factory=dict)
    declared: list[_Declaration] = field(default_factory=list)
    """By their first markers. Partitions are read side by side, so what is known of a set only widens."""
    fewer: tuple[int, int] | None = None
    """The stretch in which a marker declared fewer partitions than one before it (B27).

    The entry stands still by itself: a partition that was declared once must go on having markers.
    """
    outlived: bool = False
    """All its descendants had markers once. A hole may keep it counting until long after (B24)."""
    final: Entry | None = None
    """Set once the pair is settled: its partitions are kept no more (B24)."""
    _compared: int = 0
    """Of how many partitions it was looked at whether the chain begins alike; not saved."""

    def frozen(self) -> bool:
        """Whether its entry stands still, and why is told."""
        return (
            self.fewer is not None
            or any(place.holes for place in self.places.values())
            or any(self.late_start(place) for one in self.declared for place in one.places)
        )

    def settle(self, now: float) -> None:
        """Keep the entry alone, if nothing is waited for."""
        entry = self.entry()
        if self.final is None and all(place.settled(now) for place in self.places.values()):
            self.final = (entry or Entry(NOTHING, 0))._replace(retired=True)
            self.places, self.declared = {}, []

    def begin(self, now: float, oldest_ms: Callable[[Place, Set[Pair]], int | None]) -> None:
        """One chain lies in every partition: one where it begins later lacks its beginning.

        If it had the partition when the chain began. Another partition may tell the shard's lineage.
        """
        places = {place for one in self.declared for place in one.places}
        if len(places) == self._compared:
            return
        first = self._first()
        if first is None:
            return
        met = {place: self.places[place] for place in places if place in self.places}
        for place, proof in met.items():
            if proof.oldest_ms is None and proof.came_before:
                proof.oldest_ms = oldest_ms(place, proof.came_before)
            if self._last_without(place) is None:
                proof.lacks_beginning(first, now)
        if sum(one.begins is not None for one in met.values()) == len(places):
            self._compared = len(places)
            for proof in met.values():
                proof.came_before = frozenset()

    def _first(self) -> int | None:
        """Where the chain begins, as far as any partition says."""
        begins = [one.begins for one in self.places.values()]
        return min((one for one in begins if one is not None), default=None)

    def end(
        self,
        now: float,
        oldest_ms: Callable[[Place, Set[Pair]], int | None],
        came_before: Callable[[Place], Set[Pair]],
    ) -> None:
        """No marker comes any more: the last one lies in every partition that it declares.

        Also in one that has none at all, if the log there goes further back than the shard.
        """
        first = self._first()
        for one in self.declared:
            for place in one.places:
                proof = self.places.get(place)
                if first is not None and (proof is None or proof.born_ms is None):
                    born_ms = oldest_ms(place, came_before(place))
                    if born_ms is not None:
                        proof = self.places.setdefault(place, PlaceProof())
                        proof.begins_at(first, born_ms)
                if proof is not None:
                    proof.ends_at(one.last, one.last_born_ms, now)

    def declare(self, marker: Marker, now: float) -> None:
        """Which partitions the bridge writes at this marker (B10)."""
        newest = max(self.declared, key=lambda each: each.first, default=None)
        for one in self.declared:
            if one.places == marker.partitions:
                break
        else:
            ends = (marker.sequence, marker.sequence, marker.born_ms)
            one = _Declaration(marker.partitions, *ends, now)
            self.declared.append(one)
        if (
            newest is not None
            and marker.sequence > newest.first
            and set(newest.places) - set(one.places)
        ):
            self.fewer = max(self.fewer or (NOTHING, NOTHING), (newest.first, marker.sequence))
            if one.first < newest.first:
                return  # what was added is held to the last marker before it
        one.first = min(one.first, marker.sequence)
        if marker.sequence > one.last:
            one.last, one.last_born_ms = marker.sequence, marker.born_ms
        if len(self.declared) > 1:
            self.declared.sort(key=lambda each: each.first)

    def entry(self) -> Entry | None:
        """None while a declared partition has no marker."""
        if self.final is not None:
            return None if self.final.sequence == NOTHING else self.final
        after, reached = NOTHING, list[tuple[int, int]]()
        for place in {place for one in self.declared for place in one.places}:
            proof, grown_from = self.places.get(place), self._last_without(place)
            proven = None if proof is None else proof.proven()
            late = self.late_start(place)
            if late is not None:
                proven = late[0]
            elif proof is not None and proven is not None and grown_from is None:
                after = max(after, proof.base)
            if proof is not None:
                after = max(after, proof.lost_until)
            if proven is None:
                return None
            reached.append(proven)
        if not reached:
            return None
        sequence, born_ms = min(reached)
        if sequence > after:
            return Entry(sequence, born_ms, after)
        # What has a hole at its beginning, or had one that was given up, claims nothing and counts (B24).
        counts = self.frozen() or any(one.lost_until != NOTHING for one in self.places.values())
        return Entry(sequence, born_ms, sequence) if counts else None

    def late_start(self, place: Place) -> tuple[tuple[int, int], int] | None:
        """For a partition that was declared later (B9): the last marker without it, and its own first one.

        None for one that holds everything since then, and for one that was there from the first.
        """
        last = self._last_without(place)
        if last is None:
            return None
        proof = self.places.get(place)
        begins = proof.base if proof is not None and proof.proven() is not None else last.last + 1
        return None if begins <= last.last else ((last.last, last.last_born_ms), begins)

    def declared_since(self, place: Place) -> float:
        """When a set with the partition was met first."""
        return min(one.since for one in self.declared if place in one.places)

    def _last_without(self, place: Place) -> _Declaration | None:
        """The last declaration before the first that names `place`."""
        found = None
        for one in self.declared:
            if place in one.places:
                return found
            found = one
        return None


def _saved_entry(entry: Entry) -> list[Any]:
    return [str(entry.sequence), entry.born_ms, str(entry.after)]


def _restored_entry(row: Sequence[Any]) -> Entry:
    sequence, born_ms, after = row
    return Entry(int(sequence), int(born_ms), int(after), retired=True)


class LogProof:
    """The proof of one log over every partition that is read, for the pairs of every origin."""

    def __init__(self) -> None:
        self._pairs: dict[Pair, _PairProof] = {}
        self._lineages: dict[_Stream, Lineage] = {}
        self._whole: set[Place] = set()
        self.lost: list[Lost] = []
        """What was given up since the reader began; who keeps it for good takes it from here."""

    def note_whole(self, place: Place) -> None:
        """Whoever feeds it reads the partition from its offset 0: retention took nothing of it yet."""
        self._whole.add(place)

    def record(
        self,
        pair: Pair,
        place: Place,
        sequence: int,
        digest: int,
        *,
        offset: int = 0,
        now: float = 0.0,
        run: str = "",
    ) -> None:
        """A record that carries a pair lies in `place` at `offset`; `now` seconds of the reader's clock."""
        proof = self._place(pair, place)
        if proof is not None:
            proof.record(sequence, digest, offset=offset, now=now, run=run)

    def marker(
        self,
        marker: Marker,
        place: Place,
        *,
        now: float = 0.0,
        run: str = "",
        again: bool = False,
    ) -> None:
        """A marker lies in `place`; `again`: its record says that it was written before."""
        proof = self._place(marker.pair, place)
        if proof is None:
            return
        if marker.given_up is not None:
            for hole in proof.give_up(marker.sequence, marker.given_up.until):
                self.lost.append(Lost(marker.pair, place, hole.after, hole.until, hole.missing()))
            return
        if marker.partitions:  # one that a repair made declares none
            self._pairs[marker.pair].declare(marker, now)
        stream = (marker.pair.origin, marker.pair.incarnation)
        self._lineages.setdefault(stream, Lineage()).declare(marker.shards, marker.parents)
        if proof.born_ms is None and not run:
            proof.came_before = self._met_open(marker.pair, place)
            whole = marker.genesis and place in self._whole
            proof.oldest_ms = self._oldest_ms(marker.pair, place, proof.came_before, whole=whole)
        proof.marker(marker, now=now, run=run, again=again)

    def _met_open(self, pair: Pair, place: Place) -> frozenset[Pair]:
        """The other pairs of the origin of which a marker was met that was written while they were open."""
        return frozenset(
            one
            for one, proof in self._pairs.items()
            if one.origin == pair.origin and one != pair
            if place in proof.places and proof.places[place].met_open
        )

    def _oldest_ms(
        self, pair: Pair, place: Place, came_before: Set[Pair], *, whole: bool = False
    ) -> int | None:
        """The birth before which a pair took nothing, if the log of `place` goes further back; else None.

        It does where an ancestor or an older stream `came_before`: the bridge reads those to their ends
        first. Or if it is `whole`: read from its offset 0, with the pair's first marker. So what that marker
        counts must be there, too (B9, B11).
        """
        origin, incarnation, shard = pair
        lineage = self._lineages.get((origin, incarnation), Lineage())
        ancestors = lineage.ancestors(shard)

        def born_ms(shard: str, below: frozenset[str]) -> int:
            """Of its parents' newest markers here; of theirs, for a parent that has none (B24)."""
            births = [int(incarnation) * 1_000]
            for name in set(lineage.parents(shard)) - below:
                known = self._pairs.get(Pair(origin, incarnation, name))
                proof = None if known is None else known.places.get(place)
                born = None if proof is None else proof.born_ms
                births.append(born_ms(name, below | {name}) if born is None else born)
            return min(births[1:], default=births[0])

        if whole or any(
            one.shard in ancestors
            if one.incarnation == incarnation
            else int(one.incarnation) < int(incarnation)
            for one in came_before
        ):
            return born_ms(shard, frozenset({shard}))
        return None

    def find_lost_beginnings(self, now: float) -> None:
        """Of the chains that begin later in one partition than in another: now and then.

        Elsewhere a marker names the one before it; here the first one that came may not be the first (B11).
        """
        for pair, proof in self._pairs.items():
            proof.begin(now, partial(self._oldest_ms, pair))

    def find_lost_ends(self, now: float) -> None:
        """Of the shards whose last markers lie before their descendants' in every partition: now and then.

        Elsewhere the next marker tells that one is missing; here there is none (B11).
        """
        marked = self._marked()
        for stream, lineage in self._lineages.items():
            for shard in lineage.retired(marked[stream]):
                pair = Pair(*stream, shard)
                known = self._pairs.get(pair)
                if known is not None:
                    known.end(now, partial(self._oldest_ms, pair), partial(self._met_open, pair))

    def settle(self, now: float) -> None:
        """Keep of what retired its final entry alone, and of those the youngest (B24): now and then."""
        marked = self._marked()
        for pair in self._outlived(marked):
            self._pairs[pair].outlived = True
        for pair in self._retired(marked):
            self._pairs[pair].settle(now)
        for stream, lineage in self._lineages.items():
            lineage.forget(marked[stream])
        for origin in {origin for origin, _ in self._lineages}:
            self._forget(origin)

    def _forget(self, origin: str) -> None:
        """The oldest final entries, and streams of which nothing is left."""
        entries = self.entries(origin)
        now_ms = max((entry.born_ms for entry in entries.values()), default=0)
        final = {
            pair: proof.final.born_ms
            for pair, proof in self._pairs.items()
            if pair.origin == origin and proof.final is not None
        }
        for at, pair in enumerate(sorted(final, key=final.__getitem__, reverse=True)):
            if at >= MAX_FINAL or now_ms - final[pair] > FINAL_DAYS * DAY_MS:
                del self._pairs[pair]
        kept = {pair.incarnation for pair in self._pairs if pair.origin == origin}
        for stream in [one for one in self._lineages if one[0] == origin]:
            if stream[1] not in kept:
                del self._lineages[stream]

    def _marked(self) -> dict[_Stream, set[str]]:
        """The shards of each stream that have a marker in every partition they declare."""
        found: dict[_Stream, set[str]] = {stream: set() for stream in self._lineages}
        for pair, proof in self._pairs.items():
            if proof.final is not None or proof.entry() is not None:
                found.setdefault((pair.origin, pair.incarnation), set()).add(pair.shard)
        return found

    def _outlived(self, marked: Mapping[_Stream, set[str]]) -> set[Pair]:
        """The pairs whose descendants, or a whole newer stream, have markers in every partition."""
        found = {pair for pair, proof in self._pairs.items() if proof.outlived}
        for stream, lineage in self._lineages.items():
            found |= {Pair(*stream, shard) for shard in lineage.retired(marked[stream])}
            if lineage.all_open(marked[stream]):
                origin, incarnation = stream
                found |= {
                    pair
                    for pair in self._pairs
                    if pair.origin == origin and int(pair.incarnation) < int(incarnation)
                }
        return found & set(self._pairs)

    def _retired(self, marked: Mapping[_Stream, set[str]]) -> set[Pair]:
        """Those of them that count no more. One with a hole does: its freeze must not end by a reshard."""
        return {pair for pair in self._outlived(marked) if not self._pairs[pair].frozen()}

    def _unplaced(self, marked: Mapping[_Stream, set[str]]) -> set[Pair]:
        """Declared shards of each origin's newest stream of which nothing says where they stand."""
        newest: dict[str, int] = {}
        for origin, incarnation in self._lineages:
            newest[origin] = max(newest.get(origin, -1), int(incarnation))
        return {
            Pair(*stream, shard)
            for stream, lineage in self._lineages.items()
            if int(stream[1]) == newest[stream[0]]
            for shard in lineage.unplaced(marked[stream])
        }

    def read_from(self, place: Place, now: float, exact: int = SAVED_EXACT) -> int | None:
        """The offset of `place` from which a reader of `saved` must read again; None: nothing again."""
        again = (
            proof.places[place].read_from(now, exact)
            for proof in self._pairs.values()
            if place in proof.places
        )
        return min((offset for offset in again if offset is not None), default=None)

    def saved(self, place: Place, now: float, exact: int = SAVED_EXACT) -> list[Any]:
        """What is known of `place`, a row for each pair, as JSON; of a stretch `exact` records at most.

        Each row says which sets of partitions the pair had declared by then.
        """
        return [
            [
                *(pair.origin, pair.incarnation, pair.shard),
                [one.key for one in proof.declared],
                proof.places[place].saved(now, exact),
            ]
            for pair, proof in sorted(self._pairs.items())
            if place in proof.places
        ]

    def saved_declarations(self) -> list[Any]:
        """Which partitions each pair's markers declared, as JSON."""
        return [
            [
                *(pair.origin, pair.incarnation, pair.shard),
                None if proof.fewer is None else [str(one) for one in proof.fewer],
                proof.outlived,
                None if proof.final is None else _saved_entry(proof.final),
                [one.saved() for one in proof.declared],
            ]
            for pair, proof in sorted(self._pairs.items())
        ]

    def saved_lineages(self) -> list[Any]:
        """Which shards each stream's markers declared, as JSON."""
        return [[*stream, lineage.saved()] for stream, lineage in sorted(self._lineages.items())]

    @classmethod
    def restored(
        cls,
        declarations: Iterable[Any],
        lineages: Iterable[Any],
        places: Mapping[Place, Iterable[Any]],
        now: float,
    ) -> LogProof:
        """What `saved_declarations`, `saved_lineages` and `saved` told.

        Raises as `PlaceProof.restored`, and ValueError for declarations older than a place: a partition that
        it does not know would be passed over.
        """
        made = cls()
        for *pair, fewer, outlived, final, sets in declarations:
            made._pairs[Pair(*pair)] = _PairProof(
                {},
                [_Declaration.restored(one) for one in sets],
                None if fewer is None else (int(fewer[0]), int(fewer[1])),
                bool(outlived),
                None if final is None else _restored_entry(final),
            )
        for origin, incarnation, body in lineages:
            made._lineages[str(origin), str(incarnation)] = Lineage.restored(body)
        for place, rows in places.items():
            for *pair, declared, body in rows:
                known = made._pairs.setdefault(Pair(*pair), _PairProof())
                if known.final is not None:
                    continue  # settled after this place was saved
                if set(declared) - {one.key for one in known.declared}:
                    raise ValueError(f"the declarations of {pair} are older than {place}")
                known.places[place] = PlaceProof.restored(body, now)
                if known.places[place].whole:
                    made._whole.add(place)
        return made

    def entries(self, origin: str | None = None) -> dict[Pair, Entry]:
        """The vector: per pair the least advanced of its declared partitions."""
        found = {
            pair: proof.entry()
            for pair, proof in self._pairs.items()
            if origin is None or pair.origin == origin
        }
        return {pair: entry for pair, entry in found.items() if entry is not None}

    def vector(self) -> dict[Pair, Entry]:
        """The entries, those that count no more marked so, and the shards without one (B24)."""
        marked = self._marked()
        retired = self._retired(marked)
        found = {
            pair: entry._replace(retired=True) if pair in retired else entry
            for pair, entry in self.entries().items()
        }
        unplaced = self._unplaced(marked) - set(found)
        return found | {pair: Entry(NO_MARKER, 0) for pair in unplaced}

    def unproven(self) -> Iterator[Unproven]:
        """Every hole, the young ones too: a late copy may still close them."""
        for pair, proof in sorted(self._pairs.items()):
            for (topic, partition), place in sorted(proof.places.items()):
                for hole in place.holes:
                    told = (hole.after, hole.until, hole.why, hole.since, hole.after_born_ms)
                    yield Unproven(pair, topic, partition, *told)
            for topic, partition in sorted({one for each in proof.declared for one in each.places}):
                late = proof.late_start((topic, partition))
                if late is not None:
                    (after, born_ms), until = late
                    since = proof.declared_since((topic, partition))
                    found = (after, until, Why.LATE_START, since, born_ms)
                    yield Unproven(pair, topic, partition, *found)
            if proof.fewer is not None:
                yield Unproven(pair, "", -1, *proof.fewer, Why.FEWER_PARTITIONS, NOTHING)

    def repeated(self) -> int:
        """Records and markers that were met again."""
        return sum(
            place.repeated for proof in self._pairs.values() for place in proof.places.values()
        )

    def _place(self, pair: Pair, place: Place) -> PlaceProof | None:
        """None for a settled pair: what comes of it now came before."""
        known = self._pairs.get(pair)
        if known is None:
            known = self._pairs[pair] = _PairProof()
        if known.final is not None:
            return None
        places = known.places
        found = places.get(place)
        if found is None:
            found = places[place] = PlaceProof()
            found.whole = place in self._whole
        return found
