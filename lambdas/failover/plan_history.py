"""How many events one run of the plan may write into its execution's history (A17): from the table alone.

The service ends an execution whose history would pass `EVENT_LIMIT`. The run of a plan that stays below it
ends itself first, and the keeper starts the next.
"""

from __future__ import annotations

from collections.abc import Sequence

from lifeline.lambdas.failover.plan import (
    ASLEEP_ATTEMPTS,
    EVENT_LIMIT,
    MAX_ROUNDS,
    PLAN,
    RELEASE_ATTEMPTS,
    OnFailure,
    Step,
    is_parallel,
    stages,
)

STATE_EVENTS = 2
"""Entered and exited; of a state that ends the run: entered, and the execution's own end."""
ATTEMPT_EVENTS = 4
"""Scheduled, started, submitted, and how it ended."""
PARALLEL_EVENTS = 4
"""Entered, started, succeeded or failed, exited."""
START_EVENTS = 1
FIXED_STATES = 8
"""`begin`, `begin_rounds`, `settle`, `was_released` and the four ends."""
ENDS_OF_A_BRANCH = 2
"""`…_overtaken` and `…_handed_over` of a step that is repeated beside others."""


def most_events(plan: Sequence[Step] = PLAN) -> int:
    """The most events of one run: each step uses all its attempts, each repeated one all its rounds.

    A visit of a task is `2 + 4 × attempts`; a round adds its page (one attempt), its pause, its count and
    its choice: 12. So a repeated step is `30 × (14 + 4 × attempts)`; another one is `2 + 4 × attempts`, and
    2 more if it degrades. The step `release` is repeated, too. The first task waits for its function, too.
    """
    total = START_EVENTS + FIXED_STATES * STATE_EVENTS + _rounds(RELEASE_ATTEMPTS)
    total += ATTEMPT_EVENTS * ASLEEP_ATTEMPTS
    for stage in stages(plan):
        beside = is_parallel(stage)
        total += PARALLEL_EVENTS if beside else 0
        total += sum(_of_step(step, beside=beside) for step in stage)
    return total


def fits_history(plan: Sequence[Step]) -> bool:
    """Whether every run of the plan ends itself before the service does."""
    return most_events(plan) < EVENT_LIMIT


def _of_step(step: Step, *, beside: bool) -> int:
    if step.on_failure is OnFailure.PAGE_AND_REPEAT:
        return _rounds(step.attempts) + (ENDS_OF_A_BRANCH * STATE_EVENTS if beside else 0)
    degraded = STATE_EVENTS if step.on_failure is OnFailure.DEGRADE else 0
    return _task(step.attempts) + degraded


def _task(attempts: int) -> int:
    return STATE_EVENTS + ATTEMPT_EVENTS * attempts


def _rounds(attempts: int) -> int:
    return MAX_ROUNDS * (_task(attempts) + _task(1) + 3 * STATE_EVENTS)
