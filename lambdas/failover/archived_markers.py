"""Which markers an archive holds, and whether it holds what a database has of a day (B11, B22). Pure.

A marker says: all of its pair after the marker before it, up to its own sequence, lies before me. So each
marker is a stretch, and stretches that meet are one. The archive holds all of a pair up to the end of its
first stretch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from lifeline.lambdas.failover.event_limits import MAX_FUTURE
from lifeline.lambdas.failover.markers import Marker, Pair, Place

MAX_STRETCHES = 100
"""Of a pair. With more of them its newest are not noted: it stands where it stands."""
FORGET_MS = 60 * 86_400_000
"""A pair without a marker for so long: longer than the database remembers what it applied (35 days)."""
STILL_WRITES_MS = 3_600_000


@dataclass(frozen=True)
class Held:
    """Of one partition: of each pair the sequence up to which all is archived, and since when it is.

    `began_ms`: the time of the first marker that was archived; None: none was.
    """

    through: Mapping[Pair, int]
    began_ms: int | None


@dataclass
class _Stretches:
    """`ends`: [after, until] of each, in order, none touching the next."""

    ends: list[tuple[int, int]]
    seen_ms: int

    def add(self, after: int, until: int) -> None:
        kept: list[tuple[int, int]] = []
        for low, high in self.ends:
            if high < after or low > until:
                kept.append((low, high))
            else:
                after, until = min(after, low), max(until, high)
        kept.append((after, until))
        self.ends = sorted(kept)[:MAX_STRETCHES]


class ArchivedMarkers:
    """Of one partition."""

    def __init__(self) -> None:
        self._pairs: dict[Pair, _Stretches] = {}
        self._began_ms: int | None = None

    def add(self, marker: Marker, time_ms: int) -> None:
        """A marker that the archive holds from now on. `time_ms`: its record's time."""
        if self._began_ms is None:
            self._began_ms = time_ms
        known = self._pairs.get(marker.pair)
        if marker.previous is None:  # written by release 0.1: nothing says what lies before it
            after = marker.sequence if known is None else known.ends[-1][1]
            after = min(after, marker.sequence)
        else:
            after = marker.previous
        if known is None:
            self._pairs[marker.pair] = _Stretches([(after, marker.sequence)], time_ms)
            return
        known.seen_ms = max(known.seen_ms, time_ms)
        known.add(after, marker.sequence)

    def held(self) -> Held:
        """What is archived."""
        through = {pair: held.ends[0][1] for pair, held in self._pairs.items()}
        return Held(through, self._began_ms)

    def saved(self) -> dict[str, Any]:
        """As JSON, for `restored`."""
        newest = max((held.seen_ms for held in self._pairs.values()), default=0)
        pairs = [
            [pair.origin, pair.incarnation, pair.shard, held.seen_ms,
             [[str(low), str(high)] for low, high in held.ends]]
            for pair, held in sorted(self._pairs.items())
            if newest - held.seen_ms <= FORGET_MS
        ]  # fmt: skip
        return {"began_ms": self._began_ms, "pairs": pairs}

    @classmethod
    def restored(cls, body: Mapping[str, Any]) -> Self:
        """Raises KeyError, ValueError, TypeError for what `saved` did not give."""
        made = cls()
        made._began_ms = None if body["began_ms"] is None else int(body["began_ms"])
        for origin, incarnation, shard, seen_ms, ends in body["pairs"]:
            stretches = [(int(low), int(high)) for low, high in ends]
            made._pairs[Pair(origin, incarnation, shard)] = _Stretches(stretches, int(seen_ms))
        return made


@dataclass(frozen=True)
class AppliedThen:
    """How far a database had applied a pair in a partition. `age_ms`: of that marker, at that moment."""

    place: Place
    pair: Pair
    sequence: int
    age_ms: int


def not_archived(
    applied: Iterable[AppliedThen], archived: Mapping[Place, Held], *, day_ms: int
) -> str:
    """Why the archive may lack an event of the day that begins at `day_ms`; empty: it lacks none.

    `applied`: how far the database had applied the log when the day was detached. What was applied behind the
    last applied marker is covered by a later one only. So the archive must hold a later marker of every pair
    that still wrote, and of one pair at least in every partition. An archive that began after the day (of a
    region that was rebuilt, say) says nothing of it: no event of a day arrives before it.
    """
    earliest_ms = day_ms - int(MAX_FUTURE.total_seconds() * 1000)
    rows = list(applied)
    if not rows:
        return "no marker was applied: nothing says what the database held"
    passed: dict[Place, bool] = {}
    for row in rows:
        place = archived.get(row.place)
        held = None if place is None else place.through.get(row.pair)
        name = f"{row.place[0]}/{row.place[1]} of {row.pair.origin}/{row.pair.shard}"
        if held is None:
            return f"the archive says nothing of {name}"
        if place is None or place.began_ms is None or place.began_ms > earliest_ms:
            return f"the archive of {row.place[0]}/{row.place[1]} began after the day"
        if held < row.sequence or (held == row.sequence and row.age_ms < STILL_WRITES_MS):
            return f"the archive has not passed {name}"
        passed[row.place] = passed.get(row.place, False) or held > row.sequence
    behind = sorted(place for place, is_passed in passed.items() if not is_passed)
    if behind:
        return f"the archive holds no later marker in {behind[0][0]}/{behind[0][1]}"
    return ""
