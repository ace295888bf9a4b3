"""The state machine that breaks a region for a drill and heals it again: its definition, without AWS.

    checked -> healed once (which proves the rights) -> broken -> in force -> healed -> done

One execution does both, so that no fault can be made without the heal that is already written behind it: the
drill may die, its laptop may sleep, and nothing changes. Every heal is one call that may be repeated at any
time: it puts one thing into the state in which the stack made it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RULE_NUMBER = 1
"""Of the network ACL's two entries that the stack makes: before every other."""
POLICY_NAME = "drill"
LONGEST_SECONDS = 3_600
"""A fault is in force so long at most, whatever was asked for."""
LONG_AGO = "1970-01-01T00:00:00Z"
NOTHING, HANG, LOSE = "nothing", "hang-home", "lose-home"
"""What an execution may be asked to break; `nothing` heals at once."""
IN_FORCE = "InForce"
BREAKING = ("DenyTheRole", "DenyIn", "DenyOut", "ListTheTasks", "StopTheTasks")
HEALING = ("AllowIn", "AllowOut", "AllowTheRole")


@dataclass(frozen=True, kw_only=True)
class Breakable:
    """What the machine may touch, and nothing else: one network ACL, one role, one cluster's tasks."""

    network_acl_id: str
    role_name: str
    denied_action: str
    cluster_name: str
    partition: str = "aws"


def definition(of: Breakable) -> dict[str, Any]:
    """In Amazon States Language (JSONata)."""
    at = _Calls(of)
    return {
        "Comment": "Breaks this region for a drill, and heals it again.",
        "QueryLanguage": "JSONata",
        "StartAt": "Checked",
        "States": {
            "Checked": {
                "Type": "Choice",
                "Choices": [
                    {
                        "Condition": _query(f"$states.input.break = '{NOTHING}'"),
                        "Assign": {"what": NOTHING, "cause": ""},
                        "Next": HEALING[0],
                    },
                    {
                        "Condition": _query(
                            f"$states.input.break in ['{HANG}', '{LOSE}'] and "
                            "$type($states.input.seconds) = 'number' and "
                            "$states.input.seconds >= 1 and "
                            f"$states.input.seconds <= {LONGEST_SECONDS}"
                        ),
                        "Assign": {
                            "what": _query("$states.input.break"),
                            "cause": "",
                            "seconds": _query("$floor($states.input.seconds)"),
                        },
                        "Next": _proof(HEALING[0]),
                    },
                ],
                "Default": "Refused",
            },
            "Refused": {
                "Type": "Fail",
                "Error": "Refused",
                "Cause": f"Give break ({NOTHING}, {HANG}, {LOSE}) and seconds (1 to {LONGEST_SECONDS}).",
            },
            **_proofs(at),
            **_breaking(at),
            IN_FORCE: {"Type": "Wait", "Seconds": _query("$seconds"), "Next": HEALING[0]},
            **_healing(at),
        },
    }


class _Calls:
    """Each call to AWS as a task: what breaks, and what heals."""

    def __init__(self, of: Breakable) -> None:
        self._of = of
        self.denied_action = of.denied_action

    def entry(self, *, egress: bool, action: str) -> dict[str, Any]:
        return self._task(
            "ec2:replaceNetworkAclEntry",
            {
                "NetworkAclId": self._of.network_acl_id,
                "RuleNumber": RULE_NUMBER,
                "Protocol": "-1",
                "RuleAction": action,
                "Egress": egress,
                "CidrBlock": "0.0.0.0/0",
            },
        )

    def role(self, document: str) -> dict[str, Any]:
        return self._task(
            "iam:putRolePolicy",
            {
                "RoleName": self._of.role_name,
                "PolicyName": POLICY_NAME,
                "PolicyDocument": document,
            },
        )

    def list_tasks(self) -> dict[str, Any]:
        return self._task("ecs:listTasks", {"Cluster": self._of.cluster_name})

    def stop_task(self) -> dict[str, Any]:
        return self._task(
            "ecs:stopTask",
            {
                "Cluster": self._of.cluster_name,
                "Task": _query("$states.input"),
                "Reason": "A drill lost the region",
            },
        )

    def _task(self, call: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "Type": "Task",
            "Resource": f"arn:{self._of.partition}:states:::aws-sdk:{call}",
            "Arguments": dict(arguments),
            "TimeoutSeconds": 30,
        }

    def healing(self, name: str) -> dict[str, Any]:
        """The call that puts back what `name` of `HEALING` is about."""
        if name == "AllowTheRole":
            return self.role(json.dumps(denial(self.denied_action, LONG_AGO)))
        return self.entry(egress=name == "AllowOut", action="allow")


def denial(action: str, until: str) -> dict[str, Any]:
    """The inline policy of the role that is denied: void after `until`, whatever becomes of all else."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Drill",
                "Effect": "Deny",
                "Action": action,
                "Resource": "*",
                "Condition": {"DateLessThan": {"aws:CurrentTime": until}},
            }
        ],
    }


def _proofs(at: _Calls) -> dict[str, Any]:
    """Every heal once before the first fault: who may not heal, breaks nothing."""
    names = [*map(_proof, HEALING), BREAKING[0]]
    few = [
        {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 3}
    ]
    return {
        _proof(name): {**at.healing(name), "Retry": few, "Next": names[number + 1]}
        for number, name in enumerate(HEALING)
    }


def _breaking(at: _Calls) -> dict[str, Any]:
    """A fault that cannot be made is no drill: what was made is healed, and the execution fails."""
    back = [
        {
            "ErrorEquals": ["States.ALL"],
            "Assign": {"what": "failed", "cause": _query("$string($states.errorOutput)")},
            "Next": HEALING[0],
        }
    ]
    until = "$fromMillis($millis() + 1000 * $seconds)"
    denied = json.dumps(denial(at.denied_action, "UNTIL"))
    before, after = (json.dumps(part) for part in denied.split("UNTIL"))
    found = {
        "DenyTheRole": at.role(_query(f"{before} & {until} & {after}")),
        "DenyIn": at.entry(egress=False, action="deny"),
        "DenyOut": at.entry(egress=True, action="deny"),
    }
    order = [*found, "WhichTasks"]
    states = {
        name: {**task, "Catch": back, "Next": order[number + 1]}
        for number, (name, task) in enumerate(found.items())
    }
    stopping = {
        "WhichTasks": {
            "Type": "Choice",
            "Choices": [{"Condition": _query(f"$what = '{LOSE}'"), "Next": "ListTheTasks"}],
            "Default": IN_FORCE,
        },
        "ListTheTasks": {
            **at.list_tasks(),
            "Output": _query("[$states.result.TaskArns]"),
            "Catch": back,
            "Next": "StopTheTasks",
        },
        "StopTheTasks": {
            "Type": "Map",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "StopOne",
                "States": {"StopOne": {**at.stop_task(), "End": True}},
            },
            "Catch": back,
            "Next": IN_FORCE,
        },
    }
    return {**states, **stopping}


def _healing(at: _Calls) -> dict[str, Any]:
    """For an hour and a half each, and the next one even then; who starts it again goes on there."""
    long = [
        {
            "ErrorEquals": ["States.ALL"],
            "IntervalSeconds": 2,
            "BackoffRate": 1.5,
            "MaxDelaySeconds": 60,
            "MaxAttempts": 99,
        }
    ]
    names = [*HEALING, "Healed"]
    states: dict[str, Any] = {
        name: {
            **at.healing(name),
            "Retry": long,
            "Catch": [
                {
                    "ErrorEquals": ["States.ALL"],
                    "Assign": {"what": "failed", "cause": _query("$string($states.errorOutput)")},
                    "Next": names[number + 1],
                }
            ],
            "Next": names[number + 1],
        }
        for number, name in enumerate(HEALING)
    }
    return {
        **states,
        "Healed": {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": _query("$what = 'failed'"),
                    "Next": "Failed",
                }
            ],
            "Default": "Done",
        },
        "Failed": {"Type": "Fail", "Error": "Failed", "Cause": _query("$cause")},
        "Done": {"Type": "Succeed"},
    }


def _proof(name: str) -> str:
    return f"Prove{name}"


def _query(text: str) -> str:
    return f"{{% {text} %}}"
