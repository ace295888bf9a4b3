"""The most that the drill pipeline's bootstrap may do, whatever its policies say: nothing outside a drill.

A permissions boundary of the bootstrap's own roles and of every role that a deployment by it makes. It only
takes away: what another environment's resources are called, and what their tag says.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.failover.drill_names import DRILL_QUALIFIER, DRILL_SUFFIXES

BOUNDARY = "lifeline-drills-boundary"
TAG = "Environment"
CHANGES_OF_STACKS = (
    "Cancel*", "Continue*", "Create*", "Delete*", "Execute*", "Import*", "Rollback*", "Set*", "Signal*",
    "Stop*", "Update*",
)  # fmt: skip
CHANGES_OF_IDENTITIES = (
    "Add*", "Attach*", "Change*", "Create*", "Deactivate*", "Delete*", "Detach*", "Enable*", "Put*",
    "Remove*", "Reset*", "Set*", "Tag*", "Untag*", "Update*", "Upload*",
)  # fmt: skip
OBJECTS = (
    "Abort*", "Bypass*", "Create*", "Delete*", "GetObject*", "Initiate*", "Put*", "Replicate*", "Restore*",
    "Update*",
)  # fmt: skip
UNTAGGED = (
    "kafka:CreateTopic", "kafka:DeleteConfiguration", "kafka:DeleteTopic", "kafka:UpdateConfiguration",
    "kafka:UpdateTopic", "kms:DeleteAlias", "kms:UpdateAlias", "lambda:AddLayerVersionPermission",
    "lambda:DeleteLayerVersion", "lambda:RemoveLayerVersionPermission", "scheduler:DeleteSchedule",
    "scheduler:UpdateSchedule",
)  # fmt: skip
"""Changes of what has no tag for a policy to ask (Service Authorization Reference, resource types)."""


def boundary_document(*, partition: str, account: str) -> dict[str, Any]:
    """The policy. It allows everything that the rest does not deny: the role's own policies decide that."""

    def arns(service: str, *resources: str, place: str = "*") -> list[str]:
        return [f"arn:{partition}:{service}:{place}:{account}:{one}" for one in resources]

    def deny(sid: str, actions: list[str], **more: Any) -> dict[str, Any]:
        return {"Sid": sid, "Effect": "Deny", "Action": actions, **more}

    named, boundary = DRILL_SUFFIXES, f"arn:{partition}:iam::{account}:policy/{BOUNDARY}"
    roles = arns("iam", f"role/*-{named}", f"role/*-????-{named}-*", place="")
    assets = f"arn:{partition}:s3:::cdk-{DRILL_QUALIFIER}-assets-{account}-*"
    statements = [
        {"Sid": "WhatTheRoleMay", "Effect": "Allow", "Action": "*", "Resource": "*"},
        deny(
            "TaggedForAnother",
            ["*"],
            Resource="*",
            Condition={
                "StringNotLike": {f"aws:ResourceTag/{TAG}": named},
                "Null": {f"aws:ResourceTag/{TAG}": "false"},
            },
        ),
        deny(
            "StacksOfOthers",
            [f"cloudformation:{one}" for one in CHANGES_OF_STACKS],
            NotResource=arns("cloudformation", f"stack/*-{named}/*"),
        ),
        deny(
            "ObjectsOfOthers",
            [f"s3:{one}" for one in OBJECTS],
            NotResource=[
                f"arn:{partition}:s3:::*-{named}",
                f"arn:{partition}:s3:::*-{named}/*",
                assets,
            ],
        ),
        deny(
            "IdentitiesOfOthers",
            [f"iam:{one}" for one in CHANGES_OF_IDENTITIES],
            NotResource=[
                *roles,
                *arns("iam", f"policy/*-????-{named}-*", "role/aws-service-role/*", place=""),
            ],
        ),
        deny(
            "RolesOfOthers",
            ["iam:PassRole", "sts:AssumeRole", "sts:TagSession"],
            NotResource=[*roles, *arns("iam", f"role/cdk-{DRILL_QUALIFIER}-*", place="")],
        ),
        deny(
            "RolesWithoutTheBoundary",
            ["iam:CreateRole", "iam:PutRolePermissionsBoundary"],
            Resource="*",
            Condition={"StringNotEquals": {"iam:PermissionsBoundary": boundary}},
        ),
        deny("TheBoundaryStays", ["iam:DeleteRolePermissionsBoundary"], Resource="*"),
        deny(
            "UntaggedOfOthers",
            list(UNTAGGED),
            NotResource=[
                *arns("kafka", f"topic/*-{named}/*", f"configuration/*-{named}/*"),
                *arns("kms", f"alias/*-{named}", "key/*"),
                *arns("lambda", f"layer:*-{named}:*"),
                *arns("scheduler", f"schedule/*/*-{named}"),
            ],
        ),
        deny(
            "TheAccountsOwn",
            [
                "account:*",
                "organizations:*",
                "route53:Change*",
                "route53:Delete*",
                "route53:Update*",
            ],
            Resource="*",
        ),
        deny(
            "TheAccountsApiSetting",
            ["apigateway:PATCH", "apigateway:PUT"],
            Resource=f"arn:{partition}:apigateway:*::/account",
        ),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


class DrillBoundary(Construct):
    """The boundary as a managed policy of the account, one in all its regions.

    Covers: a step of a drilled branch that deletes, changes or reads what is tagged or named for another
    environment; that makes a role without this boundary; that takes the boundary off or changes it. Does not
    cover: a resource of another environment that has neither a tag nor a name of Lifeline's, such as what a
    person made by hand; what is billed.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        self.policy = iam.CfnManagedPolicy(
            self,
            "Policy",
            managed_policy_name=BOUNDARY,
            description="What nothing that the drill pipeline deploys may do",
            policy_document=boundary_document(partition=stack.partition, account=stack.account),
        )
        for rule in ("Action::*", "Resource::*"):
            acknowledge(
                self.policy,
                f"AwsSolutions-IAM5[{rule}]",
                reason="A boundary gives no right: it takes away from what a role's policies give.",
            )


def bind(scope: Construct) -> None:
    """Give every role in `scope` the boundary, without which the bootstrap's role may make none."""
    stack = Stack.of(scope)
    arn = f"arn:{stack.partition}:iam::{stack.account}:policy/{BOUNDARY}"
    policy = iam.ManagedPolicy.from_managed_policy_arn(scope, "DrillBoundary", arn)
    iam.PermissionsBoundary.of(scope).apply(policy)
