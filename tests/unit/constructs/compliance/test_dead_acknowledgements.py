"""An acknowledgement that answers no finding is named (S13)."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from lifeline.compliance.acknowledge import acknowledge
from lifeline.compliance.dead_acknowledgements import Acknowledgement, dead_acknowledgements
from lifeline.compliance.packs import attach_packs
from tests.unit.constructs.conftest import ACCOUNT, FLAGS

OBJECTS = "arn:aws:s3:::bucket-{}/*"


def assembly(folder: Path, account: str | None, *acknowledged: str, finding: bool = True) -> Path:
    """A nag build of one policy; with `finding` it allows the objects of the account's bucket."""
    app = cdk.App(outdir=str(folder), analytics_reporting=False, context=FLAGS)
    stack = cdk.Stack(app, "Data", env=cdk.Environment(account=account, region="ca-central-1"))
    resource = OBJECTS.format(stack.account) if finding else "arn:aws:s3:::bucket/one"
    policy = iam.ManagedPolicy(stack, "Policy")
    policy.add_statements(iam.PolicyStatement(actions=["s3:GetObject"], resources=[resource]))
    acknowledge(policy, *acknowledged, reason="Of the test.")
    attach_packs(app)
    app.synth()
    return folder


def pattern(account: str) -> str:
    return f"AwsSolutions-IAM5[Resource::{OBJECTS.format(account)}]"


GONE = "AwsSolutions-IAM5[Resource::<Gone5E2F8E6B.Arn>]"
UNKNOWN = "<AWS::AccountId>"


def test_only_what_met_no_finding_is_named(tmp_path: Path) -> None:
    folder = assembly(tmp_path / "dev", None, pattern(UNKNOWN), GONE, "LambdaDLQ")
    assert dead_acknowledgements([(folder, None)]) == [
        Acknowledgement("Data/Policy", GONE),
        Acknowledgement("Data/Policy", "LambdaDLQ"),
    ]


def test_a_finding_of_one_profile_is_enough_whichever_knows_the_account(tmp_path: Path) -> None:
    dev = assembly(tmp_path / "dev", None, pattern(UNKNOWN), finding=False)
    prod = assembly(tmp_path / "prod", ACCOUNT, pattern(ACCOUNT))
    assert dead_acknowledgements([(dev, None)]) == [
        Acknowledgement("Data/Policy", pattern(UNKNOWN))
    ]
    assert dead_acknowledgements([(dev, None), (prod, ACCOUNT)]) == []
