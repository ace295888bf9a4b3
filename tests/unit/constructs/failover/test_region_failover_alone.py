"""A region's failover in somebody else's stack: a VPC, a cluster and an address, and nothing of ours."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds

from lifeline.data import GlobalDatabase, GlobalDatabaseAttributes
from lifeline.failover import PlanStep, RegionFailover, RegionWorkload, ReplicationSource, Witness
from lifeline.lambdas.failover.plan import plan_for
from lifeline.settings import Settings, SettingsError
from lifeline.site import Site
from tests.unit.failover.plan_walk import machines

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
SETTINGS = Settings(environment_suffix="orders")
HEARTBEAT = RegionWorkload(
    api_url="https://api.example", replication_signal=ReplicationSource.HEARTBEAT
)


def cluster_in(
    stack: cdk.Stack, vpc: ec2.IVpc, *, iam_authentication: bool = True
) -> rds.DatabaseCluster:
    return rds.DatabaseCluster(
        stack,
        "Cluster",
        engine=rds.DatabaseClusterEngine.aurora_postgres(
            version=rds.AuroraPostgresEngineVersion.VER_17_4
        ),
        writer=rds.ClusterInstance.serverless_v2("One"),
        vpc=vpc,
        port=6432,
        iam_authentication=iam_authentication,
    )


@pytest.fixture(scope="module")
def template() -> assertions.Template:
    """The recovery region of an application that has a database and an API."""
    stack = cdk.Stack(cdk.App(), "Orders", env=cdk.Environment(region=RECOVERY))
    vpc = ec2.Vpc(stack, "Vpc", nat_gateways=1)
    RegionFailover(
        stack,
        "Failover",
        site=Site.of_region(SETTINGS, RECOVERY),
        vpc=vpc,
        database=GlobalDatabase.from_cluster(
            stack,
            "Member",
            cluster_in(stack, vpc),
            global_identifier="orders",
            peer_identifier="orders-home",
            user="orders",
        ),
        workload=HEARTBEAT,
    )
    return assertions.Template.from_stack(stack)


def steps(template: assertions.Template) -> set[str]:
    """Every step that the state machine may ask for."""
    (machine,) = template.find_resources("AWS::StepFunctions::StateMachine").values()
    (_, parts) = machine["Properties"]["DefinitionString"]["Fn::Join"]
    text = "".join(one if isinstance(one, str) else "arn" for one in parts)
    return {
        str(state["Parameters"]["Payload"]["step"])
        for states in machines(json.loads(text))
        for state in states.values()
        if state["Type"] == "Task"
    }


def test_its_plan_asks_only_for_what_is_there(template: assertions.Template) -> None:
    assert steps(template) == {*(step.name for step in plan_for(())), "release", "page"}


def test_it_makes_its_own_topics_for_pages(template: assertions.Template) -> None:
    template.has_resource_properties("AWS::SNS::Topic", {"TopicName": "page-orders"})


def test_the_database_lets_its_functions_in(template: assertions.Template) -> None:
    groups = template.find_resources("AWS::EC2::SecurityGroup")
    (clients,) = [name for name in groups if name.startswith("FailoverClients")]
    (rule,) = [
        one["Properties"]
        for one in template.find_resources("AWS::EC2::SecurityGroupIngress").values()
        if one["Properties"]["SourceSecurityGroupId"] == {"Fn::GetAtt": [clients, "GroupId"]}
    ]
    assert (rule["FromPort"], rule["ToPort"]) == (6432, 6432)
    inside = [
        one["Properties"]["FunctionName"]
        for one in template.find_resources("AWS::Lambda::Function").values()
        if {"Fn::GetAtt": [clients, "GroupId"]}
        in one["Properties"].get("VpcConfig", {}).get("SecurityGroupIds", [])
    ]
    assert sorted(inside) == ["failover-step-orders", "keeper-orders", "lag-meter-orders"]


@pytest.mark.parametrize(
    "action",
    ["ecs:UpdateService", "s3:PutObject", "cognito-idp:DescribeUserPoolClient", "s3:ListBucket"],
)
def test_what_is_not_there_brings_no_permission(template: assertions.Template, action: str) -> None:
    policies = json.dumps(template.find_resources("AWS::IAM::ManagedPolicy"))
    assert "rds:FailoverGlobalCluster" in policies
    assert action not in policies


def test_the_witness_holds_the_lease_and_sees_both_regions() -> None:
    stack = cdk.Stack(cdk.App(), "Third", env=cdk.Environment(region=WITNESS))
    Witness(stack, "Witness", site=Site.of_region(SETTINGS, WITNESS))
    made = assertions.Template.from_stack(stack)
    made.has_resource_properties("AWS::DynamoDB::Table", {"TableName": "lease-orders"})
    made.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Environment": {
                "Variables": {
                    "PROBE_REGIONS": json.dumps([HOME, RECOVERY]),
                    "RESULTS_TABLE": "lease-orders",
                }
            }
        },
    )


def test_a_witness_elsewhere_is_refused() -> None:
    stack = cdk.Stack(cdk.App(), "Third", env=cdk.Environment(region=HOME))
    with pytest.raises(ValueError, match="allowed is the witness region us-east-2"):
        Witness(stack, "Witness", site=Site.of_region(SETTINGS, HOME))


def test_a_region_that_the_environment_does_not_use_is_refused() -> None:
    with pytest.raises(
        SettingsError, match="nothing in 'eu-west-1'; allowed are ca-central-1, ca-w"
    ):
        Site.of_region(SETTINGS, "eu-west-1")


def test_a_cluster_that_is_no_member_is_refused_and_one_that_says_so_is_taken() -> None:
    stack = cdk.Stack(cdk.App(), "Orders", env=cdk.Environment(region=RECOVERY))
    cluster = cluster_in(stack, ec2.Vpc(stack, "Vpc"))
    with pytest.raises(ValueError, match="Orders/Cluster does not say which global cluster"):
        GlobalDatabase.from_cluster(stack, "Nobodys", cluster, user="orders")
    made = cluster.node.default_child
    assert isinstance(made, rds.CfnDBCluster)
    made.global_cluster_identifier = "orders"
    member = GlobalDatabase.from_cluster(stack, "Member", cluster, user="orders")
    assert (member.global_identifier, member.database_name) == ("orders", "orders")
    assert member.port == 6432


def test_a_cluster_to_which_nobody_signs_in_with_iam_is_refused() -> None:
    stack = cdk.Stack(cdk.App(), "Orders", env=cdk.Environment(region=RECOVERY))
    cluster = cluster_in(stack, ec2.Vpc(stack, "Vpc"), iam_authentication=False)
    with pytest.raises(ValueError, match="give it `iam_authentication=True`"):
        GlobalDatabase.from_cluster(
            stack, "Member", cluster, global_identifier="orders", user="orders"
        )


@pytest.mark.parametrize(
    ("left_out", "refusal"),
    [
        ("security_group", "a database without a security group, which lets nobody in"),
        ("peer_identifier", "does not name its member in the other region"),
    ],
)
def test_a_database_that_the_failover_could_not_reach_or_promote_is_refused(
    left_out: str, refusal: str
) -> None:
    stack = cdk.Stack(cdk.App(), "Orders", env=cdk.Environment(region=RECOVERY))
    vpc = ec2.Vpc(stack, "Vpc")
    given: dict[str, Any] = {
        "identifier": "orders-here",
        "peer_identifier": "orders-home",
        "global_identifier": "orders",
        "hosts": "writer,reader",
        "cluster_resource_id": "cluster-1",
        "security_group": ec2.SecurityGroup(stack, "Group", vpc=vpc),
    }
    del given[left_out]
    with pytest.raises(ValueError, match=refusal):
        RegionFailover(
            stack,
            "Failover",
            site=Site.of_region(SETTINGS, RECOVERY),
            vpc=vpc,
            database=GlobalDatabase.from_global_database_attributes(
                stack, "Member", GlobalDatabaseAttributes(**given)
            ),
            workload=HEARTBEAT,
        )


def test_a_further_step_of_another_region_is_refused() -> None:
    stack = cdk.Stack(cdk.App(), "Orders", env=cdk.Environment(region=RECOVERY))
    vpc = ec2.Vpc(stack, "Vpc")
    elsewhere = PlanStep(
        name="search",
        description="…",
        function_arn=f"arn:aws:lambda:{HOME}:123456789012:function:search",
        beside="await_stores",
        budget_seconds=30,
    )
    member = GlobalDatabase.from_cluster(
        stack,
        "Member",
        cluster_in(stack, vpc),
        global_identifier="orders",
        peer_identifier="orders-home",
        user="orders",
    )
    with pytest.raises(ValueError, match="allowed is the ARN of a function in ca-west-1"):
        RegionFailover(
            stack,
            "Failover",
            site=Site.of_region(SETTINGS, RECOVERY),
            vpc=vpc,
            database=member,
            workload=HEARTBEAT,
            further_steps=[elsewhere],
        )


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({}, "has no watermark to read markers from"),
        (
            {"query_api_url": "http://serve", "cluster_name": "services"},
            "allowed are all three or none",
        ),
        ({"query_api_url": "http://serve", "applier_tasks": 3}, "allowed are all three or none"),
    ],
)
def test_half_a_workload_is_refused(given: dict[str, Any], refusal: str) -> None:
    with pytest.raises(ValueError, match=refusal):
        RegionWorkload(api_url="https://api.example", **given)
