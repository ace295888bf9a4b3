"""What clients saw: which share of the synthetic transactions came back, the failover's own outage apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drill.synthetic import Try, failing_run

LONGEST_OUTAGE_SECONDS = 10.0
"""Where nothing may fail over: two of a keeper's cycles."""


@dataclass(frozen=True)
class Availability:
    """`limit`: the least share that must be answered."""

    tries: int
    answered: int
    longest_outage_seconds: float | None
    """None: one that had not ended when the run did, longer than each that had."""
    limit: float

    @property
    def share(self) -> float:
        """0 when nothing was tried: unknown is never good."""
        return self.answered / self.tries if self.tries else 0.0


def availability(
    tries: Sequence[Try], outage: tuple[float, float | None] | None, *, limit: float
) -> Availability:
    """`outage`: the failing run that the RTO measures (`failing_run`); None where nothing fails over."""
    left = [one for one in tries if not _within(one.at, outage)]
    found = failing_run(left) if outage is None else None
    longest: float | None = 0.0
    if found is not None:
        began, ended = found
        newest = max(one.at for one in left)
        longest = round((newest if ended is None else ended) - began, 3)
    return Availability(len(left), sum(one.green for one in left), longest, limit)


def _within(at: float, outage: tuple[float, float | None] | None) -> bool:
    if outage is None:
        return False
    began, ended = outage
    return began <= at and (ended is None or at < ended)
