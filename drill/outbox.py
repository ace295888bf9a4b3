"""What is still to be sent, in an order that keeps each patient's events in theirs (B3). Pure data.

Invariants: of one aggregate at most one event is out of the box (PutRecords does not keep order, so not
even two in one request), and what comes out of an aggregate is always its lowest waiting number.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable


class Outbox:
    """Numbers grow with an aggregate's sequence. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[int]] = {}
        self._queued: set[int] = set()
        self._ready: deque[str] = deque()
        self._in_ready: set[str] = set()
        self._out: dict[str, int] = {}

    def __len__(self) -> int:
        """How many wait; those taken and not yet answered are not counted."""
        return len(self._queued)

    @property
    def out(self) -> int:
        """How many are taken and not answered."""
        return len(self._out)

    @property
    def ready(self) -> int:
        """How many could be taken now."""
        return len(self._ready)

    def add(self, aggregate_id: str, number: int) -> None:
        """Queue an event; again while it waits or is out is no change."""
        if number in self._queued or self._out.get(aggregate_id) == number:
            return
        heapq.heappush(self._waiting.setdefault(aggregate_id, []), number)
        self._queued.add(number)
        self._offer(aggregate_id)

    def take(self, limit: int) -> list[tuple[str, int]]:
        """Up to `limit` events, each of another aggregate; each must be given back with `done`."""
        taken: list[tuple[str, int]] = []
        while self._ready and len(taken) < limit:
            aggregate_id = self._ready.popleft()
            self._in_ready.discard(aggregate_id)
            number = heapq.heappop(self._waiting[aggregate_id])
            self._queued.discard(number)
            self._out[aggregate_id] = number
            taken.append((aggregate_id, number))
        return taken

    def done(self, taken: Iterable[tuple[str, int]], again: Iterable[int] = ()) -> None:
        """Give back what `take` gave; the numbers in `again` were not accepted and wait once more."""
        repeat = set(again)
        for aggregate_id, number in taken:
            if self._out.get(aggregate_id) == number:
                del self._out[aggregate_id]
            if number in repeat:
                self.add(aggregate_id, number)
            if self._waiting.get(aggregate_id):
                self._offer(aggregate_id)
            else:
                self._waiting.pop(aggregate_id, None)

    def _offer(self, aggregate_id: str) -> None:
        if aggregate_id not in self._out and aggregate_id not in self._in_ready:
            self._ready.append(aggregate_id)
            self._in_ready.add(aggregate_id)
