"""The role by which API Gateway writes logs: one an account and region, shared by every environment."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge


class ApiLogRole(Construct):
    """The role, and the account's setting that names it. Both outlive their stack.

    A stage with logs is refused in a region without the setting, and the setting is one an account and
    region (API Gateway Developer Guide, Set up CloudWatch logging; CloudFormation's page of
    AWS::ApiGateway::Account). So it belongs to no environment: `make account` makes it once
    (docs/decisions/0015).

    Covers: an environment that is destroyed takes nobody's logs with it. Does not cover: an account whose
    setting somebody else owns; it is overwritten. `lifeline preflight` says which it is.
    `region_code` stands in the role's name, as names of roles are one in an account.
    """

    def __init__(self, scope: Construct, construct_id: str, *, region_code: str) -> None:
        super().__init__(scope, construct_id)
        policy = "service-role/AmazonAPIGatewayPushToCloudWatchLogs"
        self.role = iam.Role(
            self,
            "Role",
            role_name=f"api-logs-{region_code}",
            description="API Gateway writes the logs of every stage of this account and region by it",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(policy)],
        )
        self.role.apply_removal_policy(RemovalPolicy.RETAIN)
        setting = apigateway.CfnAccount(self, "Setting", cloud_watch_role_arn=self.role.role_arn)
        setting.apply_removal_policy(RemovalPolicy.RETAIN)
        setting.node.add_dependency(self.role)
        acknowledge(
            self.role,
            f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{policy}]",
            reason="API Gateway's one log role of the account and region is meant to have it.",
        )
