"""Is the loop of a service alive? It touches a file in each turn."""

from __future__ import annotations

import os
from pathlib import Path

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK

STILL_SECONDS = 60.0
"""A turn takes a second or two; connecting to a database that hangs takes the longest, well below this."""


class AliveFile:
    """Touched while the loop turns; without a path (outside a task) it does nothing."""

    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None

    def touch(self) -> None:
        """Never raises: what cannot be written shows as a file that grows old."""
        if self._path is None:
            return
        try:
            self._path.touch()
        except OSError:
            return


def loop_turns(path: str, now: float | None = None) -> bool:
    """Whether the file was touched lately; a file that is not there was not."""
    try:
        touched = os.stat(path).st_mtime
    except OSError:
        return False
    return (SYSTEM_CLOCK.now() if now is None else now) - touched < STILL_SECONDS
