"""Which worker of a test run may use the machine's cores."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Turns:
    """Locks on two files that all workers of a run share.

    Any number go beside each other, or one goes alone. Who waits to go alone is passed by nobody: it holds
    the gate that each must pass before it begins.
    """

    def __init__(self, folder: Path) -> None:
        self._gate, self._cores = folder / "gate.lock", folder / "cores.lock"

    @contextmanager
    def beside_others(self) -> Iterator[None]:
        """Wait until nobody is alone, and nobody waits to be."""
        with self._cores.open("a") as cores:
            with self._gate.open("a") as gate:
                fcntl.flock(gate, fcntl.LOCK_EX)
                fcntl.flock(cores, fcntl.LOCK_SH)
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until what began has ended, and let nothing begin."""
        with self._gate.open("a") as gate, self._cores.open("a") as cores:
            fcntl.flock(gate, fcntl.LOCK_EX)
            fcntl.flock(cores, fcntl.LOCK_EX)
            yield
