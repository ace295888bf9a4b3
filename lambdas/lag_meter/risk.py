"""How many accepted events one region alone holds: an estimate, and nothing when it is not known (B21).

Exact would be to read the stream itself from the last safe sequence on, which would compete with the
bridge for the shards' throughput just when it is behind. So: rate of arrival x seconds not safe yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

WINDOW_SECONDS = 60.0
FRESH_SECONDS = 15.0
"""A database older than this shows no arrivals any more; the last rate seen is kept instead of zero."""


@dataclass(frozen=True)
class ArrivalRate:
    """Events a second, from a counter that only grows; `samples` are (seconds, count), oldest first."""

    samples: tuple[tuple[float, int], ...] = ()
    per_second: float | None = None

    def saw(self, count: int, at: float, database_age_seconds: float | None) -> ArrivalRate:
        """With one more reading. A counter that went back belongs to another database: start again."""
        if database_age_seconds is None or database_age_seconds > FRESH_SECONDS:
            return replace(self, samples=())
        if self.samples and count < self.samples[-1][1]:
            return ArrivalRate(((at, count),))
        samples = (*(one for one in self.samples if at - one[0] <= WINDOW_SECONDS), (at, count))
        (began, first), (ended, last) = samples[0], samples[-1]
        if ended <= began:
            return replace(self, samples=samples)
        return ArrivalRate(samples, (last - first) / (ended - began))


def unsafe_seconds(
    *,
    own: str,
    holder: str,
    safe_born: float | None,
    last_healthy_at: float | None,
    now: float,
) -> float | None:
    """Seconds of the active region's acceptance that the other region lacks; None is unknown.

    The active counts to now. The standby counts to the last moment it saw the active well (A5): what is
    lost does not grow by waiting.
    """
    until = now if holder == own else last_healthy_at
    if not holder or safe_born is None or until is None:
        return None
    return max(0.0, until - safe_born)


def events_at_risk(seconds: float | None, rate: ArrivalRate) -> float | None:
    """The estimate; None when either factor is unknown."""
    if seconds is None or rate.per_second is None:
        return None
    return round(seconds * rate.per_second)
