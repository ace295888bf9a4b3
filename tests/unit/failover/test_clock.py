"""The machine's clock: it waits as long as it is told, and not at all for a time that is over."""

from __future__ import annotations

import time
from threading import Event

import pytest

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK


def test_it_waits_as_long_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    SYSTEM_CLOCK.sleep(1.5)
    SYSTEM_CLOCK.sleep(-1.0)
    assert slept == [1.5, 0.0]


def test_a_wait_ends_with_its_time_or_with_the_stop() -> None:
    waited: list[float | None] = []

    class Told(Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout)
            return False

    SYSTEM_CLOCK.wait(Told(), 2.0)
    SYSTEM_CLOCK.wait(Told(), -2.0)
    assert waited == [2.0, 0.0]


def test_it_tells_the_machines_time_and_chance() -> None:
    assert abs(SYSTEM_CLOCK.now() - time.time()) < 60
    assert abs(SYSTEM_CLOCK.monotonic() - time.monotonic()) < 60
    assert 0 <= SYSTEM_CLOCK.random() < 1
