"""The stack that a drill breaks a region with: made healed, allowed one network, one role and one cluster."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from lifeline.failover.drill_breaker import DrillBreaker
from lifeline.failover.drill_machine import HEALING, LONG_AGO, POLICY_NAME, denial
from lifeline.settings import settings_from_context
from tests.unit.constructs.conftest import MakeStack

ACL, CLUSTER = "acl-0123456789abcdef0", "services-test"


def template(make_stack: MakeStack, *, nag: bool = False) -> Template:
    one = make_stack(nag=nag)
    DrillBreaker(
        one.stack, "Breaker", site=one.site, keys=one.keys, network_acl_id=ACL, cluster_name=CLUSTER
    )
    return one.template()


def of_type(made: Template, kind: str) -> list[dict[str, Any]]:
    return [dict(one["Properties"]) for one in made.find_resources(f"AWS::{kind}").values()]


def states(made: Template) -> dict[str, Any]:
    (machine,) = of_type(made, "StepFunctions::StateMachine")
    found: dict[str, Any] = json.loads(machine["DefinitionString"])["States"]
    return found


def test_what_a_heal_puts_back_is_what_the_stack_makes(make_stack: MakeStack) -> None:
    made = template(make_stack)
    entries = {one["Egress"]: one for one in of_type(made, "EC2::NetworkAclEntry")}
    told = states(made)
    for heal, egress in (("AllowIn", False), ("AllowOut", True)):
        said, there = told[heal]["Arguments"], entries[egress]
        assert said["RuleAction"] == there["RuleAction"] == "allow"
        assert said["RuleNumber"] == there["RuleNumber"]
        assert said["Protocol"] == str(there["Protocol"])
        assert said["CidrBlock"] == there["CidrBlock"]
    (policy,) = of_type(made, "IAM::RolePolicy")
    said = told["AllowTheRole"]["Arguments"]
    assert policy["PolicyDocument"] == json.loads(said["PolicyDocument"])
    assert policy["PolicyDocument"] == denial("kinesis:PutRecords", LONG_AGO)
    assert policy["PolicyName"] == said["PolicyName"] == POLICY_NAME
    assert policy["RoleName"] == said["RoleName"] == "events-api-cac1-test"


def test_it_may_do_what_it_calls_and_to_nothing_else(make_stack: MakeStack) -> None:
    made = template(make_stack)
    (document,) = [
        one["PolicyDocument"]["Statement"]
        for one in of_type(made, "IAM::ManagedPolicy")
        if any(s["Sid"] == "CutTheNetwork" for s in one["PolicyDocument"]["Statement"])
    ]
    allowed = {one["Sid"]: one for one in document}
    assert allowed["CutTheNetwork"]["Action"] == "ec2:ReplaceNetworkAclEntry"
    assert json.dumps(allowed["CutTheNetwork"]["Resource"]).count(f":network-acl/{ACL}") == 1
    assert allowed["DenyTheRole"]["Action"] == "iam:PutRolePolicy"
    assert allowed["DenyTheRole"]["Resource"].endswith(":role/events-api-cac1-test")
    assert allowed["StopTheTasks"]["Resource"].endswith(f":task/{CLUSTER}/*")
    assert f":cluster/{CLUSTER}" in json.dumps(allowed["FindTheTasks"]["Condition"])
    told = states(made)
    tasks = [*told.values(), *told["StopTheTasks"]["ItemProcessor"]["States"].values()]
    called = {
        one["Resource"].rsplit("aws-sdk:", 1)[1].lower() for one in tasks if one["Type"] == "Task"
    }
    own = {name for name in allowed if name != "DeliverLogs"}
    assert called == {allowed[name]["Action"].lower() for name in own}


def test_an_execution_that_ends_badly_is_followed_by_a_heal(make_stack: MakeStack) -> None:
    made = template(make_stack)
    (rule,) = of_type(made, "Events::Rule")
    assert sorted(rule["EventPattern"]["detail"]["status"]) == ["ABORTED", "FAILED", "TIMED_OUT"]
    (machine,) = rule["EventPattern"]["detail"]["stateMachineArn"]
    (target,) = rule["Targets"]
    assert target["Arn"] == machine
    assert json.loads(target["Input"]) == {"break": "nothing"}
    assert states(made)["Checked"]["Choices"][0]["Next"] == HEALING[0]


def test_the_packs_find_nothing(make_stack: MakeStack) -> None:
    template(make_stack, nag=True)


def test_a_region_is_broken_by_its_own_machine(make_stack: MakeStack) -> None:
    """Step Functions calls the services of its own region only."""
    one = make_stack(region="ca-west-1")
    made = DrillBreaker(
        one.stack, "Breaker", site=one.site, keys=one.keys, network_acl_id=ACL, cluster_name=CLUSTER
    )
    assert ":ca-west-1:" in made.state_machine_arn


@pytest.mark.parametrize("word", ["freely", "confirmed"])
def test_the_mark_is_a_setting(make_stack: MakeStack, word: str) -> None:
    assert settings_from_context({"environmentSuffix": "a", "drills": word}.get).drills == word
