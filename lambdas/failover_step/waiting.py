"""How a step waits: it looks until nothing is missing, for one attempt's time."""

from __future__ import annotations

from collections.abc import Callable

from lifeline.lambdas.failover_step.context import NotReady, StepContext

POLL_SECONDS = 0.5
POLL_BUDGET_SECONDS = 12.0


def wait(
    context: StepContext,
    look: Callable[[], str],
    done: str,
    *,
    every_seconds: float = POLL_SECONDS,
) -> str:
    """Look until it says nothing more is missing; answers `done`. Raises NotReady with what is missing."""
    clock = context.clock
    deadline = clock.monotonic() + POLL_BUDGET_SECONDS
    while True:
        try:
            said = look()
        except Exception as error:
            said = f"cannot tell yet: {error!r}"
        if not said:
            return done
        if clock.monotonic() >= deadline:
            raise NotReady(said)
        clock.sleep(every_seconds)
