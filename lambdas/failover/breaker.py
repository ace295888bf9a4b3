"""Stop, rather than set aside nearly everything for a reason of our own (B23).

Invariant: a sender alone never stops anything, however much it sends. Senders count, not events: each is
failing or not, and all that do not name themselves (`metadata.userId`) are one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import NamedTuple

LEAST_EVENTS = 20
LEAST_SENDERS = 3
SHARE = 0.9
"""Of a failing sender's events, and of the senders."""
REMEMBERED = 500
"""Events of the batches before: a batch at night holds one or two."""
PAGE_SECONDS = 900
"""A stop is told once in each quarter of an hour. The alarm recovers in between, so it pages each time."""


class Outcome(NamedTuple):
    """One event: who sent it, and whether it was refused for a reason of ours."""

    sender: str
    ours: bool


class Stopped(Exception):
    """Nearly everything of several senders would be set aside, by our fault: nothing of the batch is."""


class Breaker:
    """For one process, which remembers: the way on is a release without the fault, and so a new process."""

    def __init__(self, *, on: bool) -> None:
        self._on = on
        self._before: deque[Outcome] = deque(maxlen=REMEMBERED)
        self._paged: int | None = None

    def check(self, batch: Sequence[Outcome]) -> None:
        """Raises Stopped. Told only of batches with an outcome of ours; `passed` is told of each."""
        if self._on and _nearly_everything_fails([*self._before, *batch]):
            raise Stopped

    def passed(self, batch: Sequence[Outcome]) -> None:
        """The batch was written. One without an outcome of ours shows that not everything fails."""
        if any(one.ours for one in batch):
            self._before.extend(batch)
        else:
            self._before.clear()

    def page_due(self, now: float) -> bool:
        """Whether a stop at this time is to be told: the first, and the first of each quarter of an hour."""
        quarter = int(now // PAGE_SECONDS)
        due, self._paged = quarter != self._paged, quarter
        return due


def _nearly_everything_fails(outcomes: Sequence[Outcome]) -> bool:
    came = Counter(one.sender for one in outcomes)
    ours = Counter(one.sender for one in outcomes if one.ours)
    failing = [sender for sender, count in ours.items() if count >= SHARE * came[sender]]
    return (
        ours.total() >= LEAST_EVENTS
        and len(failing) >= LEAST_SENDERS
        and len(failing) >= SHARE * len(came)
    )
