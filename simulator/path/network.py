"""A network that also delivers late: the caller has given up when the request has its effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from simulator.network import Network, NoAnswer
from simulator.scheduler import Scheduler

T = TypeVar("T")
LATE_SECONDS = (1.0, 12.0)


class LateNetwork(Network):
    """`late_requests`: the share of requests that arrive after their caller's time-out."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler)
        self.late_requests = 0.0

    @property
    def troubled(self) -> bool:
        return super().troubled or bool(self.late_requests)

    def call(
        self, target: str, service: str, timeout: float, work: Callable[..., T], *given: Any
    ) -> T:
        """As `Network.call`."""
        scheduler = self._scheduler
        if not self.late_requests or scheduler.random.random() >= self.late_requests:
            return super().call(target, service, timeout, work, *given)
        assert scheduler.current is not None
        source = scheduler.current.machine.region

        def arrive() -> None:
            place = (target, service)
            if self.reaches(source, target) and place not in self.silent | self.refusing:
                try:
                    work(*given)
                except Exception:  # the refusal reaches nobody
                    return

        scheduler.at(scheduler.now + scheduler.random.uniform(*LATE_SECONDS), arrive)
        scheduler.sleep(timeout)
        raise NoAnswer(f"{service} in {target} did not answer within {timeout} s")
