"""The recovery plan: one table, from which the state machine, the runbook and the budget come (D1).

The plan makes *its own* region active. Every step is idempotent and is one call of the failover-step
function. Before the point of no return a step that fails compensates by releasing the lease; after it,
it is repeated (paging each time) or, where the table says so, degraded: the plan never flips back by
itself. Stopped after any step and run again, it ends the same: each step looks before it acts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class OnFailure(StrEnum):
    """What happens when a step's retries are used up."""

    COMPENSATE = "compensate"
    """Release the lease and end: nothing irrevocable has happened yet."""
    DEGRADE = "degrade"
    """Say so in the evidence and go on: the step must not block recovery."""
    PAGE_AND_REPEAT = "page-and-repeat"
    """A person is told and the step is tried again, for as long as it takes."""


@dataclass(frozen=True)
class Step:
    """One row of the plan.

    `budget_seconds` is the step's share of the RTO; `timeout_seconds` bounds one attempt; `attempts`
    counts them, `pause_seconds` lies between two. Steps of one `stage` run at the same time.
    """

    name: str
    stage: str
    description: str
    budget_seconds: int
    timeout_seconds: int
    attempts: int
    pause_seconds: int
    on_failure: OnFailure
    function_arn: str = ""
    """Of a step of the user's own: the function that it calls. Empty: the failover-step function."""

    @property
    def after_no_return(self) -> bool:
        """Whether the step lies behind the point of no return."""
        names = [step.name for step in PLAN]
        return names.index(self.name) > names.index(POINT_OF_NO_RETURN)


POINT_OF_NO_RETURN = "start_promotion"
"""Once the promotion is accepted by the database service, the plan only goes forward."""

DETECT_BUDGET_SECONDS = 35
DECIDE_BUDGET_SECONDS = 5
REPEAT_PAUSE_SECONDS = 10
BUDGET_METADATA = "LifelineRtoBudgetSeconds"
"""Key in the state machine's metadata: what an unplanned failover by its plan may take."""

PLAN: tuple[Step, ...] = (
    Step(
        "acquire",
        "acquire",
        "Read the lease again: holder is this region at this epoch.",
        0,
        10,
        3,
        1,
        OnFailure.COMPENSATE,
    ),
    Step(
        "assess",
        "assess",
        "Read the replica and the watermark; freeze what the evidence says of the loss.",
        0,
        10,
        3,
        1,
        OnFailure.COMPENSATE,
    ),
    Step(
        "raise_capacity",
        "prepare",
        "Raise the processor tasks to what an active region needs.",
        15,
        10,
        3,
        1,
        OnFailure.DEGRADE,
    ),
    Step(
        "fence",
        "prepare",
        "Write the new epoch into the old database if it can be reached; A1 fences in any case.",
        15,
        10,
        1,
        1,
        OnFailure.DEGRADE,
    ),
    Step(
        "start_promotion",
        "start_promotion",
        "Ask the database service to make this region's cluster the writer.",
        0,
        15,
        4,
        2,
        OnFailure.COMPENSATE,
    ),
    Step(
        "await_database",
        "await_stores",
        "Wait until this region's cluster is the writer and its server takes writes.",
        120,
        20,
        30,
        1,
        OnFailure.PAGE_AND_REPEAT,
    ),
    Step(
        "cache",
        "await_stores",
        "Ask for the primary of the global cache, or take this region's cache out of it.",
        30,
        15,
        2,
        1,
        OnFailure.DEGRADE,
    ),
    Step(
        "files",
        "await_stores",
        "Close the gate to replication, then make this region's shared files writable.",
        30,
        15,
        2,
        1,
        OnFailure.DEGRADE,
    ),
    Step(
        "secrets",
        "await_stores",
        "Make this region's replica of the administrator's secret a secret of its own.",
        30,
        15,
        2,
        1,
        OnFailure.DEGRADE,
    ),
    Step(
        "open_database",
        "open_database",
        "Write the new epoch and holder under the exclusive lock, after every applier left.",
        5,
        15,
        10,
        1,
        OnFailure.PAGE_AND_REPEAT,
    ),
    Step(
        "resume_processing",
        "resume_processing",
        "Wait for a processor's heartbeat at this epoch.",
        20,
        20,
        20,
        1,
        OnFailure.PAGE_AND_REPEAT,
    ),
    Step(
        "open_api",
        "open_api",
        "Wait until this region's own API says that it serves at this epoch.",
        5,
        15,
        20,
        1,
        OnFailure.PAGE_AND_REPEAT,
    ),
    Step(
        "verify",
        "verify",
        "Send a synthetic patient's event to the regional host and read it back (D2).",
        10,
        20,
        10,
        1,
        OnFailure.PAGE_AND_REPEAT,
    ),
    Step(
        "shift_traffic",
        "shift_traffic",
        "Turn this region's traffic switch on: health state, never a record edit.",
        60,
        10,
        20,
        1,
        OnFailure.PAGE_AND_REPEAT,
    ),
    Step(
        "record_evidence",
        "record_evidence",
        "Write the run's timeline into this region's evidence bucket.",
        0,
        20,
        10,
        2,
        OnFailure.PAGE_AND_REPEAT,
    ),
)


def stages(plan: Sequence[Step] = PLAN) -> tuple[tuple[Step, ...], ...]:
    """The plan's stages in order; the steps of one stage run at the same time."""
    found: list[list[Step]] = []
    for step in plan:
        if found and found[-1][0].stage == step.stage:
            found[-1].append(step)
        else:
            found.append([step])
    return tuple(tuple(stage) for stage in found)


def _stage_after(name: str, order: Sequence[Sequence[Step]]) -> str:
    number = next(n for n, stage in enumerate(order) if name in [step.name for step in stage])
    return order[number + 1][0].stage


def rto_budget_seconds(plan: Sequence[Step] = PLAN) -> int:
    """Detection, decision and the longest step of every stage: what an unplanned failover may take."""
    return (
        DETECT_BUDGET_SECONDS
        + DECIDE_BUDGET_SECONDS
        + sum(max(step.budget_seconds for step in stage) for stage in stages(plan))
    )


OVERTAKEN = "NotMine"
"""The error of a step that finds the lease elsewhere: this run ends, whoever holds it goes on."""

DEGRADED = "degraded"
"""The outcome of a step that says at once, with the reason, that the plan must go on without it."""

PROMOTION_ACCEPTED = "promotion-accepted-after-all"
"""What `release` answers when it finds the promotion under way: the plan then goes forward."""


def state_machine_definition(step_function_arn: str, plan: Sequence[Step] = PLAN) -> dict[str, Any]:
    """The plan as an Amazon States Language document.

    Every task calls `step_function_arn`; a step of the user's own calls its own function.
    """
    order = stages(plan)
    states: dict[str, Any] = {
        "begin": {
            "Type": "Pass",
            "Result": {},
            "ResultPath": "$.results",
            "Next": order[0][0].stage,
        }
    }
    for number, stage in enumerate(order):
        following = order[number + 1][0].stage if number + 1 < len(order) else "recovered"
        if len(stage) > 1:
            states[stage[0].stage] = _parallel(stage, step_function_arn, following)
        else:
            states.update(_sequential(stage[0], step_function_arn, following))
    # A release that cannot be written yet is paged and repeated: its execution's name is used up, so
    # nobody else would.
    states.update(_page_and_repeat("release", step_function_arn))
    states["release"] = {
        **_task("release", 15, step_function_arn),
        "ResultPath": "$.results.release",
        "Retry": _retry(attempts=20, pause_seconds=3),
        "Catch": [
            {"ErrorEquals": [OVERTAKEN], "ResultPath": "$.failure", "Next": "overtaken"},
            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "release_page"},
        ],
        "Next": "was_released",
    }
    # The reply to the promotion may be what was lost: then the point of no return was passed.
    states["was_released"] = {
        "Type": "Choice",
        "Choices": [
            {
                "Variable": "$.results.release.outcome",
                "StringEquals": PROMOTION_ACCEPTED,
                "Next": _stage_after(POINT_OF_NO_RETURN, order),
            }
        ],
        "Default": "released",
    }
    states["released"] = {
        "Type": "Fail",
        "Error": "Released",
        "Cause": "A step before the point of no return failed; the lease was released.",
    }
    states["overtaken"] = {
        "Type": "Fail",
        "Error": "Overtaken",
        "Cause": "The lease is not this region's at this epoch any more; nothing was undone.",
    }
    states["recovered"] = {"Type": "Succeed"}
    return {
        "Comment": "Makes this region active. Generated from the recovery plan; do not edit.",
        "StartAt": "begin",
        "States": states,
    }


def _task(name: str, timeout_seconds: int, step_function_arn: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "TimeoutSeconds": timeout_seconds,
        "Parameters": {
            "FunctionName": step_function_arn,
            "Payload": {
                "step": name,
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
            "step.$": "$.Payload.step",
            "outcome.$": "$.Payload.outcome",
            "started_at.$": "$.Payload.started_at",
            "ended_at.$": "$.Payload.ended_at",
            "detail.$": "$.Payload.detail",
        },
    }


def _call(step: Step, step_function_arn: str) -> dict[str, Any]:
    """The step's task. Of the user's own function nothing is expected but that it raises when it fails.

    A field that an answer lacks would end the execution, past every catch.
    """
    if not step.function_arn:
        return _task(step.name, step.timeout_seconds, step_function_arn)
    return {
        **_task(step.name, step.timeout_seconds, step.function_arn),
        "ResultSelector": {
            "started_at.$": "$$.State.EnteredTime",
            "answer.$": "States.JsonToString($.Payload)",
        },
    }


def _done(step: Step, path: str) -> dict[str, Any]:
    """What stands in the evidence of a step of the user's own; `path` is where its task's result is."""
    return {
        "Type": "Pass",
        "Parameters": {
            "step": step.name,
            "outcome": "done",
            "started_at.$": f"{path}.started_at",
            "ended_at.$": "$$.State.EnteredTime",
            "detail.$": f"{path}.answer",
        },
    }


def _retry(*, attempts: int, pause_seconds: int) -> list[dict[str, Any]]:
    overtaken: dict[str, Any] = {"ErrorEquals": [OVERTAKEN], "MaxAttempts": 0}
    if attempts < 2:
        return [overtaken]
    return [
        overtaken,
        {
            "ErrorEquals": ["States.ALL"],
            "IntervalSeconds": pause_seconds,
            "BackoffRate": 1.0,
            "MaxAttempts": attempts - 1,
        },
    ]


def _sequential(step: Step, step_function_arn: str, following: str) -> dict[str, Any]:
    state = {
        **_call(step, step_function_arn),
        "Retry": _retry(attempts=step.attempts, pause_seconds=step.pause_seconds),
        "ResultPath": f"$.results.{step.name}",
        "Next": f"{step.name}_done" if step.function_arn else following,
    }
    more: dict[str, Any] = {}
    if step.on_failure is OnFailure.COMPENSATE:
        catch = "release"
    elif step.on_failure is OnFailure.DEGRADE:
        catch = f"{step.name}_degraded"
        result_path = f"$.results.{step.name}"
        more = {catch: {**_degraded(step), "ResultPath": result_path, "Next": following}}
    else:
        catch = f"{step.name}_page"
        more = _page_and_repeat(step.name, step_function_arn)
    state["Catch"] = [
        {"ErrorEquals": [OVERTAKEN], "ResultPath": "$.failure", "Next": "overtaken"},
        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": catch},
    ]
    if step.function_arn:
        path = f"$.results.{step.name}"
        more |= {f"{step.name}_done": {**_done(step, path), "ResultPath": path, "Next": following}}
    return {step.name: state, **more}


def _page_and_repeat(name: str, step_function_arn: str) -> dict[str, Any]:
    page, pause = f"{name}_page", f"{name}_pause"
    task = _task("page", 10, step_function_arn)
    task["Parameters"]["Payload"]["failed_step"] = name
    return {
        page: {
            **task,
            "ResultPath": "$.results.page",
            # A page that cannot be sent must not end the recovery.
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": pause}],
            "Next": pause,
        },
        pause: {"Type": "Wait", "Seconds": REPEAT_PAUSE_SECONDS, "Next": name},
    }


def _degraded(step: Step) -> dict[str, Any]:
    return {
        "Type": "Pass",
        "Parameters": {
            "step": step.name,
            "outcome": DEGRADED,
            "started_at.$": "$$.State.EnteredTime",
            "ended_at.$": "$$.State.EnteredTime",
            "detail": "did not succeed within its attempts; the plan went on without it",
        },
    }


def _parallel(stage: tuple[Step, ...], step_function_arn: str, following: str) -> dict[str, Any]:
    if any(step.on_failure is OnFailure.COMPENSATE for step in stage):
        raise ValueError("a step beside others must not compensate: a failed branch ends the stage")
    return {
        "Type": "Parallel",
        "ResultPath": f"$.results.{stage[0].stage}",
        # Only a branch that was overtaken fails; the others answer, degrade or go on trying.
        "Catch": [{"ErrorEquals": [OVERTAKEN], "ResultPath": "$.failure", "Next": "overtaken"}],
        "Next": following,
        "Branches": [_branch(step, step_function_arn) for step in stage],
    }


def _branch(step: Step, step_function_arn: str) -> dict[str, Any]:
    """One step as a machine of its own; its last state's output is the step's answer."""
    states: dict[str, Any]
    if step.on_failure is OnFailure.DEGRADE:
        caught = f"{step.name}_degraded"
        states = {caught: {**_degraded(step), "End": True}}
        catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": caught}]
    else:
        caught, overtaken = f"{step.name}_page", f"{step.name}_overtaken"
        states = _page_and_repeat(step.name, step_function_arn)
        states[overtaken] = {"Type": "Fail", "Error": OVERTAKEN, "Cause": "The lease moved."}
        catch = [
            {"ErrorEquals": [OVERTAKEN], "ResultPath": "$.failure", "Next": overtaken},
            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": caught},
        ]
    task = {
        **_call(step, step_function_arn),
        "Retry": _retry(attempts=step.attempts, pause_seconds=step.pause_seconds),
        "Catch": catch,
        **({"Next": f"{step.name}_done"} if step.function_arn else {"End": True}),
    }
    if step.function_arn:
        states[f"{step.name}_done"] = {**_done(step, "$"), "End": True}
    return {"StartAt": step.name, "States": {step.name: task, **states}}
