"""Which accepted events are safe by now: receipts against watermark vectors (B1). Pure data."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from drill.receipt import Receipt, SafeUpTo


class SafetyTracker:
    """Invariant: a number is reported only if one of its receipts lies within its pair's entry."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str, str], list[tuple[int, int]]] = {}

    def add(self, number: int, receipt: Receipt) -> None:
        """Watch one receipt of an event; an event may have several."""
        heapq.heappush(self._open.setdefault(receipt.pair, []), (receipt.sequence, number))

    def settle(self, entries: Iterable[SafeUpTo]) -> list[int]:
        """The numbers these entries prove safe, each receipt reported once. No entry: not safe."""
        found = []
        for entry in entries:
            waiting = self._open.get(entry.pair, [])
            unproven = []
            while waiting and waiting[0][0] <= entry.sequence:
                receipt = heapq.heappop(waiting)
                if receipt[0] > entry.after:
                    found.append(receipt[1])
                else:
                    unproven.append(receipt)
            for receipt in unproven:
                heapq.heappush(waiting, receipt)
        return found
