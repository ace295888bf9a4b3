"""Which of an aggregate's sequences it follows when one of them is wild: pure (C9).

A run is a set of sequences without a gap above MAX_SEQUENCE_JUMP. The aggregate follows the run with the most
events, the lower of two alike: one wild sequence never holds back the events that come after it, nor before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lifeline.lambdas.failover.event_limits import MAX_SEQUENCE_JUMP

MOST_RUNS = 16
"""An aggregate keeps its largest ones: a sender that only jumps must not make its reading ever longer."""


@dataclass(frozen=True)
class Run:
    """From `first` to the newest event, whose three fields order events (C4)."""

    first: int
    sequence: int
    events: int
    occurred_on: datetime
    event_id: UUID

    @property
    def newest(self) -> tuple[int, datetime, UUID]:
        """What is greater is newer."""
        return self.sequence, self.occurred_on, self.event_id


def settled(runs: Iterable[Run]) -> tuple[Run, list[Run]]:
    """The run to follow and the others, from known runs and single events in any order. At least one."""
    joined: list[Run] = []
    for run in sorted(runs, key=lambda one: one.first):
        if joined and run.first - joined[-1].sequence <= MAX_SEQUENCE_JUMP:
            joined[-1] = _together(joined[-1], run)
        else:
            joined.append(run)
    ranked = sorted(joined, key=lambda one: (-one.events, one.first))
    return ranked[0], ranked[1:MOST_RUNS]


def _together(one: Run, other: Run) -> Run:
    newest = max(one, other, key=lambda run: run.newest)
    return Run(
        min(one.first, other.first),
        newest.sequence,
        one.events + other.events,
        newest.occurred_on,
        newest.event_id,
    )
