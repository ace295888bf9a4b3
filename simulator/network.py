"""Calls between regions: time on the way, cut links, dead regions, services that do not answer, lost
replies, late requests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from simulator.scheduler import Died, Scheduler

T = TypeVar("T")

NEAR_SECONDS = 0.032
NEAR_SHARE = 0.25
"""Inside a region a call takes no time, or, this share of them, so long before its effect: every order of
effects can happen, for a fourth of the steps."""
FAR_SECONDS = 0.03
"""One way between two regions; each call draws between half and one and a half of it."""
LATE_SECONDS = (1.0, 12.0)
"""After so long a late request has its effect."""


class NoAnswer(Exception):
    """Nothing came back within the caller's time-out; whether the call had its effect is not known."""


class Refused(Exception):
    """The target said at once that nobody is there."""


class Network:
    """Which calls arrive. Links have a direction: `cut(a, b)` loses what goes from a to b."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._random = scheduler.random.random
        self.cut_links: set[tuple[str, str]] = set()
        self.dead_regions: set[str] = set()
        self.no_way_out: set[str] = set()
        """Regions whose own calls elsewhere are lost (a NAT gateway is gone); they are still reached."""
        self.silent: set[tuple[str, str]] = set()
        """(region, service) that hang: a call to them ends by its time-out."""
        self.refusing: set[tuple[str, str]] = set()
        """(region, service) that answer at once with an error of their own."""
        self.lost_replies = 0.0
        """Share of replies that are lost after the effect."""
        self.late_requests = 0.0
        """Share of requests that arrive after their caller's time-out."""
        self.before_effect: Callable[[str, str], None] | None = None
        """Called with region and service right before a call's effect; may kill the caller."""

    @property
    def troubled(self) -> bool:
        """Whether a caller may end, or miss an answer, between two effects."""
        return bool(self.lost_replies or self.late_requests) or self.before_effect is not None

    def reaches(self, source: str, target: str) -> bool:
        """Whether something sent now from one region arrives in another."""
        return (
            source == target
            or ((source, target) not in self.cut_links and source not in self.dead_regions)
        ) and target not in self.dead_regions

    def call(
        self, target: str, service: str, timeout: float, work: Callable[..., T], *given: Any
    ) -> T:
        """Run `work` with what is given at the target, from the current task's region.

        Raises NoAnswer, Refused, or what `work` raised. `work` must not wait unless its own service may.
        """
        scheduler = self._scheduler
        task = scheduler.current
        assert task is not None
        source = task.machine.region
        if self.late_requests and self._random() < self.late_requests:
            self._arrives_late(source, target, service, partial(work, *given))
            scheduler.sleep(timeout)
            raise NoAnswer(f"{service} in {target} did not answer within {timeout} s")
        drawn = self._random()
        began = scheduler.now
        back = 0.0
        if source != target:
            back = FAR_SECONDS * (0.5 + drawn)
            scheduler.sleep(back)
        elif drawn < NEAR_SHARE:
            scheduler.sleep(NEAR_SECONDS)
        elif task.dead:
            raise Died
        if (self.silent or self.no_way_out or self.cut_links or self.dead_regions) and (
            (target, service) in self.silent
            or (source != target and source in self.no_way_out)
            or not self.reaches(source, target)
        ):
            self._time_out(began, timeout, target, service)
        if self.refusing and (target, service) in self.refusing:
            raise Refused(f"{service} in {target} refuses")
        if self.before_effect is not None:
            self.before_effect(target, service)
        error: Exception | None = None
        answer: T
        try:
            answer = work(*given)
        except (NoAnswer, Refused):
            raise
        except Exception as raised:
            error = raised
        if self.lost_replies and self._random() < self.lost_replies:
            self._time_out(began, timeout, target, service)
        if back:
            scheduler.sleep(back)
            if (self.cut_links or self.dead_regions) and not self.reaches(target, source):
                self._time_out(began, timeout, target, service)
        if scheduler.now - began > timeout:
            self._time_out(began, timeout, target, service)
        if error is not None:
            try:
                raise error
            finally:
                del error  # it holds this frame: garbage that only a collection would find
        return answer

    def _arrives_late(
        self, source: str, target: str, service: str, work: Callable[[], object]
    ) -> None:
        """The caller has given up when the request has its effect."""

        def arrive() -> None:
            place = (target, service)
            if self.reaches(source, target) and place not in self.silent | self.refusing:
                with suppress(Exception):  # the refusal reaches nobody
                    work()

        scheduler = self._scheduler
        scheduler.at(scheduler.now + scheduler.random.uniform(*LATE_SECONDS), arrive)

    def _time_out(self, began: float, timeout: float, target: str, service: str) -> None:
        self._scheduler.sleep(began + timeout - self._scheduler.now)
        raise NoAnswer(f"{service} in {target} did not answer within {timeout} s")
