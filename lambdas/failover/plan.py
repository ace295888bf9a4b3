"""The recovery plan: one table, from which the state machine, the runbook and the budget come (D1).

The plan makes *its own* region active. Every step is idempotent and is one call of the failover-step
function. Before the point of no return a step that fails compensates by releasing the lease; after it,
it is repeated (paging each time) or, where the table says so, degraded: the plan never flips back by
itself. Stopped after any step and run again, it ends the same: each step looks before it acts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
    """A person is told and the step is tried again, for as long as it takes: after `MAX_ROUNDS` rounds
    by the next run, which the keeper starts (A17)."""


class Part(StrEnum):
    """What a region may have beside its database: a row of the plan that needs it is left out without it."""

    APPLIER = "applier"
    """An ECS service that applies events and writes heartbeats."""
    API_CLIENT = "api-client"
    """A client with which the plan posts an event to the region's own API and reads it back."""
    CACHE = "cache"
    FILES = "files"
    SECRETS = "secrets"


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
    """Of a step of the user's own: the function that the failover-step function calls for it."""
    needs: Part | None = None
    """Without it in the region there is nothing to do, and no such step."""

    @property
    def after_no_return(self) -> bool:
        """Whether the step lies behind the point of no return."""
        names = [step.name for step in EVERY_STEP]
        return names.index(self.name) > names.index(POINT_OF_NO_RETURN)


POINT_OF_NO_RETURN = "start_promotion"
"""Once the promotion is accepted by the database service, the plan only goes forward."""

DETECT_BUDGET_SECONDS = 35
DECIDE_BUDGET_SECONDS = 5
REPEAT_PAUSE_SECONDS = 10
BUDGET_METADATA = "LifelineRtoBudgetSeconds"
"""Key in the state machine's metadata: what an unplanned failover by its plan may take."""

EVENT_LIMIT = 25_000
"""Events of one execution's history; one more and the service ends it (Step Functions, quotas)."""
MAX_ROUNDS = 30
"""Rounds of one step before the run ends and the next one goes on: if every step used them all, the
history would stay below `EVENT_LIMIT` (A17; `plan_history` counts)."""
RELEASE_ATTEMPTS = 20

ASLEEP = (
    "Lambda.ENINotReadyException",
    "Lambda.ResourceConflictException",
    "Lambda.ResourceNotReadyException",
)
"""How Lambda refuses to invoke a function in a VPC that was idle until its network interfaces were taken
back (Inactive), and then until it has new ones (Pending): Lambda API Reference, Invoke. Nothing has run."""
ASLEEP_PAUSE_SECONDS = 7
ASLEEP_ATTEMPTS = 18
"""Two minutes: Pending lasts up to a minute and a half, as users report (AWS gives no figure)."""

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
        "Read the replica and its newest applied marker, for the evidence.",
        0,
        10,
        3,
        1,
        OnFailure.COMPENSATE,
    ),
    Step(
        "raise_capacity",
        "prepare",
        "Raise the event applier's tasks to what an active region needs.",
        15,
        10,
        3,
        1,
        OnFailure.DEGRADE,
        needs=Part.APPLIER,
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
        needs=Part.CACHE,
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
        needs=Part.FILES,
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
        needs=Part.SECRETS,
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
        "Wait for an event applier's heartbeat at this epoch.",
        20,
        20,
        20,
        1,
        OnFailure.PAGE_AND_REPEAT,
        needs=Part.APPLIER,
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
        needs=Part.API_CLIENT,
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


AWAIT_CAPACITY = Step(
    "await_capacity",
    "await_stores",
    "Wait until as many tasks run of the event applier and the query API as are desired.",
    180,
    20,
    14,
    1,
    OnFailure.DEGRADE,
    needs=Part.APPLIER,
)
"""Where the services rest at 0 tasks in the standby. ECS gives no time in which a task starts on Fargate: it
gets an address, pulls the image and passes its health check; three minutes are assumed, and each failover's
evidence says what it took. Fewer tasks than desired open, too: `resume_processing` and `verify` still ask."""


def _with_await_capacity(plan: Sequence[Step]) -> tuple[Step, ...]:
    number = [step.name for step in plan].index("await_database") + 1
    return (*plan[:number], AWAIT_CAPACITY, *plan[number:])


EVERY_STEP = _with_await_capacity(PLAN)
"""The steps of every strategy; `PLAN` is the warm standby's."""

LONGEST_STEP_SECONDS = max(step.timeout_seconds for step in PLAN) + 5
"""The step function's time-out: barely more than the longest task waits, so that a run whose task was
given up does not act much later."""

CALL_ENDS_BEFORE_SECONDS = 2
"""The call of a further step's function ends so long before its task is given up."""


def plan_for(
    parts: Collection[Part] = tuple(Part), *, services_rest: bool = False, has_standby: bool = True
) -> tuple[Step, ...]:
    """The plan of a region that has these parts beside its database and its API.

    `services_rest`: its services have 0 tasks while it is the standby (strategy pilot light). Without
    `has_standby` (strategy backup only) there is no other region to fence.
    """
    every = EVERY_STEP if services_rest else PLAN
    return tuple(
        step
        for step in every
        if (step.needs is None or step.needs in parts) and (has_standby or step.name != "fence")
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


def is_parallel(stage: Sequence[Step]) -> bool:
    """Whether its steps are branches: several, or the only one that is left of several (`plan_for`)."""
    return len(stage) > 1 or stage[0].name != stage[0].stage


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

HANDED_OVER = "HandedOver"
"""The error of a run that ends because it repeated a step often enough: the next run goes on."""


class Outcome(StrEnum):
    """What became of a step: the word that the state machine branches on, and the evidence keeps."""

    DONE = "done"
    DEGRADED = "degraded"
    """It said at once, with the reason, that the plan must go on without it; or its attempts were used up."""
    PROMOTION_ACCEPTED = "promotion-accepted-after-all"
    """`release` found the promotion under way, or accepted in the lease: the plan then goes forward."""


BESIDE_THE_TABLE = ("page", "release")
"""Steps that the state machine calls and the table has not: no share of the RTO is theirs."""


@dataclass(frozen=True)
class Call:
    """How a task calls its function: the function's ARN, and the partition whose Step Functions calls it."""

    function_arn: str
    partition: str


def state_machine_definition(
    step_function_arn: str, plan: Sequence[Step] = PLAN, *, partition: str = "aws"
) -> dict[str, Any]:
    """The plan as an Amazon States Language document.

    Every task calls `step_function_arn`, which calls the function of a step of the user's own.
    """
    call = Call(step_function_arn, partition)
    order = stages(plan)
    states: dict[str, Any] = {
        "begin": {
            "Type": "Pass",
            "Result": {},
            "ResultPath": "$.results",
            "Next": "begin_rounds",
        },
        "begin_rounds": {
            "Type": "Pass",
            "Result": {name: {"n": 0} for name in _repeated(plan)},
            "ResultPath": "$.rounds",
            "Next": order[0][0].stage,
        },
    }
    for number, stage in enumerate(order):
        following = order[number + 1][0].stage if number + 1 < len(order) else "recovered"
        if is_parallel(stage):
            states[stage[0].stage] = _parallel(stage, call, following)
        else:
            states.update(_sequential(stage[0], call, following))
    # The exercise (D12) keeps the function awake. Should it have stood still for weeks, the run's first
    # task meets that, and no other.
    states[order[0][0].name]["Retry"].insert(1, _retry_asleep())
    # The last call for a promotion may still be on its way when its task was given up: nothing is
    # released before no such call can be left (A17).
    states["settle"] = {"Type": "Wait", "Seconds": LONGEST_STEP_SECONDS, "Next": "release"}
    # A release that cannot be written yet is paged and repeated: the lease is still this region's.
    states.update(_page_and_repeat("release", call, "handed_over"))
    states["release"] = {
        **_task("release", 15, call),
        "ResultPath": "$.results.release",
        "Retry": _retry(attempts=RELEASE_ATTEMPTS, pause_seconds=3),
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
                "StringEquals": Outcome.PROMOTION_ACCEPTED,
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
    states["handed_over"] = _handed_over()
    states["recovered"] = {"Type": "Succeed"}
    return {
        "Comment": "Makes this region active. Generated from the recovery plan; do not edit.",
        "StartAt": "begin",
        "States": states,
    }


def _repeated(plan: Sequence[Step]) -> list[str]:
    """The steps that are paged and repeated."""
    steps = [step.name for step in plan if step.on_failure is OnFailure.PAGE_AND_REPEAT]
    return [*steps, "release"]


def _handed_over() -> dict[str, Any]:
    return {
        "Type": "Fail",
        "Error": HANDED_OVER,
        "Cause": "A step was repeated often enough for one run; the keeper starts the next (A17).",
    }


def _task(name: str, timeout_seconds: int, call: Call) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:{call.partition}:states:::lambda:invoke",
        "TimeoutSeconds": timeout_seconds,
        "Parameters": {
            "FunctionName": call.function_arn,
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


def _step_task(step: Step, call: Call) -> dict[str, Any]:
    """The step's task. The function of a step of the user's own is called by ours (`further_step.call`).

    Step Functions ends an execution whose state has more than 256 KiB: no catch may see it. So nothing of the
    user's comes here but what ours lets through.
    """
    if not step.function_arn:
        return _task(step.name, step.timeout_seconds, call)
    task = _task("call", step.timeout_seconds, call)
    task["Parameters"]["Payload"] |= {
        "further_step": step.name,
        "function_arn": step.function_arn,
        "timeout_seconds": step.timeout_seconds,
    }
    return task


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


def _retry_asleep() -> dict[str, Any]:
    return {
        "ErrorEquals": list(ASLEEP),
        "IntervalSeconds": ASLEEP_PAUSE_SECONDS,
        "BackoffRate": 1.0,
        "MaxAttempts": ASLEEP_ATTEMPTS,
    }


def _sequential(step: Step, call: Call, following: str) -> dict[str, Any]:
    state = {
        **_step_task(step, call),
        "Retry": _retry(attempts=step.attempts, pause_seconds=step.pause_seconds),
        "ResultPath": f"$.results.{step.name}",
        "Next": following,
    }
    more: dict[str, Any] = {}
    if step.on_failure is OnFailure.COMPENSATE:
        catch = "settle" if step.name == POINT_OF_NO_RETURN else "release"
    elif step.on_failure is OnFailure.DEGRADE:
        catch = f"{step.name}_degraded"
        result_path = f"$.results.{step.name}"
        more = {catch: {**_degraded(step), "ResultPath": result_path, "Next": following}}
    else:
        catch = f"{step.name}_page"
        more = _page_and_repeat(step.name, call, "handed_over")
    state["Catch"] = [
        {"ErrorEquals": [OVERTAKEN], "ResultPath": "$.failure", "Next": "overtaken"},
        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": catch},
    ]
    return {step.name: state, **more}


def _page_and_repeat(name: str, call: Call, handed_over: str) -> dict[str, Any]:
    """The states between a step's failure and its next try; after `MAX_ROUNDS` they end the run."""
    page, pause = f"{name}_page", f"{name}_pause"
    count, again = f"{name}_count", f"{name}_again"
    task = _task("page", 10, call)
    task["Parameters"]["Payload"]["failed_step"] = name
    return {
        page: {
            **task,
            "ResultPath": "$.results.page",
            # A page that cannot be sent must not end the recovery.
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": pause}],
            "Next": pause,
        },
        pause: {"Type": "Wait", "Seconds": REPEAT_PAUSE_SECONDS, "Next": count},
        count: {
            "Type": "Pass",
            "Parameters": {"n.$": f"States.MathAdd($.rounds.{name}.n, 1)"},
            "ResultPath": f"$.rounds.{name}",
            "Next": again,
        },
        again: {
            "Type": "Choice",
            "Choices": [
                {
                    "Variable": f"$.rounds.{name}.n",
                    "NumericGreaterThanEquals": MAX_ROUNDS,
                    "Next": handed_over,
                }
            ],
            "Default": name,
        },
    }


def _degraded(step: Step) -> dict[str, Any]:
    return {
        "Type": "Pass",
        "Parameters": {
            "step": step.name,
            "outcome": Outcome.DEGRADED,
            "started_at.$": "$$.State.EnteredTime",
            "ended_at.$": "$$.State.EnteredTime",
            "detail": "did not succeed within its attempts; the plan went on without it",
        },
    }


def _parallel(stage: tuple[Step, ...], call: Call, following: str) -> dict[str, Any]:
    if any(step.on_failure is OnFailure.COMPENSATE for step in stage):
        raise ValueError("a step beside others must not compensate: a failed branch ends the stage")
    return {
        "Type": "Parallel",
        "ResultPath": f"$.results.{stage[0].stage}",
        # A branch that was overtaken fails, and one that hands over: that error ends the run as it is.
        "Catch": [{"ErrorEquals": [OVERTAKEN], "ResultPath": "$.failure", "Next": "overtaken"}],
        "Next": following,
        "Branches": [_branch(step, call) for step in stage],
    }


def _branch(step: Step, call: Call) -> dict[str, Any]:
    """One step as a machine of its own; its last state's output is the step's answer."""
    states: dict[str, Any]
    if step.on_failure is OnFailure.DEGRADE:
        caught = f"{step.name}_degraded"
        states = {caught: {**_degraded(step), "End": True}}
        catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": caught}]
    else:
        caught, overtaken = f"{step.name}_page", f"{step.name}_overtaken"
        handed_over = f"{step.name}_handed_over"
        states = _page_and_repeat(step.name, call, handed_over)
        states[handed_over] = _handed_over()
        states[overtaken] = {"Type": "Fail", "Error": OVERTAKEN, "Cause": "The lease moved."}
        catch = [
            {"ErrorEquals": [OVERTAKEN], "ResultPath": "$.failure", "Next": overtaken},
            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": caught},
        ]
    task = {
        **_step_task(step, call),
        "Retry": _retry(attempts=step.attempts, pause_seconds=step.pause_seconds),
        "Catch": catch,
        "End": True,
    }
    return {"StartAt": step.name, "States": {step.name: task, **states}}
