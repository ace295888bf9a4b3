"""The plan and the state machine generated from it (D1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lifeline.lambdas.failover.plan import (
    EVENT_LIMIT,
    HANDED_OVER,
    MAX_ROUNDS,
    OVERTAKEN,
    PLAN,
    POINT_OF_NO_RETURN,
    RELEASE_ATTEMPTS,
    REPEAT_PAUSE_SECONDS,
    OnFailure,
    rto_budget_seconds,
    stages,
    state_machine_definition,
)
from lifeline.lambdas.failover.plan_history import FIXED_STATES, fits_history, most_events
from lifeline.lambdas.failover_step.context import Aborted
from tests.unit.failover.plan_walk import WorstRun, machines, successors, walk

ARN = "arn:aws:lambda:ca-west-1:111111111111:function:failover-step-dev"
MACHINE = state_machine_definition(ARN)
STATES: dict[str, Any] = MACHINE["States"]
OTHER_STORES = ("cache", "files", "secrets")


def _states_of(step: str) -> dict[str, Any]:
    """The states of the machine or the branch that runs `step`."""
    return next(
        states for states in machines(MACHINE) if states.get(step, {}).get("Type") == "Task"
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


def test_every_state_is_reached_and_every_next_exists() -> None:
    walk(MACHINE)


def test_every_task_is_bounded_and_ends_when_overtaken() -> None:
    tasks = {
        name: state
        for states in machines(MACHINE)
        for name, state in states.items()
        if state["Type"] == "Task"
    }
    assert set(tasks) >= {step.name for step in PLAN}
    for name, state in tasks.items():
        assert state["TimeoutSeconds"] > 0, name
        if "Retry" in state:
            assert state["Retry"][0] == {"ErrorEquals": [OVERTAKEN], "MaxAttempts": 0}, name


def test_what_a_task_is_called_with_and_what_it_keeps_of_the_answer() -> None:
    """The names are Step Functions' and the handler's: a misspelt one is an error at the first failover."""
    assert STATES["acquire"] == {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "TimeoutSeconds": next(step.timeout_seconds for step in PLAN if step.name == "acquire"),
        "Parameters": {
            "FunctionName": ARN,
            "Payload": {
                "step": "acquire",
                "epoch.$": "$.epoch",
                "from_epoch.$": "$.from_epoch",
                "region.$": "$.region",
                "results.$": "$.results",
                "entered_at.$": "$$.State.EnteredTime",
                "execution.$": "$$.Execution.Id",
                "execution_started_at.$": "$$.Execution.StartTime",
            },
        },
        "ResultSelector": {
            name: f"$.Payload.{name.removesuffix('.$')}"
            for name in ("step.$", "outcome.$", "started_at.$", "ended_at.$", "detail.$")
        },
        "Retry": STATES["acquire"]["Retry"],
        "ResultPath": "$.results.acquire",
        "Next": "assess",
        "Catch": [
            {"ErrorEquals": [OVERTAKEN], "ResultPath": "$.failure", "Next": "overtaken"},
            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "release"},
        ],
    }


@pytest.mark.parametrize("step", PLAN)
def test_a_step_is_repeated_as_often_and_as_late_as_the_plan_says(step: Any) -> None:
    state = _states_of(step.name)[step.name]
    again = {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": step.pause_seconds,
        "BackoffRate": 1.0,
        "MaxAttempts": step.attempts - 1,
    }
    assert state["Retry"][-1] == (again if step.attempts > 1 else state["Retry"][0])
    assert state["TimeoutSeconds"] == step.timeout_seconds
    # In a branch the last state's output is the step's answer; else it is put beside the others.
    assert state.get("ResultPath", f"$.results.{step.name}") == f"$.results.{step.name}"
    assert {one["ResultPath"] for one in state["Catch"]} == {"$.failure"}
    assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


def test_between_a_failure_and_the_next_try_a_person_is_told_and_the_round_is_counted() -> None:
    states = _states_of("await_database")
    page = states["await_database_page"]
    assert page["Parameters"]["Payload"]["step"] == "page"
    assert page["Parameters"]["Payload"]["failed_step"] == "await_database"
    assert page["ResultPath"] == "$.results.page"
    assert page["Catch"] == [
        {
            "ErrorEquals": ["States.ALL"],
            "ResultPath": "$.failure",
            "Next": "await_database_pause",
        }
    ]
    assert states["await_database_count"] == {
        "Type": "Pass",
        "Parameters": {"n.$": "States.MathAdd($.rounds.await_database.n, 1)"},
        "ResultPath": "$.rounds.await_database",
        "Next": "await_database_again",
    }
    assert states["await_database_handed_over"]["Type"] == "Fail"
    assert states["await_database_handed_over"]["Error"] == HANDED_OVER
    overtaken = states["await_database_overtaken"]
    assert (overtaken["Type"], overtaken["Error"]) == ("Fail", OVERTAKEN)


def test_a_store_that_gives_up_says_so_in_the_evidence() -> None:
    assert _states_of("cache")["cache_degraded"] == {
        "Type": "Pass",
        "Parameters": {
            "step": "cache",
            "outcome": "degraded",
            "started_at.$": "$$.State.EnteredTime",
            "ended_at.$": "$$.State.EnteredTime",
            "detail": "did not succeed within its attempts; the plan went on without it",
        },
        "End": True,
    }


def caught(state: dict[str, Any], error: str) -> str:
    """Where a task that keeps failing with `error` leads."""
    return next(
        str(catch["Next"])
        for catch in state["Catch"]
        if {error, "States.ALL"} & set(catch["ErrorEquals"])
    )


def test_an_abort_leads_to_the_release() -> None:
    """A17: from the start of a run at once; from `start_promotion` after its longest life."""
    assert caught(STATES["acquire"], Aborted.__name__) == "release"
    assert caught(STATES["start_promotion"], Aborted.__name__) == "settle"
    assert STATES["settle"]["Next"] == "release"


def test_the_first_step_waits_for_a_function_that_lambda_put_to_sleep() -> None:
    """N14: an idle function is Inactive, then Pending for a minute or two; its invocations are refused, and
    nothing of it runs. The lease is not released for that, and no step behind the first can meet it."""
    overtaken, asleep, failed = STATES["acquire"]["Retry"]
    assert overtaken == {"ErrorEquals": [OVERTAKEN], "MaxAttempts": 0}
    assert set(asleep["ErrorEquals"]) == {
        "Lambda.ENINotReadyException",
        "Lambda.ResourceConflictException",
        "Lambda.ResourceNotReadyException",
    }
    assert asleep["BackoffRate"] == 1.0
    assert asleep["IntervalSeconds"] * asleep["MaxAttempts"] >= 120
    assert failed["ErrorEquals"] == ["States.ALL"]
    for name, state in STATES.items():
        if name != "acquire" and state["Type"] == "Task":
            assert len(state.get("Retry", [])) <= 2, name


def test_no_failure_behind_the_point_of_no_return_leads_to_release() -> None:
    for step in PLAN:
        if step.after_no_return:
            assert "release" not in successors(_states_of(step.name)[step.name]), step.name


def test_nothing_is_released_while_a_promotion_may_still_be_asked_for() -> None:
    """A17: the function of an attempt that was given up lives on; the release waits for its longest life."""
    assert successors(STATES[POINT_OF_NO_RETURN]) == {"await_stores", "settle", "overtaken"}
    assert STATES["settle"]["Next"] == "release"
    assert STATES["settle"]["Seconds"] >= max(step.timeout_seconds for step in PLAN) + 5


def _repeated(states: dict[str, Any]) -> list[str]:
    return [name.removesuffix("_again") for name in states if name.endswith("_again")]


def _turns_without(states: dict[str, Any], left_out: set[str]) -> bool:
    """Whether the states' graph has a cycle that avoids `left_out`."""
    left = {
        name: {one for one in successors(state) if one not in left_out}
        for name, state in states.items()
        if name not in left_out
    }
    while left:
        ends = [name for name, following in left.items() if not following]
        if not ends:
            return True
        for name in ends:
            del left[name]
        for following in left.values():
            following.difference_update(ends)
    return False


def test_every_loop_counts_its_rounds_and_ends() -> None:
    """A17: no cycle of states avoids a count, and at the bound each count leads to the hand-over."""
    rounds = STATES["begin_rounds"]["Result"]
    seen = []
    for states in machines(MACHINE):
        counted = _repeated(states)
        # The promotion that was accepted after all leads forward from `release`, which is counted.
        assert not _turns_without(states, {f"{name}_again" for name in counted})
        for name in counted:
            (choice,) = states[f"{name}_again"]["Choices"]
            assert choice["Variable"] == f"$.rounds.{name}.n"
            assert choice["NumericGreaterThanEquals"] == MAX_ROUNDS
            assert states[choice["Next"]]["Type"] == "Fail"
            assert states[choice["Next"]]["Error"] == HANDED_OVER
            assert states[f"{name}_count"]["ResultPath"] == f"$.rounds.{name}"
            assert rounds[name] == {"n": 0}
        seen += counted
    assert sorted(seen) == sorted(rounds)
    repeated = [step.name for step in PLAN if step.on_failure is OnFailure.PAGE_AND_REPEAT]
    assert sorted(seen) == sorted([*repeated, "release"])


def test_a_run_ends_before_the_services_event_limit() -> None:
    """A17: even if every loop used all its rounds and every other state were visited once."""
    assert MAX_ROUNDS >= 10, "a hand-over costs a back-off"
    assert fits_history(PLAN)
    assert most_events() * 2 > EVENT_LIMIT, "the count sees the loops"


def test_the_count_of_events_is_what_the_longest_run_writes() -> None:
    """Never less; more only by the ends that one run has not all, and by a last round's page."""
    run = WorstRun()
    assert run.go(MACHINE) == "recovered"
    spare = 12 * len(run.rounds) + 2 * FIXED_STATES
    assert run.events <= most_events() <= run.events + spare


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
    assert database["await_database_again"]["Default"] == "await_database"
    assert "await_database_page" in successors(database["await_database"])
    for store in OTHER_STORES:
        assert successors(branches[store][store]) == {f"{store}_degraded"}
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


FIELDS = {
    "Pass": {"Result", "Parameters", "ResultPath", "Next", "End"},
    "Task": {
        *("Resource", "TimeoutSeconds", "Parameters", "ResultSelector", "ResultPath"),
        *("Retry", "Catch", "Next", "End"),
    },
    "Wait": {"Seconds", "Next"},
    "Choice": {"Choices", "Default"},
    "Parallel": {"Branches", "ResultPath", "Catch", "Next"},
    "Fail": {"Error", "Cause"},
    "Succeed": set[str](),
}
"""What a state of each type may say here, as Amazon States Language names it."""
RETRY = {"ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxAttempts"}


def test_every_field_is_one_of_the_languages() -> None:
    """The service refuses another when the stack is deployed; some it does not know it passes over."""
    assert set(MACHINE) == {"Comment", "StartAt", "States"}
    for states in machines(MACHINE):
        for name, state in states.items():
            kind = state["Type"]
            assert set(state) - {"Type"} <= FIELDS[kind], name
            if kind in ("Pass", "Task", "Wait", "Parallel"):
                assert isinstance(state.get("Next"), str) != (state.get("End") is True), name
            if kind == "Fail":
                assert all((state["Error"], state["Cause"])), name
            for branch in state.get("Branches", []):
                assert set(branch) == {"StartAt", "States"}, name
            for catch in state.get("Catch", []):
                assert set(catch) == {"ErrorEquals", "ResultPath", "Next"}, name
                assert catch["ResultPath"] == "$.failure", name
            for again in state.get("Retry", []):
                assert {"ErrorEquals", "MaxAttempts"} <= set(again) <= RETRY, name
            for choice in state.get("Choices", []):
                assert set(choice) > {"Variable", "Next"}, name


def test_a_task_whose_lease_moved_ends_the_run_before_anything_else_is_tried() -> None:
    for states in machines(MACHINE):
        for step in PLAN:
            if step.name in states and states[step.name]["Type"] == "Task":
                first = states[step.name]["Catch"][0]
                alone = step.name in STATES
                degrades_beside = not alone and step.on_failure is OnFailure.DEGRADE
                if not degrades_beside:
                    assert first["ErrorEquals"] == [OVERTAKEN], step.name
                    expected = "overtaken" if alone else f"{step.name}_overtaken"
                    assert first["Next"] == expected


def test_a_run_begins_with_no_result_and_no_round() -> None:
    assert MACHINE["StartAt"] == "begin"
    assert STATES["begin"] == {
        "Type": "Pass",
        "Result": {},
        "ResultPath": "$.results",
        "Next": "begin_rounds",
    }
    assert STATES["begin_rounds"]["ResultPath"] == "$.rounds"
    assert STATES["begin_rounds"]["Next"] == "acquire"


def test_each_end_says_what_became_of_the_run() -> None:
    ends = {name: state.get("Error") for name, state in STATES.items() if not successors(state)}
    assert ends == {
        "released": "Released",
        "overtaken": "Overtaken",
        "handed_over": HANDED_OVER,
        "recovered": None,
    }
    assert STATES["record_evidence"]["Next"] == "recovered"


def test_the_release_is_tried_again_then_told_and_then_tried_again() -> None:
    """The lease is still this region's until it is written."""
    release = STATES["release"]
    assert release["TimeoutSeconds"] == 15
    assert release["ResultPath"] == "$.results.release"
    assert release["Parameters"]["Payload"]["step"] == "release"
    assert release["Retry"][1] == {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 3,
        "BackoffRate": 1.0,
        "MaxAttempts": RELEASE_ATTEMPTS - 1,
    }
    assert [(one["ErrorEquals"], one["Next"]) for one in release["Catch"]] == [
        ([OVERTAKEN], "overtaken"),
        (["States.ALL"], "release_page"),
    ]
    assert release["Next"] == "was_released"
    assert STATES["was_released"]["Choices"][0]["Variable"] == "$.results.release.outcome"
    assert STATES["was_released"]["Default"] == "released"
    assert STATES["release_again"]["Default"] == "release"


@pytest.mark.parametrize("name", ["release", "verify", "await_database"])
def test_a_page_takes_ten_seconds_and_a_round_a_pause(name: str) -> None:
    states = STATES if name == "release" else _states_of(name)
    page = states[f"{name}_page"]
    assert (page["TimeoutSeconds"], page["Next"]) == (10, f"{name}_pause")
    assert states[f"{name}_pause"] == {
        "Type": "Wait",
        "Seconds": REPEAT_PAUSE_SECONDS,
        "Next": f"{name}_count",
    }


def test_stages_of_several_steps_keep_their_answers_side_by_side() -> None:
    for stage, following in (
        ("prepare", "start_promotion"),
        ("await_stores", "open_database"),
    ):
        found = next(
            one for one in STATES.values() if one.get("ResultPath") == f"$.results.{stage}"
        )
        assert (found["Type"], found["Next"]) == ("Parallel", following)


def test_the_tasks_are_called_in_the_partition_of_their_region() -> None:
    china = state_machine_definition(ARN, partition="aws-cn")
    called = {
        state["Resource"]
        for states in machines(china)
        for state in states.values()
        if state["Type"] == "Task"
    }
    assert called == {"arn:aws-cn:states:::lambda:invoke"}


def test_a_step_beside_others_must_not_compensate() -> None:
    """A failed branch ends the whole stage."""
    wrong = [
        replace(step, on_failure=OnFailure.COMPENSATE) if step.name == "cache" else step
        for step in PLAN
    ]
    with pytest.raises(ValueError, match="must not compensate"):
        state_machine_definition(ARN, wrong)
