"""Loops inside one invocation, on a virtual clock (A7)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lifeline.lambdas.adapters.pace import RESERVE_SECONDS, RUN_SECONDS, run_until_deadline
from tests.support.clocks import ManualClock


class Context:
    """What Lambda says of the time that is left."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        self._clock, self._ends = clock, clock.at + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - self._clock.at) * 1_000)


def starts(
    *, pace: float, takes: float, lives: float, event: dict[str, float] | None = None
) -> tuple[list[float], int]:
    clock = ManualClock(at=0.0)
    seen: list[float] = []

    def cycle() -> None:
        seen.append(clock.at)
        clock.at += takes

    count = run_until_deadline(cycle, pace, Context(clock, lives), event or {}, clock)
    return seen, count


def test_cycles_start_at_the_pace_whatever_they_take() -> None:
    seen, count = starts(pace=5.0, takes=1.5, lives=1_000.0)
    assert seen == [5.0 * number for number in range(count)]
    assert seen[-1] < RUN_SECONDS <= seen[-1] + 5.0


def test_a_slow_cycle_delays_the_next_and_never_doubles_it() -> None:
    seen, _ = starts(pace=5.0, takes=7.0, lives=1_000.0)
    assert {round(b - a, 6) for a, b in pairwise(seen)} == {7.0}


def test_no_cycle_starts_in_the_reserve_before_the_functions_time_out() -> None:
    seen, _ = starts(pace=5.0, takes=0.1, lives=60.0)
    assert seen[-1] < 60.0 - RESERVE_SECONDS


def test_the_event_may_shorten_a_run() -> None:
    assert starts(pace=5.0, takes=0.1, lives=1_000.0, event={"run_seconds": 12.0})[1] == 3


@pytest.mark.parametrize("lives", [0.5, RESERVE_SECONDS])
def test_a_run_with_no_time_left_still_looks_once(lives: float) -> None:
    assert starts(pace=5.0, takes=0.1, lives=lives)[1] == 1
