"""The state machine as the service runs it: the generated definition, interpreted.

What the plan uses, and nothing more: Task (Lambda), Pass, Wait, Choice, Parallel, Fail, Succeed;
retries, catches, time-outs, result paths, the limit of events, names that stay used up. Source: AWS
Step Functions Developer Guide, "Amazon States Language", "Handling errors", "Service quotas"; events an
action makes: `failover.plan_history`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from lifeline.lambdas.failover.plan import EVENT_LIMIT
from simulator.places import state_machine_arn
from simulator.scheduler import Died, Machine, Scheduler, Signal, Task

Json = Any
EVENTS_OF_A_STATE = 2
EVENTS_OF_AN_ATTEMPT = 4
"""Scheduled, started, submitted, and how it ended."""


class StateError(Exception):
    """An error that a state raised: by name, as `ErrorEquals` compares it."""

    def __init__(self, name: str, cause: str = "") -> None:
        super().__init__(f"{name}: {cause}")
        self.name, self.cause = name, cause


class _Ended(Exception):
    """The execution was ended from outside: aborted, or at the limit of its events."""


@dataclass
class Execution:
    """One execution; `status` as `DescribeExecution` has it."""

    name: str
    status: str = "RUNNING"
    events: int = 1
    ended: str = ""
    tasks: list[Task] | None = None


Invoke = Callable[[str, dict[str, Any]], Task]


class StateMachine:
    """One region's plan. `invoke` starts the function's task and answers it."""

    def __init__(
        self,
        definition: Mapping[str, Any],
        *,
        region: str,
        machine: Machine,
        scheduler: Scheduler,
        invoke: Invoke,
        instant: Callable[[], str],
        say: Callable[[str], None],
    ) -> None:
        self._definition, self._region = definition, region
        self._machine, self._scheduler = machine, scheduler
        self._invoke, self._instant, self._say = invoke, instant, say
        self.executions: dict[str, Execution] = {}
        self.arn = state_machine_arn(region)

    def start(self, name: str, body: str) -> str:
        """Start an execution. A name that is used up is refused, open or closed, for 90 days."""
        if name in self.executions:
            raise ClientError(
                {"Error": {"Code": "ExecutionAlreadyExists", "Message": name}}, "StartExecution"
            )
        execution = Execution(name, tasks=[])
        self.executions[name] = execution
        self._say(f"{name} starts")
        started = self._instant()
        data = json.loads(body)
        task = self._scheduler.spawn(
            f"{self._region} {name}",
            self._machine,
            lambda: self._run(execution, data, started),
        )
        assert execution.tasks is not None
        execution.tasks.append(task)
        return f"{self.arn.replace(':stateMachine:', ':execution:')}:{name}"

    def describe(self, arn: str) -> dict[str, Any]:
        """The execution's status."""
        execution = self.executions.get(arn.rpartition(":")[2])
        if execution is None:
            raise ClientError(
                {"Error": {"Code": "ExecutionDoesNotExist", "Message": arn}}, "DescribeExecution"
            )
        return {"status": execution.status}

    def stop(self, name: str) -> None:
        """End an execution where it is, as a person, the service or its limits may."""
        execution = self.executions[name]
        if execution.status != "RUNNING":
            return
        execution.status, execution.ended = "ABORTED", "aborted"
        self._say(f"{name} is aborted")
        for task in execution.tasks or []:
            self._scheduler.kill(task)

    def lost(self) -> None:
        """The region ends: its executions stand still, as the service keeps them."""
        self._machine.frozen_until = float("inf")

    def returned(self) -> None:
        """The region is back: its executions go on."""
        self._machine.frozen_until = 0.0

    def _run(self, execution: Execution, data: Json, started: str) -> None:
        context = {
            "Execution": {
                "Id": f"{self.arn.replace(':stateMachine:', ':execution:')}:{execution.name}",
                "StartTime": started,
            }
        }
        try:
            self._states(execution, self._definition, data, context)
            execution.status, execution.ended = "SUCCEEDED", "succeeded"
        except StateError as error:
            execution.status, execution.ended = "FAILED", error.name
        except _Ended as ended:
            execution.status, execution.ended = "FAILED", str(ended)
        except Died:
            execution.status = "ABORTED"
            raise
        self._say(f"{execution.name} ends: {execution.ended}")

    def _states(
        self, execution: Execution, machine: Mapping[str, Any], data: Json, context: Json
    ) -> Json:
        name = machine["StartAt"]
        while True:
            state = machine["States"][name]
            self._count(execution, EVENTS_OF_A_STATE)
            scope = {**context, "State": {"Name": name, "EnteredTime": self._instant()}}
            kind = state["Type"]
            if kind == "Fail":
                raise StateError(state["Error"], state.get("Cause", ""))
            if kind == "Succeed":
                return data
            if kind == "Choice":
                name = _chosen(state, data)
                continue
            try:
                data = self._one(execution, name, state, data, scope)
            except StateError as error:
                caught = _catch(state, error)
                if caught is None:
                    raise
                seen = {"Error": error.name, "Cause": error.cause}
                data = _put(data, caught.get("ResultPath", "$"), seen)
                name = caught["Next"]
                continue
            if state.get("End"):
                return data
            name = state["Next"]

    def _one(
        self, execution: Execution, name: str, state: Mapping[str, Any], data: Json, scope: Json
    ) -> Json:
        match state["Type"]:
            case "Pass":
                result = state.get("Result", data)
                if "Parameters" in state:
                    result = _filled(state["Parameters"], data, scope)
            case "Wait":
                self._scheduler.sleep(float(state["Seconds"]))
                return data
            case "Parallel":
                result = self._parallel(execution, state, data, scope)
            case "Task":
                result = self._task(execution, name, state, data, scope)
            case other:
                raise NotImplementedError(f"a state of type {other}")
        return _put(data, state.get("ResultPath", "$"), result)

    def _parallel(
        self, execution: Execution, state: Mapping[str, Any], data: Json, scope: Json
    ) -> list[Json]:
        scheduler, context = self._scheduler, {"Execution": scope["Execution"]}
        over, left, failed = Signal(), [len(state["Branches"])], []
        answers: list[Json] = [None] * left[0]

        def branch(number: int) -> None:
            try:
                answers[number] = self._states(
                    execution, state["Branches"][number], json.loads(json.dumps(data)), context
                )
            except (StateError, _Ended) as error:
                failed.append(error)
                scheduler.set(over)
                return
            left[0] -= 1
            if not left[0]:
                scheduler.set(over)

        assert execution.tasks is not None
        tasks = [
            scheduler.spawn(
                f"{self._region} branch {number}", self._machine, partial(branch, number)
            )
            for number in range(left[0])
        ]
        execution.tasks.extend(tasks)
        scheduler.wait(over)
        if failed:
            # The other branches are stopped; functions they called live on.
            for task in tasks:
                scheduler.kill(task)
            raise failed[0]
        return answers

    def _task(
        self, execution: Execution, name: str, state: Mapping[str, Any], data: Json, scope: Json
    ) -> Json:
        tried: dict[int, int] = {}
        while True:
            try:
                return self._attempt(execution, state, data, scope)
            except StateError as error:
                number, retry = _retry(state, error)
                tried[number] = tried.get(number, 0) + 1
                if retry is None or tried[number] > int(retry["MaxAttempts"]):
                    raise
                self._scheduler.sleep(float(retry["IntervalSeconds"]))

    def _attempt(
        self, execution: Execution, state: Mapping[str, Any], data: Json, scope: Json
    ) -> Json:
        self._count(execution, EVENTS_OF_AN_ATTEMPT)
        given = _filled(state["Parameters"], data, scope)
        task = self._invoke(given["FunctionName"], json.loads(json.dumps(given["Payload"])))
        assert task.done is not None
        if not self._scheduler.wait(task.done, float(state["TimeoutSeconds"])):
            raise StateError("States.Timeout")
        if task.error is not None:
            raise StateError(type(task.error).__name__, str(task.error))
        return _filled(state["ResultSelector"], {"Payload": task.result}, scope)

    def _count(self, execution: Execution, events: int) -> None:
        execution.events += events
        if execution.events > EVENT_LIMIT:
            raise _Ended("States.Runtime: the limit of events")


def _retry(state: Mapping[str, Any], error: StateError) -> tuple[int, Mapping[str, Any] | None]:
    for number, one in enumerate(state.get("Retry", [])):
        if _meets(one["ErrorEquals"], error):
            return number, one if int(one.get("MaxAttempts", 3)) else None
    return -1, None


def _catch(state: Mapping[str, Any], error: StateError) -> Mapping[str, Any] | None:
    return next((one for one in state.get("Catch", []) if _meets(one["ErrorEquals"], error)), None)


def _meets(wanted: list[str], error: StateError) -> bool:
    return error.name in wanted or "States.ALL" in wanted


def _chosen(state: Mapping[str, Any], data: Json) -> str:
    for rule in state["Choices"]:
        value = _get(data, rule["Variable"])
        if "StringEquals" in rule and value == rule["StringEquals"]:
            return str(rule["Next"])
        if "NumericGreaterThanEquals" in rule and value >= rule["NumericGreaterThanEquals"]:
            return str(rule["Next"])
    return str(state["Default"])


def _filled(template: Json, data: Json, scope: Json) -> Json:
    if isinstance(template, dict):
        return {
            key.removesuffix(".$"): _value(value, data, scope)
            if key.endswith(".$")
            else _filled(value, data, scope)
            for key, value in template.items()
        }
    if isinstance(template, list):
        return [_filled(one, data, scope) for one in template]
    return template


def _value(path: str, data: Json, scope: Json) -> Json:
    if path.startswith("States.MathAdd("):
        first, second = path.removeprefix("States.MathAdd(").removesuffix(")").split(",")
        return _get(data, first.strip()) + int(second)
    if path.startswith("$$."):
        return _get(scope, path[1:])
    return _get(data, path)


def _get(data: Json, path: str) -> Json:
    found = data
    for part in path.split(".")[1:]:
        if part not in found:
            raise StateError("States.ParameterPathFailure", path)
        found = found[part]
    return found


def _put(data: Json, path: str, value: Json) -> Json:
    parts = path.split(".")[1:]
    if not parts:
        return value
    whole = dict(data)
    place = whole
    for part in parts[:-1]:
        place[part] = dict(place.get(part, {}))
        place = place[part]
    place[parts[-1]] = value
    return whole
