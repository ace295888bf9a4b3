"""What the terminal hears of a run as it goes: phases, keepers' decisions as they fall, how it stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drill import guards
from drill.platform_records import seconds_of
from drill.sampling import RateSample, Sampler
from drill.synthetic import Try

PROGRESS_SECONDS = 5.0
SHOWN_TRIES = 10


class Telling:
    """Remembers what was said, so that each thing is said once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._told: set[tuple[str, str, str]] = set()
        self._next_word = 0.0
        self.phases: list[tuple[str, float]] = []
        self.lost_at: float | None = None

    def enter(self, phase: str) -> None:
        """A phase of the run begins now."""
        self.phases.append((phase, time.time()))

    def clock(self, at: float) -> str:
        """A moment as the drill tells it: from the fault on, before it from the beginning."""
        if self.lost_at is not None and at >= self.lost_at - 1:
            return f"T+{max(0.0, at - self.lost_at):.0f} s"
        return f"{max(0.0, at - self.phases[0][1]):5.0f} s"

    def decisions(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Each decision with its reason, once, as it falls; those before the stream are of the deployment."""
        for one in found:
            key = (str(one["region"]), str(one["action"]), str(one["at"]))
            at = seconds_of(str(one["at"]))
            if key not in self._told and at >= self.phases[0][1]:
                self._told.add(key)
                self._say(f"drill: {self.clock(at)}  {guards.sentence(one)}")

    def progress(self, sampler: Sampler, tries: Sequence[Try], preferred: str) -> None:
        """Now and then one line: how it stands."""
        if time.monotonic() < self._next_word:
            return
        self._next_word = time.monotonic() + PROGRESS_SECONDS
        rate = sampler.rates[-1] if sampler.rates else RateSample(0, 0, 0, 0, 0)
        lag = sampler.lag[-1].lag_seconds if sampler.lag else None
        colours = "".join("+" if one.green else "x" for one in tries[-SHOWN_TRIES:])
        self._say(
            f"drill: {self.clock(time.time())}  sent {rate.sent}, accepted {rate.accepted}, "
            f"waiting {rate.unsent}; to {preferred}; standby lag "
            f"{'unknown' if lag is None else f'{lag:.1f} s'}; epoch "
            f"{sampler.epochs[-1] if sampler.epochs else '?'}; tries {colours}"
        )
