"""The plan and the state machine generated from it (D1)."""

from __future__ import annotations

from typing import Any

import pytest

from recovery.plan import (
    OVERTAKEN,
    PLAN,
    POINT_OF_NO_RETURN,
    OnFailure,
    rto_budget_seconds,
    stages,
    state_machine_definition,
)

ARN = "arn:aws:lambda:ca-west-1:111111111111:function:recovery-step-dev"
MACHINE = state_machine_definition(ARN)
STATES: dict[str, Any] = MACHINE["States"]


def test_the_order_is_the_protocols() -> None:
    assert [[step.name for step in stage] for stage in stages()] == [
        ["acquire"],
        ["assess"],
        ["raise_capacity", "fence"],
        ["start_promotion"],
        ["await_database"],
        ["open_database"],
        ["resume_processing"],
        ["open_api"],
        ["verify"],
        ["shift_traffic"],
        ["record_evidence"],
    ]


def test_promotion_refused_nothing_cut() -> None:
    """Named scenario: up to the point of no return every step releases or degrades; after it none does."""
    for step in PLAN:
        if step.after_no_return:
            assert step.on_failure is OnFailure.PAGE_AND_REPEAT
        else:
            assert step.on_failure in (OnFailure.COMPENSATE, OnFailure.DEGRADE)
    assert not next(step for step in PLAN if step.name == POINT_OF_NO_RETURN).after_no_return


def test_the_budget_is_the_designs_and_within_five_minutes() -> None:
    assert rto_budget_seconds() == 275


def _successors(state: dict[str, Any]) -> set[str]:
    found = {state[key] for key in ("Next", "Default") if key in state}
    found |= {catch["Next"] for catch in state.get("Catch", [])}
    return found | {choice["Next"] for choice in state.get("Choices", [])}


def _walk(machine: dict[str, Any]) -> None:
    reached, todo = set(), [machine["StartAt"]]
    while todo:
        name = todo.pop()
        if name in reached:
            continue
        reached.add(name)
        state = machine["States"][name]
        todo.extend(_successors(state))
        for branch in state.get("Branches", []):
            _walk(branch)
    assert reached == set(machine["States"])


def test_every_state_is_reached_and_every_next_exists() -> None:
    _walk(MACHINE)


def test_every_task_is_bounded_and_ends_when_overtaken() -> None:
    tasks = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
    assert tasks
    for name, state in tasks.items():
        assert state["TimeoutSeconds"] > 0, name
        if "Retry" in state:
            assert state["Retry"][0] == {"ErrorEquals": [OVERTAKEN], "MaxAttempts": 0}, name


def test_no_failure_behind_the_point_of_no_return_leads_to_release() -> None:
    for step in PLAN:
        if step.after_no_return:
            assert "release" not in _successors(STATES[step.name]), step.name


def test_a_lost_reply_to_the_promotion_goes_forward() -> None:
    choice = STATES["was_released"]["Choices"][0]
    assert (choice["StringEquals"], choice["Next"]) == (
        "promotion-accepted-after-all",
        "await_database",
    )


@pytest.mark.parametrize("step", PLAN, ids=lambda step: step.name)
def test_one_attempt_fits_the_function(step: Any) -> None:
    assert 0 < step.timeout_seconds <= 60
    assert step.attempts >= 1
