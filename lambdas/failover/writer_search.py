"""When a client leaves a server that is in recovery, to look for the writer again (A16)."""

from __future__ import annotations

from collections.abc import Callable

SEARCH_SECONDS = 5.0
"""The shortest time between two closings of one client's connections (A16)."""


class WriterSearch:
    """One client's patience with replicas.

    A client that once fell back to a reader's address would stay there for as long as that server lives.
    `jitter` answers a number in [0, 1): it spreads the clients of a region over half as long again.
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._not_before = float("-inf")

    def leave(self, *, in_recovery: bool, now: float) -> bool:
        """Whether to close the connection now (`now`: a monotonic clock's seconds)."""
        if not in_recovery or now < self._not_before:
            return False
        self._not_before = now + SEARCH_SECONDS * (1 + self._jitter() / 2)
        return True
