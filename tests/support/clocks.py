"""A virtual clock for tests: time moves only when somebody waits, or when the test says so."""

from __future__ import annotations

from dataclasses import dataclass, field

from lifeline.lambdas.failover.clock import Stopping


@dataclass
class ManualClock:
    """A `lifeline.lambdas.failover.clock.Clock`. `slept` holds every wait, in order."""

    at: float = 1_000.0
    wall_offset: float = 1_700_000_000.0
    chance: float = 0.5
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.wall_offset + self.at

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        waited = max(0.0, seconds)
        self.slept.append(waited)
        self.at += waited

    def wait(self, stopping: Stopping, seconds: float) -> None:
        if not stopping.is_set():
            self.sleep(seconds)

    def random(self) -> float:
        return self.chance
