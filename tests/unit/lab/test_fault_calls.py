"""Which call of the drill's machine makes which cut; the machine's own definition is the measure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.fault_calls import NetworkRule, RoleDenied, TaskStopped, UnknownFault, translated
from lifeline.failover.drill_machine import Breakable, definition, denial

OF = Breakable(
    network_acl_id="acl-1",
    role_name="events-api-cac1-test",
    denied_action="kinesis:PutRecords",
    cluster_name="services-test",
)


def calls() -> dict[str, tuple[str, dict[str, Any]]]:
    """State → call and arguments, of every task of the machine."""
    states = definition(OF)["States"]
    states |= states["StopTheTasks"]["ItemProcessor"]["States"]
    return {
        name: (one["Resource"].split("aws-sdk:")[1], one["Arguments"])
        for name, one in states.items()
        if one["Type"] == "Task"
    }


def test_the_lab_knows_every_call_of_the_machine() -> None:
    """A document that the machine makes only as it runs stands for one with an end."""
    made = json.dumps(denial("kinesis:PutRecords", "2026-11-22T05:00:00.000Z"))
    for name, (call, arguments) in calls().items():
        if name == "DenyTheRole":
            arguments = {**arguments, "PolicyDocument": made}
        assert (translated(call, arguments) is None) == (name == "ListTheTasks")


def test_each_call_is_its_cut() -> None:
    asked = calls()
    assert translated(*asked["DenyIn"]) == NetworkRule(egress=False, open=False)
    assert translated(*asked["DenyOut"]) == NetworkRule(egress=True, open=False)
    assert translated(*asked["AllowOut"]) == NetworkRule(egress=True, open=True)
    assert translated(*asked["AllowTheRole"]) == RoleDenied(until=0.0)
    assert translated("ecs:stopTask", {"Task": "arn:task/1"}) == TaskStopped("arn:task/1")


@pytest.mark.parametrize(
    "call",
    ["ec2:deleteNetworkAclEntry", "ec2:terminateInstances", "iam:deleteRole", "rds:failoverDBCluster"],
)  # fmt: skip
def test_a_call_without_a_cut_is_refused(call: str) -> None:
    with pytest.raises(UnknownFault, match="does not know what"):
        translated(call, {})


@pytest.mark.parametrize(
    "changed",
    [{"CidrBlock": "10.0.0.0/16"}, {"RuleNumber": 90}, {"Protocol": "6"}, {"RuleAction": "drop"}],
)
def test_half_a_cut_is_refused(changed: dict[str, Any]) -> None:
    call, arguments = calls()["DenyIn"]
    with pytest.raises(UnknownFault, match="all of a network or nothing"):
        translated(call, {**arguments, **changed})


@pytest.mark.parametrize(
    ("role", "document"),
    [
        ("keeper-cac1-test", denial("kinesis:PutRecords", "2026-11-22T05:00:00Z")),
        ("events-api-cac1-test", denial("kinesis:*", "2026-11-22T05:00:00Z")),
        ("events-api-cac1-test", denial("kinesis:PutRecords", "tomorrow")),
        ("events-api-cac1-test", {"Statement": []}),
    ],
)
def test_another_denial_is_refused(role: str, document: dict[str, Any]) -> None:
    with pytest.raises(UnknownFault):
        translated("iam:putRolePolicy", {"RoleName": role, "PolicyDocument": json.dumps(document)})
