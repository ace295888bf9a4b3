"""The order in which CloudFormation deletes: what calls a function first, then it, then its log group.

A resource is deleted before what it depends on, a stack before the stacks it depends on. A caller that is
deleted after its function calls one that is gone; a run that ends after its log group was deleted would
make it anew, outside our key and kept for ever, if its role may.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lifeline.compliance.continuity_policy import ContinuityPolicy
from lifeline.compliance.keeping_rules import (
    IDENTITIES,
    actions_of,
    identity_statements,
    physical_name,
)
from lifeline.compliance.synthesized_environment import (
    Resource,
    StackTemplate,
    SynthesizedEnvironment,
    intrinsics,
    read_environment,
    rendered,
    texts,
)
from tests.conftest import Assembly

pytestmark = pytest.mark.synth
PROFILES = ("dev", "prod")
CALLED = ("AWS::Lambda::Function", "AWS::StepFunctions::StateMachine")
LOG_GROUP = "AWS::Logs::LogGroup"
CREATE = "logs:CreateLogGroup"
CALLS_NOTHING = frozenset(
    {
        *IDENTITIES,
        LOG_GROUP,
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::Cognito::UserPoolClient",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Permission",
        "AWS::Logs::MetricFilter",
    }
)
"""Types that name a function without calling it. Any other resource that names one is held to be a caller."""
AWS_POLICIES = {
    "service-role/AmazonAPIGatewayPushToCloudWatchLogs": "the account's one role for API Gateway; it makes "
    "the execution logs' groups, which the service names itself",
    "service-role/AmazonRDSEnhancedMonitoringRole": "makes RDSOSMetrics only, which is the account's",
    "service-role/AWSBackupServiceRolePolicyForBackup": "writes no log",
    "service-role/AWSBackupServiceRolePolicyForRestores": "writes no log",
}
"""The policies of AWS that our roles have, and why none makes one of our log groups."""

StackDependencies = Mapping[str, frozenset[str]]


@pytest.fixture(scope="module", params=PROFILES)
def folder(request: pytest.FixtureRequest, assembly_of: Callable[..., Assembly]) -> Path:
    """The assembly of a profile."""
    return assembly_of(str(request.param)).folder


@pytest.fixture(scope="module")
def environment(folder: Path) -> SynthesizedEnvironment:
    """Every template of that profile."""
    return read_environment(folder, ContinuityPolicy(suffix="test"))


def _stack_dependencies(folder: Path) -> StackDependencies:
    """What each stack is deployed after, directly or not."""
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    direct = {name: artifacts[name].get("dependencies", []) for name in artifacts}
    return {name: _reached(name, direct) for name in direct}


def _reached(start: str, direct: Mapping[str, list[str]]) -> frozenset[str]:
    found: set[str] = set()
    left = [start]
    while left:
        new = set(direct.get(left.pop(), ())) - found
        found |= new
        left += new
    return frozenset(found)


@cache
def _dependencies(stack: StackTemplate) -> Mapping[str, frozenset[str]]:
    """What each resource of the stack is made after, directly or not."""
    direct = {name: sorted(_direct(one)) for name, one in stack.resources.items()}
    return {name: _reached(name, direct) for name in direct}


def _direct(resource: Resource) -> Iterator[str]:
    named = resource.body.get("DependsOn", [])
    yield from [named] if isinstance(named, str) else named
    for target in intrinsics(resource.body, "Ref"):
        yield str(target)
    for target in intrinsics(resource.body, "Fn::GetAtt"):
        yield target.split(".")[0] if isinstance(target, str) else str(target[0])
    for sub in intrinsics(resource.body, "Fn::Sub"):
        text = sub if isinstance(sub, str) else sub[0]
        yield from re.findall(r"\$\{(\w+)[.}]", text)


def _names(resource: Resource, called: Resource) -> bool:
    """Whether the resource refers to the other one: by reference, by import, or by its name as text."""
    if resource.stack is called.stack and called.logical_id in _direct(resource):
        return True
    exported = _exports(called)
    if any(rendered(one) in exported for one in intrinsics(resource.body, "Fn::ImportValue")):
        return True
    name = re.compile(rf"(?<![\w-]){re.escape(physical_name(called))}(?![\w-])")
    return any(name.search(one) for one in texts(resource.properties))


def _exports(called: Resource) -> set[str]:
    """The names under which the stack exports something of the resource."""
    outputs = called.stack.template.get("Outputs", {}).values()
    return {
        rendered(one["Export"]["Name"])
        for one in outputs
        if "Export" in one and rendered(one["Value"]).startswith(f"${{{called.logical_id}")
    }


def _late_callers(environment: SynthesizedEnvironment, stacks: StackDependencies) -> Iterator[str]:
    """Callers that are not deleted before what they call."""
    for called in environment.of_type(*CALLED):
        for one in environment.resources():
            if one is called or one.type in CALLS_NOTHING or one.region != called.region:
                continue
            if not _names(one, called):
                continue
            if one.stack is called.stack:
                first = called.logical_id in _dependencies(one.stack)[one.logical_id]
            else:
                first = called.stack.name in stacks[one.stack.name]
            if not first:
                yield f"{one.stack.name} {one.logical_id} calls {called.logical_id}"


def _groups_before_their_writer(environment: SynthesizedEnvironment) -> Iterator[str]:
    """Functions and state machines whose log group is not their stack's, or is deleted before them."""
    for one in environment.of_type(*CALLED):
        groups = [
            other.logical_id
            for other in one.stack.resources.values()
            if other.type == LOG_GROUP and other.logical_id in _direct(one)
        ]
        if not groups:
            yield f"{one.stack.name} {one.logical_id}"


def _makers_of_groups(environment: SynthesizedEnvironment) -> Iterator[str]:
    """Identities that may make a log group, and policies of AWS that nobody looked at."""
    for one in environment.of_type(*IDENTITIES):
        for statement in identity_statements(one):
            allowed = statement.get("Effect") == "Allow"
            if allowed and any(
                fnmatchcase(CREATE.lower(), a.lower()) for a in actions_of(statement)
            ):
                yield f"{one.stack.name} {one.logical_id}"
        for arn in one.properties.get("ManagedPolicyArns", []):
            name = rendered(arn).partition(":iam::aws:policy/")[2]
            if name and name not in AWS_POLICIES:
                yield f"{one.stack.name} {one.logical_id} {name}"


def test_what_calls_a_function_is_deleted_before_it(
    folder: Path, environment: SynthesizedEnvironment
) -> None:
    assert len(environment.of_type(*CALLED)) > 20
    assert sorted(_late_callers(environment, _stack_dependencies(folder))) == []


def test_a_function_is_deleted_before_its_log_group(environment: SynthesizedEnvironment) -> None:
    assert sorted(_groups_before_their_writer(environment)) == []


def test_nobody_may_make_a_log_group(environment: SynthesizedEnvironment) -> None:
    """Every group is a template's: under our key, kept as long as the profile says, gone when destroyed."""
    assert sorted(_makers_of_groups(environment)) == []


def test_a_log_group_that_a_service_names_is_deleted_after_its_writer(
    environment: SynthesizedEnvironment,
) -> None:
    """Nothing refers to a group such as `/aws/rds/cluster/{name}/postgresql`; its writer says DependsOn."""
    for group in environment.of_type(LOG_GROUP):
        users = [
            one.logical_id
            for one in group.stack.resources.values()
            if one.type not in CALLS_NOTHING and group.logical_id in _direct(one)
        ]
        assert users, (group.stack.name, group.logical_id)


NOBODY: StackDependencies = {"Calling": frozenset(), "Called": frozenset()}
RULE = {
    "Type": "AWS::Events::Rule",
    "Properties": {"Targets": [{"Arn": "arn:x:function:meter-test"}]},
}


def _written(**stacks: dict[str, Any]) -> SynthesizedEnvironment:
    """Stacks of one region with these resources, and the one function `meter-test` in `Called`."""
    called: dict[str, Any] = {
        "Group": {"Type": LOG_GROUP},
        "Meter": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "meter-test",
                "LoggingConfig": {"LogGroup": {"Ref": "Group"}},
            },
        },
    }
    stacks["Called"] = called | stacks.get("Called", {})
    exported = {"Value": {"Fn::GetAtt": ["Meter", "Arn"]}, "Export": {"Name": "Called:Meter"}}
    return SynthesizedEnvironment(
        ContinuityPolicy(suffix="test"),
        [
            StackTemplate(
                name, "ca-west-1", {"Resources": resources, "Outputs": {"Meter": exported}}
            )
            for name, resources in stacks.items()
        ],
    )


def test_the_walk_sees_callers_by_name() -> None:
    late = ["Called Rule calls Meter"]
    assert list(_late_callers(_written(Called={"Rule": RULE}), NOBODY)) == late
    for after in ("Meter", ["Other"]):
        first = {"Rule": {**RULE, "DependsOn": after}, "Other": {**RULE, "DependsOn": "Meter"}}
        assert list(_late_callers(_written(Called=first), NOBODY)) == []


def test_the_walk_sees_callers_in_other_stacks() -> None:
    imports = {
        "Type": "Custom::Emptied",
        "Properties": {"ServiceToken": {"Fn::ImportValue": "Called:Meter"}},
    }
    for caller in (RULE, imports):
        environment = _written(Calling={"Caller": caller})
        assert list(_late_callers(environment, NOBODY)) == ["Calling Caller calls Meter"]
        after = {"Calling": frozenset({"Called"})}
        assert list(_late_callers(environment, after)) == []


def test_the_walk_sees_a_reference_as_an_order() -> None:
    for reference in (
        {"Ref": "Meter"},
        {"Fn::GetAtt": ["Meter", "Arn"]},
        {"Fn::Sub": "${Meter.Arn}:x"},
    ):
        rule = {"Type": "AWS::Events::Rule", "Properties": {"Targets": [{"Arn": reference}]}}
        environment = _written(Called={"Rule": rule})
        called = environment.stacks[0].resources["Meter"]
        assert _names(environment.stacks[0].resources["Rule"], called)
        assert list(_late_callers(environment, NOBODY)) == []


def test_the_walk_sees_a_function_without_a_log_group_of_its_stack() -> None:
    assert list(_groups_before_their_writer(_written())) == []
    bare = {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "bare-test"}}
    assert list(_groups_before_their_writer(_written(Other={"Bare": bare}))) == ["Other Bare"]


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": CREATE, "Resource": "*"},
        {"Effect": "Allow", "Action": ["s3:GetObject", "logs:create*"], "Resource": "*"},
        {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"},
    ],
)
def test_the_walk_sees_who_may_make_a_log_group(statement: dict[str, Any]) -> None:
    document = {"PolicyDocument": {"Statement": [statement]}}
    policy = {"Type": "AWS::IAM::ManagedPolicy", "Properties": document}
    assert list(_makers_of_groups(_written(Other={"Policy": policy}))) == ["Other Policy"]
    statement["Effect"] = "Deny"
    assert list(_makers_of_groups(_written(Other={"Policy": policy}))) == []


def test_the_walk_sees_policies_of_aws_that_nobody_looked_at() -> None:
    arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    role = {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": [arn]}}
    (found,) = _makers_of_groups(_written(Other={"Role": role}))
    assert found.endswith("AWSLambdaBasicExecutionRole")
