"""What a run was: one line an event, and a hash over all of them (E5)."""

from __future__ import annotations

import gc
import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from simulator.scheduler import Scheduler


@dataclass(frozen=True)
class Line:
    """At `at` seconds of the run, `who` did or saw `what`."""

    at: float
    who: str
    what: str

    def __str__(self) -> str:
        minutes, seconds = divmod(self.at, 60)
        return f"{int(minutes):3d}:{seconds:06.3f}  {self.who:<24} {self.what}"


class Trace:
    """Grows with the run. `reached` counts the rare states that were seen ("sometimes")."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.reached: Counter[str] = Counter()
        self._hash = hashlib.sha256()

    def say(self, at: float, who: str, what: str) -> None:
        """Keep a line."""
        line = Line(at, who, what)
        self.lines.append(line)
        self._hash.update(f"{at!r} {who} {what}\n".encode())

    def digest(self, *, switches: int, chance: float) -> str:
        """The run's hash: its lines, how many steps it took, and where its chance ended."""
        found = self._hash.copy()
        found.update(f"{switches} {chance!r}".encode())
        return found.hexdigest()


class Story:
    """A world that tells what happens in it, and keeps what must not have."""

    def __init__(self, seed: int) -> None:
        self.scheduler = Scheduler(seed)
        self.trace = Trace()
        self.violations: list[str] = []

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Lead the ports of the shipped code into the world."""
        raise NotImplementedError

    def run(self, until: float) -> None:
        """Let the world go on up to that second."""
        # A world is let go whole: nothing is gained by looking for garbage in it before.
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            with self.installed():
                self.scheduler.run(until)
        finally:
            if was_enabled:
                gc.enable()

    def end_tasks(self) -> None:
        """End every task here. What the world has can still be looked at.

        Otherwise the tasks end wherever Python finds them to be garbage, and what the shipped code does then,
        on its way out, it would do in the next world (E5).
        """
        with self.installed():
            self.scheduler.end()

    def let_go(self) -> None:
        """End every task here, and let the world go: nothing of it is left."""
        self.end_tasks()
        # Everything here hangs on the world: without it most of it is free at once, and the collector has a
        # tenth of it to look through.
        vars(self).clear()
        gc.collect()

    def say(self, who: str, what: str) -> None:
        """A line of the story."""
        self.trace.say(self.scheduler.now, who, what)

    def reach(self, state: str) -> None:
        """A rare state was reached (`sometimes`)."""
        self.trace.reached[state] += 1

    def violate(self, what: str) -> None:
        """A property of safety does not hold."""
        if what not in self.violations:
            self.violations.append(what)
            self.say("VIOLATION", what)
