"""Further steps of the failover plan, of the user's own: for a store that Lifeline does not know.

A further step obeys the plan's rules (D1): nothing stands between the accepted promotion and the wait for the
database, nothing behind the point of no return releases the lease, nothing beside others compensates, and
nothing follows the record that the run completed (A17). A run ends itself below the service's limit of
events (A17), and what may degrade or compensate ends within its budget. What breaks one is refused with a
sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lifeline.lambdas.failover.plan import (
    CALL_ENDS_BEFORE_SECONDS,
    EVENT_LIMIT,
    PLAN,
    POINT_OF_NO_RETURN,
    OnFailure,
    Step,
    stages,
)
from lifeline.lambdas.failover.plan_history import fits_history, most_events

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
STATES_OF_THE_PLAN = frozenset(
    {
        *("begin", "begin_rounds", "release", "settle", "was_released", "released"),
        *("overtaken", "handed_over", "recovered", "page", "report", "watermark", "holes", "call"),
        *("rest", "await_capacity"),
    }
)
"""States, and steps outside the table, that the plan has whatever its steps are."""
ENDS_OF_STATES = (
    *("_page", "_pause", "_count", "_again", "_degraded", "_overtaken", "_handed_over"),
)
"""The plan makes a state of each step's name with one of these behind it."""
LONGEST_TIMEOUT_SECONDS = max(step.timeout_seconds for step in PLAN)
"""A call that was given up may act no later than one of the plan's own (A17)."""
LEAST_TIMEOUT_SECONDS = CALL_ENDS_BEFORE_SECONDS + 1
MOST_FURTHER_STEPS = 20
"""Their answers go through every state behind them; all together stay well below 256 KiB."""
MOST_ATTEMPTS = 30
LONGEST_PAUSE_SECONDS = 60


class PlanError(ValueError):
    """A further step that the plan cannot have; the message is one sentence."""


@dataclass(frozen=True, kw_only=True)
class PlanStep:
    """One further step: its function, where it stands, and what its failure means.

    It stands either `beside` the steps of a stage, at the same time (`prepare` before the point of no return,
    `await_stores` behind it), or `after` a stage or another further step, alone. The failover-step
    function calls this one with the payload that every step gets (`step, epoch, from_epoch, region, results,
    …`) and waits two seconds less than `timeout_seconds`. It fails by raising; the first 1,024 bytes of what
    it returns stand in the evidence as text. It must look before it acts: it may be called any number of
    times. Give the function no longer to live than `timeout_seconds`: one that was given up must not act
    after the next run began. `budget_seconds` is its share of the RTO.
    """

    name: str
    description: str
    function_arn: str
    beside: str = ""
    after: str = ""
    budget_seconds: int
    timeout_seconds: int = 15
    attempts: int = 2
    pause_seconds: int = 1
    on_failure: OnFailure = OnFailure.DEGRADE

    @property
    def longest_seconds(self) -> int:
        """All attempts and the pauses between them."""
        return self.attempts * self.timeout_seconds + (self.attempts - 1) * self.pause_seconds


def plan_with(further: Sequence[PlanStep], plan: Sequence[Step] = PLAN) -> tuple[Step, ...]:
    """The plan with the further steps in it, in the order they were given. Raises PlanError."""
    if len(further) > MOST_FURTHER_STEPS:
        raise PlanError(
            f"The plan has {len(further)} further steps; allowed are {MOST_FURTHER_STEPS}."
        )
    order = [list(stage) for stage in stages(plan)]
    last_after: dict[str, str] = {}
    for one in further:
        _check_name(one, order)
        _check_numbers(one)
        _check_place(one, order)
        if one.beside:
            number = _number_of(one.beside, order)
            order[number].append(_step(one, one.beside))
        else:
            # A second step after the same stage follows the first one.
            number = _number_of(last_after.get(one.after, one.after), order) + 1
            order.insert(number, [_step(one, one.name)])
            last_after[one.after] = one.name
        _check_failure(one, number, order)
        _check_length(one, order[number])
    made = tuple(step for stage in order for step in stage)
    _check_history(made)
    return made


def _step(one: PlanStep, stage: str) -> Step:
    return Step(
        name=one.name,
        stage=stage,
        description=one.description,
        budget_seconds=one.budget_seconds,
        timeout_seconds=one.timeout_seconds,
        attempts=one.attempts,
        pause_seconds=one.pause_seconds,
        on_failure=one.on_failure,
        function_arn=one.function_arn,
    )


def _number_of(stage: str, order: Sequence[Sequence[Step]]) -> int:
    return next(number for number, steps in enumerate(order) if steps[0].stage == stage)


def _check_name(one: PlanStep, order: Sequence[Sequence[Step]]) -> None:
    if not NAME.fullmatch(one.name):
        raise PlanError(
            f"Bad name {one.name!r} of a step; allowed are a lower-case letter and at most 39 lower-case "
            "letters, digits or '_'."
        )
    taken = {step.name for stage in order for step in stage} | {stage[0].stage for stage in order}
    if one.name in taken | STATES_OF_THE_PLAN:
        raise PlanError(
            f"The plan has a step, a stage or a state {one.name!r} already; allowed is a new name."
        )
    if one.name.endswith(ENDS_OF_STATES):
        raise PlanError(
            f"The step {one.name!r} ends like a state that the plan makes; allowed are names without "
            f"{', '.join(ENDS_OF_STATES)} at their end."
        )
    if not one.function_arn:
        raise PlanError(f"The step {one.name!r} names no function; needed is the ARN of one.")


def _check_numbers(one: PlanStep) -> None:
    for what, value, least, most in (
        ("a time-out", one.timeout_seconds, LEAST_TIMEOUT_SECONDS, LONGEST_TIMEOUT_SECONDS),
        ("attempts", one.attempts, 1, MOST_ATTEMPTS),
        ("a pause", one.pause_seconds, 1, LONGEST_PAUSE_SECONDS),
        ("a budget", one.budget_seconds, 0, 3600),
    ):
        if not least <= value <= most:
            raise PlanError(
                f"The step {one.name!r} has {what} of {value}; allowed are {least} to {most}."
            )


def _check_place(one: PlanStep, order: Sequence[Sequence[Step]]) -> None:
    if bool(one.beside) == bool(one.after):
        raise PlanError(
            f"The step {one.name!r} stands beside {one.beside!r} and after {one.after!r}; allowed is "
            "one of the two."
        )
    if one.beside:
        shared = [stage[0].stage for stage in stages() if len(stage) > 1]
        if one.beside not in shared:
            raise PlanError(
                f"The step {one.name!r} cannot stand beside {one.beside!r}; allowed are the stages "
                f"{' and '.join(shared)}."
            )
        return
    known = [stage[0].stage for stage in order]
    if one.after == POINT_OF_NO_RETURN:
        raise PlanError(
            f"The step {one.name!r} would stand between the accepted promotion and the wait for the "
            f"database; allowed is beside {known[known.index(one.after) + 1]!r}."
        )
    if one.after not in known[:-1]:
        raise PlanError(
            f"The step {one.name!r} cannot stand after {one.after!r}; allowed are the stages "
            f"{', '.join(name for name in known[:-1] if name != POINT_OF_NO_RETURN)}."
        )


def _check_failure(one: PlanStep, number: int, order: Sequence[Sequence[Step]]) -> None:
    behind = number > _number_of(POINT_OF_NO_RETURN, order)
    allowed = [OnFailure.DEGRADE]
    if behind:
        allowed.append(OnFailure.PAGE_AND_REPEAT)
    elif one.after:
        allowed.append(OnFailure.COMPENSATE)
    if one.on_failure not in allowed:
        side = "behind" if behind else "before"
        raise PlanError(
            f"The step {one.name!r} stands {side} the point of no return"
            f"{', beside others' if one.beside else ''}, and its failure cannot mean "
            f"{one.on_failure}; allowed is {' or '.join(allowed)}."
        )


def _check_length(one: PlanStep, stage: Sequence[Step]) -> None:
    """What is not repeated until it succeeds must end in the time that the RTO counts for it."""
    if one.on_failure is OnFailure.PAGE_AND_REPEAT:
        return
    if one.after and one.longest_seconds > one.budget_seconds:
        raise PlanError(
            f"The step {one.name!r} may take {one.longest_seconds} s with all its attempts, above its "
            f"budget of {one.budget_seconds} s; allowed is at most its budget."
        )
    longest = max((step.budget_seconds for step in stage if step.name != one.name), default=0)
    if one.beside and one.longest_seconds > longest:
        raise PlanError(
            f"The step {one.name!r} may hold up {one.beside!r} for {one.longest_seconds} s with all "
            f"its attempts; allowed are {longest} s."
        )


def _check_history(plan: Sequence[Step]) -> None:
    if not fits_history(plan):
        raise PlanError(
            f"The plan with these steps may write {most_events(plan):,} events into the history of one run, "
            f"when each uses all its attempts and rounds; allowed are fewer than {EVENT_LIMIT:,}."
        )
