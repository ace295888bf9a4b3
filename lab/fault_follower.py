"""Follows what a drill's state machine called, and cuts the same here."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lab.fault_calls import NetworkRule, RoleDenied, translated

LOOK_SECONDS = 0.1


class Cuts(Protocol):
    """What the lab can do to a region."""

    def isolate(self, region: str) -> Any: ...

    def rejoin(self, region: str) -> None: ...

    def deny_api(self, region: str) -> Any: ...

    def allow_api(self, region: str) -> Any: ...

    def stop_task(self, region: str, task: str) -> None: ...


@dataclass
class _Region:
    closed: set[bool] = field(default_factory=set)
    """The directions (egress or not) in which nothing passes."""
    denied_until: float = 0.0
    isolated: bool = False
    denied: bool = False


class FaultFollower:
    """A thread, from `start` to `stop`. `file` is written by the emulator, a line a call."""

    def __init__(
        self,
        file: Path,
        cuts: Cuts,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file, self._cuts, self._say, self._clock = file, cuts, say, clock
        self._regions: dict[str, _Region] = {}
        self._read = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fault-follower", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self.look()
            except (
                Exception
            ) as error:  # it goes on: the heal must be followed, whatever the break did
                self._say(f"faults: {type(error).__name__}: {error}")

    def look(self) -> None:
        """Read the new calls; bring each region in line with them."""
        lines = self._file.read_text().splitlines() if self._file.is_file() else []
        new, self._read = lines[self._read :], len(lines)
        for text in new:
            line = json.loads(text)
            self._note(str(line["region"]), str(line["call"]), line["arguments"])
        for region, state in self._regions.items():
            self._bring_in_line(region, state)

    def _note(self, region: str, call: str, arguments: dict[str, Any]) -> None:
        fault = translated(call, arguments)
        state = self._regions.setdefault(region, _Region())
        if isinstance(fault, NetworkRule):
            (state.closed.discard if fault.open else state.closed.add)(fault.egress)
        elif isinstance(fault, RoleDenied):
            state.denied_until = fault.until
        elif fault is not None:
            self._cuts.stop_task(region, fault.task)

    def _bring_in_line(self, region: str, state: _Region) -> None:
        """One closed direction is enough: what is asked is not heard, or not answered."""
        isolated, denied = bool(state.closed), self._clock() < state.denied_until
        if denied != state.denied:
            state.denied = denied
            (self._cuts.deny_api if denied else self._cuts.allow_api)(region)
        if isolated != state.isolated:
            state.isolated = isolated
            (self._cuts.isolate if isolated else self._cuts.rejoin)(region)
            self._say(f"faults: {region} is {'cut off' if isolated else 'back'}")
