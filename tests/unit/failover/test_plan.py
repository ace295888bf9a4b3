"""The plan and the state machine generated from it (D1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lifeline.lambdas.failover.plan import (
    OVERTAKEN,
    PLAN,
    POINT_OF_NO_RETURN,
    OnFailure,
    rto_budget_seconds,
    stages,
    state_machine_definition,
)

ARN = "arn:aws:lambda:ca-west-1:111111111111:function:failover-step-dev"
MACHINE = state_machine_definition(ARN)
STATES: dict[str, Any] = MACHINE["States"]
OTHER_STORES = ("cache", "files", "secrets")


def _machines(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The states of the machine and of every branch in it."""
    yield machine["States"]
    for state in machine["States"].values():
        for branch in state.get("Branches", []):
            yield from _machines(branch)


def _states_of(step: str) -> dict[str, Any]:
    """The states of the machine or the branch that runs `step`."""
    return next(
        states for states in _machines(MACHINE) if states.get(step, {}).get("Type") == "Task"
    )


def test_the_order_is_the_protocols() -> None:
    assert [[step.name for step in stage] for stage in stages()] == [
        ["acquire"],
        ["assess"],
        ["raise_capacity", "fence"],
        ["start_promotion"],
        ["await_database", "cache", "files", "secrets"],
        ["open_database"],
        ["resume_processing"],
        ["open_api"],
        ["verify"],
        ["shift_traffic"],
        ["record_evidence"],
    ]


def test_promotion_refused_nothing_cut() -> None:
    """Named scenario: up to the point of no return every step releases or degrades; after it only the
    stores that recovery does not wait for may degrade, and nothing releases."""
    for step in PLAN:
        if step.name in OTHER_STORES:
            assert step.on_failure is OnFailure.DEGRADE
        elif step.after_no_return:
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
    tasks = {
        name: state
        for states in _machines(MACHINE)
        for name, state in states.items()
        if state["Type"] == "Task"
    }
    assert set(tasks) >= {step.name for step in PLAN}
    for name, state in tasks.items():
        assert state["TimeoutSeconds"] > 0, name
        if "Retry" in state:
            assert state["Retry"][0] == {"ErrorEquals": [OVERTAKEN], "MaxAttempts": 0}, name


def test_no_failure_behind_the_point_of_no_return_leads_to_release() -> None:
    for step in PLAN:
        if step.after_no_return:
            assert "release" not in _successors(_states_of(step.name)[step.name]), step.name


def test_a_lost_reply_to_the_promotion_goes_forward() -> None:
    choice = STATES["was_released"]["Choices"][0]
    assert (choice["StringEquals"], choice["Next"]) == (
        "promotion-accepted-after-all",
        "await_stores",
    )


def test_the_database_goes_on_trying_beside_stores_that_give_up() -> None:
    stage = STATES["await_stores"]
    branches = {branch["StartAt"]: branch["States"] for branch in stage["Branches"]}
    assert tuple(branches) == ("await_database", *OTHER_STORES)
    database = branches["await_database"]
    assert database["await_database_pause"]["Next"] == "await_database"
    assert "await_database_page" in _successors(database["await_database"])
    for store in OTHER_STORES:
        assert _successors(branches[store][store]) == {f"{store}_degraded"}
        assert branches[store][f"{store}_degraded"]["Parameters"]["outcome"] == "degraded"


def test_a_branch_that_is_overtaken_ends_the_run() -> None:
    database = STATES["await_stores"]["Branches"][0]["States"]
    assert database["await_database"]["Catch"][0]["Next"] == "await_database_overtaken"
    assert database["await_database_overtaken"]["Error"] == OVERTAKEN
    assert STATES["await_stores"]["Catch"] == [
        {"ErrorEquals": [OVERTAKEN], "ResultPath": "$.failure", "Next": "overtaken"}
    ]


def test_no_other_store_can_hold_up_the_database() -> None:
    """All its attempts and pauses together are within the database's share of the budget."""
    database = next(step for step in PLAN if step.name == "await_database")
    for step in PLAN:
        if step.name in OTHER_STORES:
            longest = step.attempts * (step.timeout_seconds + step.pause_seconds)
            assert longest < database.budget_seconds, step.name
            assert step.budget_seconds <= database.budget_seconds, step.name


@pytest.mark.parametrize("step", PLAN, ids=lambda step: step.name)
def test_one_attempt_fits_the_function(step: Any) -> None:
    assert 0 < step.timeout_seconds <= 60
    assert step.attempts >= 1
