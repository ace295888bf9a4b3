"""S2: what the drill pipeline's bootstrap may do at most, asked of an IAM evaluator.

With every right of an administrator and the boundary: nothing of another environment is read, changed or
deleted, and everything of a drill's is. Whether a policy can ask for a resource's tag is IAM's own reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import aws_cdk as cdk
import pytest

from lifeline.compliance.reach.rights import Ask
from lifeline.compliance.reach.world import ACCOUNT
from lifeline.failover.drill_boundary import BOUNDARY, TAG, boundary_document
from lifeline.settings import Settings
from lifeline.site import Site
from lifeline.stacks.account import build_account
from lifeline.stacks.site_stack import BOOTSTRAP_QUALIFIER
from lifeline.stacks.witness import Witness
from scripts.iam_evaluator import ROOT, evaluate
from tests.conftest import Assembly

DRILL, OTHER = "dr0123abcd", "prod"
DATA = ROOT / "node_modules" / "@cloud-copilot" / "iam-data" / "data"
PRINCIPAL = f"arn:aws:iam::{ACCOUNT}:role/cdk-drills-cfn-exec-role-{ACCOUNT}-ca-central-1"
HERE = f"ca-central-1:{ACCOUNT}"
EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
KEY_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}
"""As each key has it: without one, IAM policies say nothing of a key."""
GENERATED = "0a1b2c3d4e5f67890"

ACTS = {
    "AWS::ApiGateway::RestApi": ("apigateway:DELETE", "apigateway:ca-central-1::/restapis/{id}"),
    "AWS::Backup::BackupPlan": ("backup:DeleteBackupPlan", f"backup:{HERE}:backup-plan:{{id}}"),
    "AWS::Backup::BackupVault": (
        "backup:DeleteBackupVault", f"backup:{HERE}:backup-vault:backups-{{suffix}}",
    ),
    "AWS::CloudTrail::Trail": ("cloudtrail:StopLogging", f"cloudtrail:{HERE}:trail/trail-{{suffix}}"),
    "AWS::CloudWatch::Alarm": (
        "cloudwatch:DeleteAlarms", f"cloudwatch:{HERE}:alarm:lag-{{suffix}}",
    ),
    "AWS::CodeBuild::Project": (
        "codebuild:UpdateProject", f"codebuild:{HERE}:project/drill-destroy-{{suffix}}",
    ),
    "AWS::CodePipeline::Pipeline": (
        "codepipeline:DeletePipeline", f"codepipeline:{HERE}:drill-{{suffix}}",
    ),
    "AWS::Cognito::UserPool": (
        "cognito-idp:DeleteUserPool", f"cognito-idp:{HERE}:userpool/ca-central-1_{{id}}",
    ),
    "AWS::DynamoDB::Table": ("dynamodb:DeleteTable", f"dynamodb:{HERE}:table/lease-{{suffix}}"),
    "AWS::EC2::Subnet": ("ec2:DeleteSubnet", f"ec2:{HERE}:subnet/subnet-{{id}}"),
    "AWS::EC2::VPC": ("ec2:DeleteVpc", f"ec2:{HERE}:vpc/vpc-{{id}}"),
    "AWS::EC2::SecurityGroup": (
        "ec2:AuthorizeSecurityGroupIngress", f"ec2:{HERE}:security-group/sg-{{id}}",
    ),
    "AWS::EC2::VPCEndpoint": ("ec2:DeleteVpcEndpoints", f"ec2:{HERE}:vpc-endpoint/vpce-{{id}}"),
    "AWS::ECR::Repository": ("ecr:PutImage", f"ecr:{HERE}:repository/processor-{{suffix}}"),
    "AWS::ECS::Service": (
        "ecs:DeleteService", f"ecs:{HERE}:service/services-{{suffix}}/applier-{{suffix}}",
    ),
    "AWS::EFS::FileSystem": (
        "elasticfilesystem:DeleteFileSystem", f"elasticfilesystem:{HERE}:file-system/fs-{{id}}",
    ),
    "AWS::ElastiCache::ReplicationGroup": (
        "elasticache:DeleteReplicationGroup",
        f"elasticache:{HERE}:replicationgroup:cache-{{suffix}}",
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (
        "elasticloadbalancing:DeleteLoadBalancer",
        f"elasticloadbalancing:{HERE}:loadbalancer/net/query-{{suffix}}/{{id}}",
    ),
    "AWS::Events::Rule": ("events:DisableRule", f"events:{HERE}:rule/keeper-{{suffix}}"),
    "AWS::IAM::ManagedPolicy": (
        "iam:CreatePolicyVersion",
        f"iam::{ACCOUNT}:policy/failover-cac1-{{suffix}}-KeeperPolicy0A1B-{{id}}",
    ),
    "AWS::IAM::Role": ("iam:UpdateAssumeRolePolicy", f"iam::{ACCOUNT}:role/keeper-cac1-{{suffix}}"),
    "AWS::KMS::Key": ("kms:ScheduleKeyDeletion", f"kms:{HERE}:key/{{id}}"),
    "AWS::Kinesis::Stream": ("kinesis:DeleteStream", f"kinesis:{HERE}:stream/events-{{suffix}}"),
    "AWS::Lambda::Function": (
        "lambda:UpdateFunctionCode", f"lambda:{HERE}:function:failover-step-{{suffix}}",
    ),
    "AWS::Logs::LogGroup": ("logs:DeleteLogGroup", f"logs:{HERE}:log-group:/lifeline/{{suffix}}"),
    "AWS::MSK::Cluster": ("kafka:DeleteCluster", f"kafka:{HERE}:cluster/log-{{suffix}}/{{id}}"),
    "AWS::RDS::DBCluster": ("rds:ModifyDBCluster", f"rds:{HERE}:cluster:database-cac1-{{suffix}}"),
    "AWS::RDS::GlobalCluster": (
        "rds:FailoverGlobalCluster", f"rds::{ACCOUNT}:global-cluster:global-{{suffix}}",
    ),
    "AWS::S3::Bucket": ("s3:DeleteBucket", f"s3:::evidence-cac1-{ACCOUNT}-{{suffix}}"),
    "AWS::SNS::Topic": ("sns:DeleteTopic", f"sns:{HERE}:page-{{suffix}}"),
    "AWS::SSM::Parameter": (
        "ssm:DeleteParameter", f"ssm:{HERE}:parameter/lifeline/{{suffix}}/cache-hosts",
    ),
    "AWS::SecretsManager::Secret": (
        "secretsmanager:GetSecretValue", f"secretsmanager:{HERE}:secret:database-admin-{{suffix}}-aBcDeF",
    ),
    "AWS::StepFunctions::StateMachine": (
        "states:UpdateStateMachine", f"states:{HERE}:stateMachine:failover-{{suffix}}",
    ),
    "AWS::WAFv2::WebACL": (
        "wafv2:DeleteWebACL", f"wafv2:{HERE}:regional/webacl/edge-{{suffix}}/{{id}}",
    ),
}  # fmt: skip
"""By type: what would hurt most, and the resource that it names."""

BESIDE = (
    ("cloudformation:DeleteStack", f"cloudformation:{HERE}:stack/data-cac1-{{suffix}}/{{id}}"),
    ("cloudformation:CreateChangeSet", f"cloudformation:{HERE}:stack/data-cac1-{{suffix}}/{{id}}"),
    ("s3:GetObject", f"s3:::evidence-cac1-{ACCOUNT}-{{suffix}}/drills/one/evidence.json"),
    ("s3:PutObject", f"s3:::pipeline-cac1-{ACCOUNT}-{{suffix}}/drill-{{suffix}}/Source/one"),
    ("iam:PassRole", f"iam::{ACCOUNT}:role/keeper-cac1-{{suffix}}"),
    ("sts:AssumeRole", f"iam::{ACCOUNT}:role/keeper-cac1-{{suffix}}"),
    ("kms:Decrypt", f"kms:{HERE}:key/{{id}}"),
    ("kms:DeleteAlias", f"kms:{HERE}:alias/data-{{suffix}}"),
    ("scheduler:DeleteSchedule", f"scheduler:{HERE}:schedule/default/drill-daily-{{suffix}}"),
    ("kafka:DeleteTopic", f"kafka:{HERE}:topic/log-{{suffix}}/{{id}}/events"),
)
"""What is done to what carries no tag, or to what lies in it."""

NEVER = (
    ("cloudformation:DeleteStack", f"cloudformation:{HERE}:stack/CDKToolkit/{GENERATED}"),
    ("cloudformation:UpdateStack", f"cloudformation:{HERE}:stack/account-cac1/{GENERATED}"),
    ("sts:AssumeRole", f"iam::{ACCOUNT}:role/cdk-hnb659fds-deploy-role-{ACCOUNT}-ca-central-1"),
    ("iam:PassRole", f"iam::{ACCOUNT}:role/cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-ca-central-1"),
    ("iam:AttachRolePolicy", f"iam::{ACCOUNT}:role/cdk-drills-deploy-role-{ACCOUNT}-ca-central-1"),
    ("iam:DeleteRolePermissionsBoundary", f"iam::{ACCOUNT}:role/keeper-cac1-{DRILL}"),
    ("iam:CreatePolicyVersion", f"iam::{ACCOUNT}:policy/{BOUNDARY}"),
    ("iam:CreateUser", f"iam::{ACCOUNT}:user/someone"),
    ("iam:CreateRole", f"iam::{ACCOUNT}:role/keeper-cac1-{DRILL}"),
    ("apigateway:PATCH", "apigateway:ca-central-1::/account"),
    ("route53:DeleteHostedZone", "route53:::hostedzone/Z0123456789"),
)
"""The account's own, another bootstrap's, the boundary itself; a role without it."""

OF_THE_REST = re.compile(
    r"^AWS::(CDK|CloudFormation|Glue|GuardDuty|Route53|ApplicationAutoScaling)::"
)
"""Services whose other environments' resources are reached by tag alone, or are the CDK's own."""
PARTS = re.compile(
    r"""^AWS::(
    ApiGateway::(Authorizer|Deployment|GatewayResponse|Method|Model|RequestValidator|Resource|Stage
                |UsagePlan|VpcLink)
    |Backup::(BackupSelection|RestoreTestingPlan|RestoreTestingSelection)
    |CloudWatch::(CompositeAlarm|Dashboard)
    |Cognito::(UserPoolClient|UserPoolDomain|UserPoolResourceServer)
    |EC2::(EIP|FlowLog|InternetGateway|NatGateway|Route|RouteTable|SecurityGroupEgress
          |SecurityGroupIngress|SubnetRouteTableAssociation|VPCGatewayAttachment|VPCPeeringConnection)
    |ECR::ReplicationConfiguration|ECS::(Cluster|TaskDefinition)|EFS::(AccessPoint|MountTarget)
    |ElastiCache::(GlobalReplicationGroup|ParameterGroup|SubnetGroup|User|UserGroup)
    |ElasticLoadBalancingV2::(Listener|TargetGroup)|KMS::(Alias|ReplicaKey)
    |Lambda::(EventInvokeConfig|EventSourceMapping|LayerVersion|Permission)
    |Logs::(LogStream|MetricFilter|ResourcePolicy|SubscriptionFilter)
    |MSK::(ClusterPolicy|Configuration|Topic)
    |RDS::(DBClusterParameterGroup|DBInstance|DBParameterGroup|DBSubnetGroup|EventSubscription)
    |S3::BucketPolicy|SNS::(TopicPolicy|Subscription)|SQS::(Queue|QueuePolicy)|Scheduler::Schedule
    |SecretsManager::(ResourcePolicy|RotationSchedule)|WAFv2::(LoggingConfiguration|WebACLAssociation)
    )$""",
    re.VERBOSE,
)
"""Types that are parts of one above, or named beside it."""


@cache
def reference(kind: str, service: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / kind / f"{service}.json").read_text())
    return found


def may_ask_for_a_tag(action: str) -> bool:
    """Whether IAM gives a policy the tags of one of the resources that the action names."""
    service, name = action.lower().split(":")
    kinds = reference("resourceTypes", service)
    return any(
        any("aws:ResourceTag" in key for key in kinds[one["name"].lower()].get("conditionKeys", ()))
        for one in reference("actions", service)[name]["resourceTypes"]
    )


def asks(suffix: str, acts: list[tuple[str, str]], *, boundary: str = "boundary") -> list[Ask]:
    """Whether an administrator within the boundary may do this to what is named and tagged for `suffix`."""
    return [
        Ask(
            principal=PRINCIPAL,
            action=action,
            resource="arn:aws:" + pattern.format(suffix=suffix, id=GENERATED),
            context=((f"aws:ResourceTag/{TAG}", suffix),) if may_ask_for_a_tag(action) else (),
            identity=("everything",),
            policy="key" if action.startswith("kms:") and ":key/" in pattern else "",
            endpoint=(),
            boundary=(boundary,),
        )
        for action, pattern in acts
    ]


def answered(given: list[Ask], document: dict[str, Any] | None = None) -> dict[str, bool]:
    if document is None:
        document = boundary_document(partition="aws", account=ACCOUNT)
    answers = evaluate({"everything": EVERYTHING, "boundary": document, "key": KEY_POLICY}, given)
    for one in answers:
        assert "refuses the policies" not in one.reason, one.reason
    return {
        f"{ask.action} {ask.resource}": answer.allowed
        for ask, answer in zip(given, answers, strict=True)
    }


@pytest.fixture(scope="module")
def acts() -> list[tuple[str, str]]:
    return [*ACTS.values(), *BESIDE]


def test_nothing_of_another_environment_is_touched(acts: list[tuple[str, str]]) -> None:
    found = answered(asks(OTHER, acts))
    assert [one for one, allowed in found.items() if allowed] == []
    # By an administrator without it, everything is: the evaluator and the questions are sound.
    assert all(answered(asks(OTHER, acts, boundary="everything")).values())


def test_what_a_drill_deploys_is_not_hindered(acts: list[tuple[str, str]]) -> None:
    found = answered(asks(DRILL, acts))
    assert [one for one, allowed in found.items() if not allowed] == []


def test_the_accounts_own_and_the_boundary_stay() -> None:
    found = answered(asks(DRILL, list(NEVER)))
    assert [one for one, allowed in found.items() if allowed] == []


def test_a_role_is_made_with_the_boundary_alone() -> None:
    (one,) = asks(DRILL, [("iam:CreateRole", f"iam::{ACCOUNT}:role/keeper-cac1-{{suffix}}")])
    policy = f"arn:aws:iam::{ACCOUNT}:policy/{BOUNDARY}"
    for given, allowed in ((policy, True), (policy + "-2", False)):
        asked = Ask(**{**vars(one), "context": (("iam:PermissionsBoundary", given),)})
        assert list(answered([asked]).values()) == [allowed]


def test_each_statement_is_needed(acts: list[tuple[str, str]]) -> None:
    """Without any one of the denials something of another environment or of the account can be done."""
    document = boundary_document(partition="aws", account=ACCOUNT)
    everything = [*asks(OTHER, acts), *asks(DRILL, list(NEVER))]
    denials = [one for one in document["Statement"] if one["Effect"] == "Deny"]
    for removed in denials:
        rest = {**document, "Statement": [s for s in document["Statement"] if s is not removed]}
        found = answered(everything, rest)
        assert any(found.values()), f"{removed['Sid']} hinders nothing"


def test_it_fits_a_managed_policy() -> None:
    """6,144 characters without white space (IAM and STS quotas)."""
    document = boundary_document(partition="aws-us-gov", account=ACCOUNT)
    assert len(json.dumps(document, separators=(",", ":"))) <= 6_144


def test_every_type_of_an_environment_is_asked_for(
    assembly_of: Callable[..., Assembly],
) -> None:
    """A new type of resource joins the table, or is named a part of one that is in it."""
    assembly = assembly_of("prod")
    types = {
        resource["Type"]
        for stack in assembly.stacks()
        for resource in assembly.template(stack)["Resources"].values()
        if not resource["Type"].startswith("Custom::")
    }
    unasked = {
        one for one in types - set(ACTS) if not OF_THE_REST.match(one) and not PARTS.match(one)
    }
    assert unasked == set()


def test_the_account_stack_of_the_first_region_holds_it() -> None:
    app = cdk.App()
    build_account(app, ["ca-central-1", "ca-west-1"])
    stacks = {one.stack_name: one.template for one in app.synth().stacks}
    held = {
        name: [
            one["Properties"]["ManagedPolicyName"]
            for one in template["Resources"].values()
            if one["Type"] == "AWS::IAM::ManagedPolicy"
        ]
        for name, template in stacks.items()
    }
    assert held == {"account-cac1": [BOUNDARY], "account-caw1": []}


def test_every_role_of_a_drills_environment_carries_it() -> None:
    """And each session of the bootstrap's roles its tag. No role of another environment carries it."""
    for qualifier, carries in (("drills", True), ("hnb659fds", False)):
        app = cdk.App(context={BOOTSTRAP_QUALIFIER: qualifier})
        settings = Settings(environment_suffix=DRILL)
        witness = Witness(app, site=Site(settings, settings.witness or settings.home))
        made = app.synth().get_stack_by_name(witness.stack_name)
        roles = [r for r in made.template["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
        assert roles
        for role in roles:
            boundary = json.dumps(role["Properties"].get("PermissionsBoundary", ""))
            assert (f":policy/{BOUNDARY}" in boundary) is carries
        assert f"cdk-{qualifier}-deploy-role" in str(made.assume_role_arn)
        options = {"Tags": [{"Key": TAG, "Value": DRILL}]}
        assert (made.assume_role_additional_options == options) is carries
