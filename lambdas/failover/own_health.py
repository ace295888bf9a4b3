"""A region's own health: which of its parts does not work, counted over K looks (A11). Pure.

UNKNOWN neither counts nor resets: a keeper that cannot ask has learnt nothing of the part. Each part counts
for itself, and one look that finds it well forgets its count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from lifeline.lambdas.failover.health import Health
from lifeline.lambdas.failover.policy import Policy


class Part(StrEnum):
    """What a region needs to serve, as its keeper sees it."""

    DATABASE = "database"
    """It answers its keeper."""
    APPLY = "apply"
    """An event applier committed lately."""
    LOG = "log"
    """Markers go from the stream through the log into the database: what is accepted arrives."""
    PUBLIC_PATH = "public-path"
    """The witness gets 200 from `/health`, from outside."""


@dataclass(frozen=True)
class Progress:
    """What the region's own event appliers left in its database. None: nothing ever."""

    beat_seconds_ago: float | None
    """How old the newest heartbeat is, by the server's clock."""
    newest_applied: float | None
    """When the newest applied marker of the own region was born."""


@dataclass(frozen=True)
class Count:
    """So many looks in a row found the part ill, the first at `since` and the last at `at`."""

    since: float
    looks: int
    at: float


@dataclass(frozen=True)
class OwnHealth:
    """The parts that were ill at the last look, at the epoch of the lease. Times: the region's own clock.

    Overlapping keepers write it, the last one wins: a stale write can only make a count smaller.
    """

    epoch: int = 0
    counts: Mapping[Part, Count] = field(default_factory=dict)

    def saw(self, look: Mapping[Part, Health], policy: Policy, now: float) -> OwnHealth:
        """One more look. Two keepers that look at the same moment count once."""
        counts = dict(self.counts)
        for part, health in look.items():
            known = counts.get(part)
            if known is not None and now - known.at > policy.own_gap_seconds:
                known = None  # nobody looked meanwhile
            if health is Health.UNHEALTHY:
                counts[part] = _counted(known, policy, now)
            elif health is Health.HEALTHY or known is None:
                counts.pop(part, None)
        return replace(self, counts=counts)

    def ill(self, policy: Policy, now: float) -> dict[str, float]:
        """The parts that are ill for K looks, and for how many seconds each."""
        return {
            str(part): max(0.0, now - one.since)
            for part, one in sorted(self.counts.items())
            if one.looks >= policy.own_looks
        }

    def to_json(self) -> dict[str, Any]:
        """For the region's table."""
        counts = {str(part): (one.since, one.looks, one.at) for part, one in self.counts.items()}
        return {"epoch": self.epoch, "counts": counts}

    @classmethod
    def from_json(cls, body: Mapping[str, Any], *, epoch: int) -> OwnHealth:
        """What was kept at this epoch of the lease; counts of another epoch are another region's time."""
        if body.get("epoch") != epoch:
            return cls(epoch)
        known = set(Part)
        return cls(
            epoch,
            {
                Part(part): Count(float(since), int(looks), float(at))
                for part, (since, looks, at) in body.get("counts", {}).items()
                if part in known
            },
        )


def _counted(known: Count | None, policy: Policy, now: float) -> Count:
    if known is None:
        return Count(now, 1, now)
    if now - known.at < policy.own_pace_seconds:
        return known
    return Count(known.since, known.looks + 1, now)


@dataclass(frozen=True)
class LogSeen:
    """The newest applied marker of the own region, and when this keeper first saw it.

    `moved`: it was seen to change. What a keeper sees first may be as old as it likes.
    """

    newest: float | None = None
    at: float = 0.0
    moved: bool = False

    def saw(self, progress: Progress | None, now: float) -> LogSeen:
        """Whatever is new starts the clock again; not to know changes nothing."""
        if progress is None or progress.newest_applied in (None, self.newest):
            return self
        return LogSeen(progress.newest_applied, now, moved=self.newest is not None)


def looked(
    *,
    database_answered: bool,
    applies: bool,
    progress: Progress | None,
    log: LogSeen,
    seen_from_outside: Health,
    policy: Policy,
    now: float,
) -> dict[Part, Health]:
    """One look of the active region's keeper. `applies`: event appliers of ours are part of the region.

    The log can be judged only while somebody applies what it has.
    """
    apply = way = Health.UNKNOWN
    if applies and database_answered and progress is not None:
        beat = progress.beat_seconds_ago
        beats = beat is not None and beat < policy.own_late_seconds
        apply = Health.HEALTHY if beats else Health.UNHEALTHY
        if beats and log.newest is not None:
            way = _way(log, policy, now)
    return {
        Part.DATABASE: Health.HEALTHY if database_answered else Health.UNHEALTHY,
        Part.APPLY: apply,
        Part.LOG: way,
        Part.PUBLIC_PATH: seen_from_outside,
    }


def _way(log: LogSeen, policy: Policy, now: float) -> Health:
    if now - log.at >= policy.own_late_seconds:
        return Health.UNHEALTHY
    return Health.HEALTHY if log.moved else Health.UNKNOWN
