"""The clock as a port: what waits or tells the time takes it from outside.

A test, and later the simulator, gives a virtual one. Standard library only. The real one is `SYSTEM_CLOCK`.
"""

from __future__ import annotations

import random
import time
from typing import Protocol


class Stopping(Protocol):
    """The part of `threading.Event` that a loop waits on."""

    def is_set(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> bool: ...


class Clock(Protocol):
    """Time, waiting and chance of one machine."""

    def now(self) -> float:
        """Epoch seconds; may jump."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait that long; not at all for a number below zero."""

    def wait(self, stopping: Stopping, seconds: float) -> None:
        """Wait that long, or until `stopping` is set."""

    def random(self) -> float:
        """A number from 0 up to, but not, 1: for jitter."""


class SystemClock:
    """The machine's own."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))

    def wait(self, stopping: Stopping, seconds: float) -> None:
        stopping.wait(max(0.0, seconds))

    def random(self) -> float:
        return random.random()


SYSTEM_CLOCK = SystemClock()
