"""Virtual time: tasks are greenlets of one thread, and the clock jumps from one event to the next.

Two runs with the same seed make the same steps in the same order. Nothing here knows of regions or leases.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from greenlet import getcurrent, greenlet


class Died(BaseException):
    """The process ends here, between two effects; no handler of the code in it may catch this."""


@dataclass
class Machine:
    """Where a task runs: its region, its clock, and whether it stands still (a frozen process)."""

    region: str
    clock_offset: float = 0.0
    """Seconds by which its epoch clock is wrong."""
    frozen_until: float = 0.0
    """Its tasks do nothing before this moment, while their clocks go on."""


class Task:
    """One process or thread of the shipped code, or of a twin."""

    __slots__ = (
        "dead",
        "done",
        "environment",
        "error",
        "greenlet",
        "machine",
        "name",
        "result",
        "wake",
    )

    def __init__(self, name: str, machine: Machine, environment: dict[str, str]) -> None:
        self.name = name
        self.machine = machine
        self.environment = environment
        self.greenlet: greenlet | None = None
        self.dead = False
        self.done: Signal | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.wake = 0


class Signal:
    """What tasks wait for; set once."""

    __slots__ = ("is_set", "waiting")

    def __init__(self) -> None:
        self.is_set = False
        self.waiting: list[tuple[Task, int]] = []


class Scheduler:
    """Runs what happens next. `random` is the only source of chance in a world."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.random = random.Random(seed)
        self.current: Task | None = None
        self.switches = 0
        self._events: list[tuple[float, int, Any, int]] = []
        self._number = 0
        self._until = 0.0
        self._hub: greenlet | None = None
        self._tasks: dict[Task, None] = {}
        """Those that did not end, the oldest first."""

    def run(self, until: float) -> None:
        """Let everything happen up to that moment."""
        self._hub = getcurrent()
        self._until = until
        while (task := self._next()) is not None:
            assert task.greenlet is not None
            task.greenlet.switch()
        self.now = until

    def _next(self) -> Task | None:
        """Let happen what happens outside tasks; answer the next task to go on, None when time is up."""
        self.current = None
        events, until = self._events, self._until
        while events and events[0][0] <= until:
            at, number, what, wake = heappop(events)
            if at > self.now:
                self.now = at
            if type(what) is not Task:
                what()
                continue
            if what.wake != wake or what.greenlet is None:
                continue
            if what.machine.frozen_until > at and not what.dead:
                heappush(events, (what.machine.frozen_until, number, what, wake))
                continue
            what.wake += 1
            self.switches += 1
            self.current = what
            return what
        return None

    def skip(self, seconds: float) -> None:
        """Time passes in which nobody does anything: what was to come comes so much later."""
        self.now += seconds
        self._events = [(at + seconds, *rest) for at, *rest in self._events]

    def at(self, moment: float, happen: Callable[[], object]) -> None:
        """Let something happen at that moment, outside any task; it must not wait."""
        self._push(max(moment, self.now), happen, 0)

    def spawn(
        self,
        name: str,
        machine: Machine,
        work: Callable[[], Any],
        environment: dict[str, str] | None = None,
    ) -> Task:
        """Start a task now, after what already happens at this moment. What it raises ends it alone."""
        task = Task(name, machine, environment or {})
        task.done = Signal()

        def body() -> None:
            try:
                task.result = work()
            except Died as died:
                # Without its traceback: that would hold every frame of the task, and all that they hold.
                task.dead, task.error = True, died.with_traceback(None)
            except Exception as error:
                task.error = error
            finally:
                task.greenlet = None
                self._tasks.pop(task, None)
                assert task.done is not None
                self.set(task.done)

        self._tasks[task] = None
        task.greenlet = greenlet(body, parent=self._hub or getcurrent())
        self._push(self.now, task, task.wake)
        return task

    def kill(self, task: Task) -> None:
        """End the task where it waits; the effects it had stay."""
        if task.greenlet is None or task.dead:
            return
        task.dead = True
        if task is self.current:
            raise Died
        task.wake += 1
        self._push(self.now, task, task.wake)

    def end(self) -> None:
        """End every task where it waits, one after another; nothing else happens any more."""
        self._hub = getcurrent()
        self._events.clear()
        while self._tasks:
            task, _ = self._tasks.popitem()
            task.dead, self.current = True, task
            if task.greenlet:
                task.greenlet.throw(Died)
        self.current = None
        self._events.clear()

    def sleep(self, seconds: float) -> None:
        """The current task waits. Raises Died when its process was killed meanwhile."""
        task = self.current
        assert task is not None, "only a task can wait"
        if task.dead:
            raise Died
        at = self.now + (seconds if seconds > 0 else 0.0)
        events = self._events
        if at <= self._until and (not events or events[0][0] > at):
            # Nothing else happens until then: no need to leave the task.
            self.now = at
            return
        self._number += 1
        heappush(events, (at, self._number, task, task.wake))
        self._leave(task)

    def wait(self, signal: Signal, timeout: float | None = None) -> bool:
        """The current task waits for the signal; False when the time was up first."""
        if signal.is_set:
            return True
        task = self.current
        assert task is not None, "only a task can wait"
        if task.dead:
            raise Died
        signal.waiting.append((task, task.wake))
        if timeout is not None:
            self._push(self.now + max(0.0, timeout), task, task.wake)
        self._leave(task)
        return signal.is_set

    def set(self, signal: Signal) -> None:
        """Wake who waits for it, in the order in which they came."""
        if signal.is_set:
            return
        signal.is_set = True
        for task, wake in signal.waiting:
            self._push(self.now, task, wake)
        signal.waiting.clear()

    def _leave(self, task: Task) -> None:
        assert self._hub is not None
        try:
            following = self._next()
        except BaseException as error:
            # It came from outside the task, and is not this task's to catch.
            self._hub.throw(error)
            raise
        if following is None:
            self._hub.switch()
        elif following is not task:
            assert following.greenlet is not None
            # Straight to it: the hub in between would cost as much again.
            following.greenlet.switch()
        if task.dead:
            raise Died

    def _push(self, at: float, what: Any, wake: int) -> None:
        self._number += 1
        heappush(self._events, (at, self._number, what, wake))
