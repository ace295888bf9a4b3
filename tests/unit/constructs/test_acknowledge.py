"""An acknowledgement is written the way the packs write their findings, whatever is not known at synth."""

from __future__ import annotations

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from lifeline.compliance.acknowledge import acknowledge_pattern
from lifeline.compliance.packs import attach_packs
from lifeline.foundation.function import allow


@pytest.mark.parametrize("env", [None, cdk.Environment(account="123456789012", region="eu-west-1")])
def test_a_pattern_is_acknowledged_in_any_account_and_region(env: cdk.Environment | None) -> None:
    app = cdk.App(analytics_reporting=False)
    attach_packs(app)
    stack = cdk.Stack(app, "Orders", env=env)
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    policy = iam.ManagedPolicy(stack, "Policy", roles=[role])
    pattern = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:orders:*"
    allow(policy, "WriteLogs", ["logs:PutLogEvents"], [pattern])
    acknowledge_pattern(policy, pattern, reason="The service names the streams itself.")
    app.synth()
