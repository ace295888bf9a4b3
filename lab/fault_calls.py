"""What a call of a drill's state machine breaks or heals here; a call that is not known is no fault.

On AWS the calls themselves cut: an entry of a network ACL, a denial in a role's policy, a task that is
stopped. The emulator only notes them, so the lab makes the same cut.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

EVERYTHING = {"RuleNumber": 1, "Protocol": "-1", "CidrBlock": "0.0.0.0/0"}
API_ROLE = "events-api-"
DENIED_ACTION = "kinesis:PutRecords"


class UnknownFault(ValueError):
    """The lab does not know what this call would cut on AWS."""


@dataclass(frozen=True)
class NetworkRule:
    """Whether anything leaves (`egress`) or enters the region's subnets."""

    egress: bool
    open: bool


@dataclass(frozen=True)
class RoleDenied:
    """The API may not write into the stream until then, in epoch seconds."""

    until: float


@dataclass(frozen=True)
class TaskStopped:
    """One task of the region's services."""

    task: str


Fault = NetworkRule | RoleDenied | TaskStopped


def translated(call: str, arguments: Mapping[str, Any]) -> Fault | None:
    """`call` is `service:operation` as Step Functions writes it. None: it reads. Raises UnknownFault."""
    if call == "ec2:replaceNetworkAclEntry":
        return _network_rule(arguments)
    if call == "iam:putRolePolicy":
        return _role_denied(arguments)
    if call == "ecs:stopTask":
        return TaskStopped(str(arguments["Task"]))
    if call == "ecs:listTasks":
        return None
    raise UnknownFault(f"The lab does not know what {call} cuts: decide in lab/fault_calls.py.")


def _network_rule(arguments: Mapping[str, Any]) -> NetworkRule:
    said = {key: arguments.get(key) for key in EVERYTHING}
    action = arguments.get("RuleAction")
    if said != EVERYTHING or action not in ("allow", "deny"):
        raise UnknownFault(
            f"The lab cuts all of a network or nothing: {EVERYTHING}, allow or deny; not {dict(arguments)}."
        )
    return NetworkRule(egress=bool(arguments["Egress"]), open=action == "allow")


def _role_denied(arguments: Mapping[str, Any]) -> RoleDenied:
    role = str(arguments.get("RoleName", ""))
    try:
        (statement,) = json.loads(arguments["PolicyDocument"])["Statement"]
        denied = (statement["Effect"], statement["Action"], statement["Resource"])
        until = statement["Condition"]["DateLessThan"]["aws:CurrentTime"]
        moment = datetime.fromisoformat(until.replace("Z", "+00:00")).timestamp()
    except (KeyError, TypeError, ValueError) as error:
        raise UnknownFault(f"The lab cannot read the denial of {role}: {error!r}.") from error
    if not role.startswith(API_ROLE) or denied != ("Deny", DENIED_ACTION, "*"):
        raise UnknownFault(
            f"The lab denies {DENIED_ACTION} to the role {API_ROLE}… and nothing else: not {denied} to "
            f"{role}."
        )
    return RoleDenied(moment)
