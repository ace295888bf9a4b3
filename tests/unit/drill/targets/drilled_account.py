"""An account with one environment in two regions, and its state machine that breaks and heals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.config import Config

from tests.support.fake_account import FakeAccount, Refuse, Reply

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
SUFFIX = "dr0123abcd"
CODES = {HOME: "cac1", RECOVERY: "caw1"}
AT = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
READS = {"describe_stacks", "describe_user_pool_client", "get_item", "list_executions"}
STEPS = ("ProveAllowIn", "ProveAllowOut", "ProveAllowTheRole", "DenyTheRole", "DenyIn", "DenyOut")


@dataclass
class DrilledAccount:
    """`marks`: by region, the tag of its stack; None: there is no stack. `ends`: how a break ends at once."""

    marks: dict[str, str | None] = field(
        default_factory=lambda: {HOME: "freely", RECOVERY: "freely"}
    )
    environment: str = SUFFIX
    lease: dict[str, Any] = field(
        default_factory=lambda: {"id": {"S": "lease"}, "holder": {"S": HOME}, "epoch": {"N": "4"}}
    )
    witness: str = WITNESS
    ends: str = ""
    heals: bool = True
    running: dict[str, str] = field(default_factory=dict)
    """Execution → what it was asked to break."""
    places: dict[str, str] = field(default_factory=dict)
    """Execution → its region, where that is not home."""
    done: list[str] = field(default_factory=list)
    """What was asked of the machine, in its order."""

    def client(self, service: str, region: str) -> Any:
        account = FakeAccount(self._replies())
        return account.client(service, region_name=region, config=Config())

    def _replies(self) -> Mapping[tuple[str, str], Reply]:
        return {
            ("cloudformation", "describe_stacks"): self._stack,
            ("cognito-idp", "describe_user_pool_client"): lambda _region, _given: {
                "UserPoolClient": {"ClientSecret": "made-up-and-long-enough-for-it"}
            },
            ("dynamodb", "get_item"): lambda _region, _given: {"Item": self.lease} if self.lease else {},
            ("stepfunctions", "list_executions"): lambda region, _given: {
                "executions": [
                    self._row(name, region)
                    for name in self.running
                    if self.places.get(name, HOME) == region
                ]
            },
            ("stepfunctions", "start_execution"): self._start,
            ("stepfunctions", "describe_execution"): self._describe,
            ("stepfunctions", "get_execution_history"): self._history,
            ("stepfunctions", "stop_execution"): self._stop,
        }  # fmt: skip

    def _stack(self, region: str, given: Mapping[str, Any]) -> Mapping[str, Any] | Refuse:
        name, mark = f"drill-{CODES[region]}-{SUFFIX}", self.marks[region]
        if mark is None or given["StackName"] != name:
            return Refuse("ValidationError", f"Stack with id {given['StackName']} does not exist")
        outputs = {
            "ApiUrl": f"https://api.{region}.example.org/live",
            "TokenUrl": f"https://token.{region}.example.org/oauth2/token",
            "UserPoolId": f"{region}_pool",
            "EdgeClientId": "edges",
            "BreakerArn": f"arn:aws:states:{region}:123456789012:stateMachine:drill-{SUFFIX}",
            "Profile": "dev",
            "Witness": self.witness,
        }
        tags = {"Drills": mark, "Environment": self.environment}
        stack = {
            "StackName": name,
            "CreationTime": AT,
            "StackStatus": "CREATE_COMPLETE",
            "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in outputs.items()],
            "Tags": [{"Key": k, "Value": v} for k, v in tags.items()],
        }
        return {"Stacks": [stack]}

    def _row(self, name: str, region: str) -> dict[str, Any]:
        machine = f"arn:aws:states:{region}:123456789012:stateMachine:drill-{SUFFIX}"
        arn = machine.replace("stateMachine", "execution") + f":{name}"
        return {
            "executionArn": arn, "stateMachineArn": machine, "name": name, "status": "RUNNING",
            "startDate": AT,
        }  # fmt: skip

    def _start(self, region: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        what = json.loads(given["input"])
        self.done.append(f"start {what['break']}")
        if what["break"] != "nothing":
            self.running[given["name"]] = what["break"]
        return {
            "executionArn": self._row(given["name"], region)["executionArn"],
            "startDate": AT,
        }

    def _describe(self, region: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        name = given["executionArn"].rsplit(":", 1)[1]
        if name not in self.running:
            status = "SUCCEEDED" if self.heals else "FAILED"
        else:
            status = self.ends or "RUNNING"
        failed = {"cause": "AccessDenied"} if status == "FAILED" else {}
        return {**self._row(name, region), "status": status, **failed}

    def _history(self, _region: str, _given: Mapping[str, Any]) -> Mapping[str, Any]:
        events: list[dict[str, Any]] = []

        def add(kind: str, detail: str, name: str) -> None:
            number = len(events) + 1
            events.append({"timestamp": AT, "type": kind, "id": number, detail: {"name": name}})

        for name in STEPS:
            add("TaskStateEntered", "stateEnteredEventDetails", name)
            add("TaskStateExited", "stateExitedEventDetails", name)
        if not self.ends:
            add("WaitStateEntered", "stateEnteredEventDetails", "InForce")
        return {"events": events}

    def _stop(self, _region: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        name = given["executionArn"].rsplit(":", 1)[1]
        self.done.append(f"stop {self.running.pop(name)}")
        return {"stopDate": AT}
