"""Every grant takes who it is for, as the CDK's own do, and tells what it allowed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template

from lifeline.foundation.function import Function, Size, allow, policy_of
from lifeline.settings import Settings
from lifeline.stacks.lifeline_app import build
from tests.unit.constructs.conftest import FLAGS
from tests.unit.constructs.test_idiom import constructs


def stack() -> cdk.Stack:
    return cdk.Stack(cdk.App(analytics_reporting=False), "Orders")


def function(scope: cdk.Stack) -> Function:
    return Function(
        scope,
        "Reader",
        package="peer_lookup",
        description="Reads",
        environment={},
        size=Size(memory_mib=128, timeout_seconds=3, concurrency=1),
    )


def grants() -> list[str]:
    return [
        f"{construct.__name__}.{name}"
        for construct in constructs()
        for name in vars(construct)
        if name.startswith("grant_") and name != "grant_principal"
    ]


@pytest.mark.parametrize("name", grants())
def test_a_grant_takes_a_grantee_and_returns_a_grant(name: str) -> None:
    construct, _, method = name.partition(".")
    (owner,) = [one for one in constructs() if one.__name__ == construct]
    signature = inspect.signature(vars(owner)[method])
    assert signature.return_annotation == "iam.Grant"
    assert list(signature.parameters)[1] == "grantee"
    assert signature.parameters["grantee"].annotation == "iam.IGrantable"


FOR_OTHERS = {"FileAccess.grant_mount"}
"""Our application mounts no files; tests/unit/constructs/test_alone.py shows one that does."""


def test_every_grant_is_used_by_our_own_application(monkeypatch: pytest.MonkeyPatch) -> None:
    """What we do not use ourselves, nobody has seen work."""
    used: set[str] = set()

    def noted(name: str, grant: Callable[..., iam.Grant]) -> Callable[..., iam.Grant]:
        def called(*given: Any, **named: Any) -> iam.Grant:
            used.add(name)
            return grant(*given, **named)

        return called

    for name in grants():
        construct, _, method = name.partition(".")
        (owner,) = [one for one in constructs() if one.__name__ == construct]
        monkeypatch.setattr(owner, method, noted(name, vars(owner)[method]))
    app = cdk.App(analytics_reporting=False, context=FLAGS)
    build(app, Settings(environment_suffix="test", profile_name="dev"))
    assert sorted(set(grants()) - used) == sorted(FOR_OTHERS)


def test_there_are_grants() -> None:
    assert len(grants()) >= 5


def test_a_grant_to_a_function_lands_in_its_managed_policy() -> None:
    """Never in line: AwsSolutions and HIPAA find inline policies."""
    made = stack()
    reader = function(made)
    given = sqs.Queue(made, "Queue").grant_consume_messages(reader)
    assert given.success
    template = Template.from_stack(made)
    template.resource_count_is("AWS::IAM::Policy", 0)
    assert "sqs:ReceiveMessage" in str(template.find_resources("AWS::IAM::ManagedPolicy"))


def test_a_statement_carries_its_name_and_its_conditions() -> None:
    made = stack()
    reader = function(made)
    given = allow(reader, "ReadIt", ["s3:GetObject"], ["*"], {"Bool": {"aws:X": "true"}})
    assert given.success
    (policy,) = Template.from_stack(made).find_resources("AWS::IAM::ManagedPolicy").values()
    assert policy["Properties"]["PolicyDocument"]["Statement"][-1] == {
        "Sid": "ReadIt",
        "Action": "s3:GetObject",
        "Condition": {"Bool": {"aws:X": "true"}},
        "Effect": "Allow",
        "Resource": "*",
    }


def test_anybodys_role_can_be_granted_to() -> None:
    made = stack()
    role = iam.Role(made, "Role", assumed_by=iam.AccountRootPrincipal())
    assert allow(role, "ReadIt", ["s3:GetObject"], ["*"]).success
    assert policy_of(role) is None
    Template.from_stack(made).resource_count_is("AWS::IAM::Policy", 1)


def test_a_wildcard_action_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'s3:\*' of Everything has a wildcard"):
        allow(function(stack()), "Everything", ["s3:*"], ["*"])
