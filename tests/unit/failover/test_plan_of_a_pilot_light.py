"""Where services rest, the plan waits for their tasks before it opens, and says the longer time (D1)."""

from __future__ import annotations

from lifeline.lambdas.failover.further_steps import plan_with
from lifeline.lambdas.failover.plan import (
    EVERY_STEP,
    PLAN,
    Part,
    plan_for,
    rto_budget_seconds,
    stages,
    state_machine_definition,
)
from tests.unit.failover.plan_walk import machines, successors

COLD = plan_for(tuple(Part), services_rest=True)


def test_it_is_the_usual_plan_and_one_step() -> None:
    assert COLD == EVERY_STEP
    assert [one for one in COLD if one not in PLAN] == [
        one for one in COLD if one.name == "await_capacity"
    ]


def test_capacity_is_raised_before_and_awaited_before_anything_opens() -> None:
    order = [{step.name for step in stage} for stage in stages(COLD)]
    (raised,) = [n for n, names in enumerate(order) if "raise_capacity" in names]
    (awaited,) = [n for n, names in enumerate(order) if "await_capacity" in names]
    (opened,) = [n for n, names in enumerate(order) if "open_database" in names]
    assert raised < awaited < opened


def test_the_budget_says_the_longer_time() -> None:
    """It waits beside the database: the longest of the stage counts."""
    assert rto_budget_seconds(COLD) == rto_budget_seconds(PLAN) - 120 + 180 == 335


def test_all_its_attempts_take_what_its_budget_says() -> None:
    """12 s of looking an attempt, a second between two, as it degrades after the last."""
    (step,) = [one for one in COLD if one.name == "await_capacity"]
    assert step.budget_seconds <= step.attempts * (12 + step.pause_seconds) <= 190
    assert step.after_no_return


def test_the_machine_is_whole() -> None:
    made = state_machine_definition("arn:aws:lambda:ca-west-1:1:function:a", plan_with((), COLD))
    for states in machines(made):
        for state in states.values():
            assert set(successors(state)) <= set(states)


def test_a_region_without_services_waits_for_none() -> None:
    assert plan_for((), services_rest=True) == plan_for(())
