"""A lock between processes: a file that one process at a time holds, until it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Held:
    """A lock that is held until `release`, or until this process ends, however it ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go. Safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def hold(path: Path) -> Held | None:
    """The lock on the file, which is made if need be; None when it is held, here or by another process.

    The file stays: if it were deleted, two processes could hold locks on two files of its name. A child
    process does not inherit the lock (Python opens files so).
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        # Another account of this machine may lock the file, too: reading is enough for that.
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return Held(descriptor)
