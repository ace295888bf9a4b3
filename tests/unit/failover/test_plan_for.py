"""The plan of a region that lacks parts: no step for what is not there, and still a whole machine (D1)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from lifeline.lambdas.failover.further_steps import PlanStep, plan_with
from lifeline.lambdas.failover.plan import (
    PLAN,
    Part,
    Step,
    plan_for,
    rto_budget_seconds,
    state_machine_definition,
)
from tests.unit.failover.plan_walk import machines, successors

ARN = "arn:aws:lambda:ca-west-1:111111111111:function:failover-step-dev"
EVERY_CHOICE = [
    chosen for size in range(len(Part) + 1) for chosen in itertools.combinations(Part, size)
]
ALWAYS = (
    *("acquire", "assess", "fence", "start_promotion", "await_database"),
    *("open_database", "open_api", "shift_traffic", "record_evidence"),
)
"""What makes a database with an API active, wherever they come from."""


def called(definition: dict[str, Any]) -> list[str]:
    """The steps that the machine calls when everything goes well, whatever holds them."""
    found = []
    states, name = definition["States"], definition["StartAt"]
    while True:
        state = states[name]
        if state["Type"] == "Task":
            found.append(name)
        elif state["Type"] == "Parallel":
            found += [step for branch in state["Branches"] for step in called(branch)]
        if state.get("End") or state["Type"] == "Succeed":
            return found
        name = state["Next"]


def machine(plan: tuple[Step, ...]) -> dict[str, Any]:
    return state_machine_definition(ARN, plan)


def test_with_everything_it_is_the_plan() -> None:
    assert plan_for(tuple(Part)) == PLAN


def test_with_nothing_it_is_what_a_database_and_an_api_need() -> None:
    assert tuple(step.name for step in plan_for(())) == ALWAYS


@pytest.mark.parametrize("parts", EVERY_CHOICE, ids="+".join)
def test_every_choice_calls_its_steps_in_order_and_no_state_is_missing(
    parts: tuple[Part, ...],
) -> None:
    plan = plan_for(parts)
    made = machine(plan)
    assert called(made) == [step.name for step in plan]
    for states in machines(made):
        for state in states.values():
            assert set(successors(state)) <= set(states)
    assert rto_budget_seconds(plan) <= rto_budget_seconds(PLAN)


@pytest.mark.parametrize("stage", ["prepare", "await_stores"])
def test_a_further_step_stands_beside_a_stage_that_has_one_step_left(stage: str) -> None:
    step = PlanStep(
        name="search", description="…", function_arn="arn:search", beside=stage, budget_seconds=5,
        timeout_seconds=5,
    )  # fmt: skip
    made = machine(plan_with([step], plan_for(())))
    branches = made["States"][stage]["Branches"]
    assert [branch["StartAt"] for branch in branches][1] == "search"
