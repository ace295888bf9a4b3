"""The state machine that breaks a region and heals it: started, followed, asked to heal at once.

The machine is the environment's own (its stack `drill-…`), and fault and heal are one execution of it. So the
drill makes no fault by a call of its own, and nothing here has to live for the heal to come.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drill.scenarios import Break
from drill.targets import BrokenThing, TargetError
from drill.targets.aws_environment import ClientOf, breaker_arn

IN_FORCE = "InForce"
RUNNING, SUCCEEDED = "RUNNING", "SUCCEEDED"
FORCE_SECONDS = 120.0
"""Until the faults are in force; four calls with their proofs."""
HEAL_SECONDS = 300.0
LOOK_SECONDS = 0.5
FAULTS = {
    "DenyTheRole": ("role-denied", "its API may not write into the stream"),
    "DenyIn": ("network-denied", "nothing comes into a subnet"),
    "DenyOut": ("network-denied", "nothing leaves a subnet"),
    "StopTheTasks": ("tasks-stopped", "every task of its services"),
}
"""State of the machine → what it breaks."""


class Breaker:
    """Of one region. Every call is bounded; a fault is never made without its heal behind it."""

    def __init__(
        self,
        states: Any,
        arn: str,
        *,
        region: str,
        say: Callable[[str], None],
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._states, self._arn, self._region, self._say = states, arn, region, say
        self._pause, self._clock = pause, clock
        self.broke = False
        """Whether a fault may be in force because of this object."""

    def require_idle(self) -> None:
        """Raises TargetError while an execution runs: another drill, or one that died and heals later."""
        due = self.due()
        if due:
            raise TargetError(
                f"{self._region} is being drilled, or was and is healed later: the execution "
                f"{due[0]} still runs. `python -m drill heal` heals at once, and "
                "ends it."
            )

    def break_region(self, what: Break, seconds: int) -> list[BrokenThing]:
        """Break, and return when it is in force. Raises TargetError; then it is healed or heals by itself."""
        self.require_idle()
        self.broke = True
        execution = self._start({"break": str(what), "seconds": seconds})
        self._say(f"drill: the fault heals by itself {seconds} s after it is made ({execution})")
        deadline = self._clock() + FORCE_SECONDS
        while True:
            # Its history first: an execution that has ended by then is seen to have.
            things, in_force = self._look(execution)
            status = self._status(execution)
            if status["status"] != RUNNING:
                raise TargetError(
                    f"{self._region} was not broken: the execution {execution} ended "
                    f"{status['status']}: {status.get('cause', 'before the fault was in force')}"
                )
            if in_force:
                return things
            if self._clock() > deadline:
                raise TargetError(
                    f"{self._region} was not broken within {FORCE_SECONDS:g} s ({execution})."
                )
            self._pause(LOOK_SECONDS)

    def heal(self) -> None:
        """Heal now, then end what would heal later. Raises TargetError when the heal was not seen to work.

        An execution that still breaks could do so after the heal: once it is stopped, it is healed again.
        """
        self._heal_once()
        others = self._running()
        for one in others:
            self._call("stop_execution", executionArn=one, cause="The drill healed at once")
        if others:
            self._heal_once()
        self.broke = False
        self._say(f"drill: {self._region} is healed")

    def _heal_once(self) -> None:
        execution = self._start({"break": str(Break.NOTHING)})
        deadline = self._clock() + HEAL_SECONDS
        while (status := self._status(execution))["status"] == RUNNING:
            if self._clock() > deadline:
                raise self._unhealed(f"{execution} still tries")
            self._pause(LOOK_SECONDS)
        if status["status"] != SUCCEEDED:
            raise self._unhealed(f"{execution} ended {status['status']}: {status.get('cause', '')}")

    def _unhealed(self, why: str) -> TargetError:
        return TargetError(
            f"{self._region} is NOT seen to be healed: {why}. An execution that broke it heals at its end; "
            f"`python -m drill heal` tries again (docs/runbooks/drill.md#how-do-i-heal-by-hand)."
        )

    def _start(self, given: Mapping[str, Any]) -> str:
        # A name of its own and the same input: a repeated start whose answer got lost is the same execution.
        name = f"drill-{uuid.uuid4()}"
        answer = self._call(
            "start_execution", stateMachineArn=self._arn, name=name, input=json.dumps(given)
        )
        return str(answer["executionArn"])

    def due(self) -> list[str]:
        """The executions that heal the region later."""
        return [one.rsplit(":", 1)[1] for one in self._running()]

    def _running(self) -> list[str]:
        answer = self._call("list_executions", stateMachineArn=self._arn, statusFilter=RUNNING)
        return [one["executionArn"] for one in answer["executions"]]

    def _status(self, execution: str) -> dict[str, Any]:
        return self._call("describe_execution", executionArn=execution)

    def _look(self, execution: str) -> tuple[list[BrokenThing], bool]:
        history = self._call(
            "get_execution_history",
            executionArn=execution,
            maxResults=1000,
            includeExecutionData=False,
        )
        return faults_of(history["events"], self._region)

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._states, operation)(**arguments)
        except (BotoCoreError, ClientError) as error:
            raise TargetError(f"{self._region}: {operation} of {self._arn}: {error}") from error
        return answer


def faults_of(history: Sequence[Mapping[str, Any]], region: str) -> tuple[list[BrokenThing], bool]:
    """The faults that an execution made, when each call was answered; and whether all are in force."""
    things, in_force = [], False
    for event in history:
        if event.get("stateEnteredEventDetails", {}).get("name") == IN_FORCE:
            in_force = True
        left = event.get("stateExitedEventDetails", {}).get("name", "")
        if left in FAULTS:
            at = event["timestamp"]
            moment = at.astimezone(UTC).timestamp() if isinstance(at, datetime) else float(at)
            kind, detail = FAULTS[left]
            things.append(BrokenThing(moment, kind, region, detail))
    return things, in_force


def heal_regions(
    suffix: str,
    regions: Sequence[str],
    client: ClientOf,
    say: Callable[[str], None],
    *,
    dry_run: bool = False,
) -> None:
    """Heal each region that has something to break it with. Raises TargetError, after it tried them all."""
    wrong = []
    for region in regions:
        try:
            arn = breaker_arn(suffix, region, client)
            if arn is None:
                say(f"drill: {region}: {suffix} has nothing there that a drill could break it with")
                continue
            breaker = Breaker(client("stepfunctions", region), arn, region=region, say=say)
            if dry_run:
                due = breaker.due()
                say(f"drill: {region}: would heal, and end {', '.join(due) or 'nothing'}")
            else:
                breaker.heal()
        except TargetError as error:
            wrong.append(str(error))
    if wrong:
        raise TargetError("\n".join(wrong))
