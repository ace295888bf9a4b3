"""Loops inside one invocation: start cycles at a steady pace, stop before the time is up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock

RUN_SECONDS = 175.0
"""Each run lives nearly three minutes and a new one starts every minute, so runs overlap (A7)."""
RESERVE_SECONDS = 4.0


def run_until_deadline(
    cycle: Callable[[], Any],
    pace_seconds: float,
    context: Any,
    event: Mapping[str, Any],
    clock: Clock = SYSTEM_CLOCK,
) -> int:
    """Call `cycle` every `pace_seconds` (start to start) and answer how often.

    Ends after `RUN_SECONDS`, or `run_seconds` in the event, or shortly before the function's own
    time-out, whichever is first. A cycle that takes longer than the pace delays the next, never
    doubles it.
    """
    started = clock.monotonic()
    allowed = min(
        float(event.get("run_seconds", RUN_SECONDS)),
        context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS,
    )
    cycles = 0
    while True:
        begun = clock.monotonic()
        cycle()
        cycles += 1
        next_start = begun + pace_seconds
        if next_start - started >= allowed:
            return cycles
        clock.sleep(next_start - clock.monotonic())
