"""The global database in somebody else's application: a plain stack, her own VPC, her names, no alerts."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from lifeline.data.database_member import GlobalDatabaseAttributes, IGlobalDatabase
from lifeline.data.global_database import DatabaseCapacity, GlobalDatabase
from tests.unit.constructs.conftest import MakeStack

CLUSTER = "AWS::RDS::DBCluster"


def plain_stack(region: str | None = "eu-west-1", app: cdk.App | None = None) -> cdk.Stack:
    return cdk.Stack(
        app or cdk.App(analytics_reporting=False),
        "Orders" if region is None else f"Orders-{region}",
        env=cdk.Environment(region=region),
    )


def own_vpc(stack: cdk.Stack, **properties: Any) -> ec2.Vpc:
    return ec2.Vpc(stack, "Vpc", **properties)


def named(template: Template, resource_type: str, name: str) -> list[str]:
    found = template.find_resources(resource_type).values()
    return sorted(str(one["Properties"].get(name)) for one in found)


@pytest.mark.parametrize("region", ["eu-west-1", None])
def test_two_stand_in_one_plain_stack(region: str | None) -> None:
    stack = plain_stack(region)
    vpc = own_vpc(stack)
    for one in ("Orders", "Wards"):
        GlobalDatabase(stack, one, vpc=vpc)
    template = Template.from_stack(stack)
    for resource_type, name in (
        (CLUSTER, "DBClusterIdentifier"),
        ("AWS::RDS::GlobalCluster", "GlobalClusterIdentifier"),
        ("AWS::RDS::DBInstance", "DBInstanceIdentifier"),
        ("AWS::RDS::DBSubnetGroup", "DBSubnetGroupName"),
        ("AWS::RDS::DBClusterParameterGroup", "DBClusterParameterGroupName"),
        ("AWS::RDS::DBParameterGroup", "DBParameterGroupName"),
        ("AWS::SecretsManager::Secret", "Name"),
        ("AWS::Lambda::Function", "FunctionName"),
    ):
        names = named(template, resource_type, name)
        assert len(names) == len(set(names)) == 2, (resource_type, names)
    roles = [one for one in named(template, "AWS::IAM::Role", "RoleName") if one != "None"]
    assert len(roles) == len(set(roles)) == 4
    template.resource_count_is("AWS::Events::Rule", 0)
    template.resource_count_is("AWS::KMS::Key", 3)


def test_she_chooses_names_version_port_and_size() -> None:
    stack = plain_stack()
    GlobalDatabase(
        stack,
        "Db",
        vpc=own_vpc(stack),
        identifier="orders-primary",
        global_identifier="orders",
        engine_version="16.8",
        port=6432,
        database_name="orders",
        capacity=DatabaseCapacity(instances=3, min_acus=1, max_acus=16),
        deletion_protection=True,
        removal_policy=cdk.RemovalPolicy.SNAPSHOT,
    )
    template = Template.from_stack(stack)
    template.has_resource(
        CLUSTER,
        {
            "DeletionPolicy": "Snapshot",
            "Properties": {
                "DBClusterIdentifier": "orders-primary",
                "GlobalClusterIdentifier": "orders",
                "EngineVersion": "16.8",
                "Port": 6432,
                "DatabaseName": "orders",
                "DeletionProtection": True,
                "ServerlessV2ScalingConfiguration": {"MinCapacity": 1, "MaxCapacity": 16},
            },
        },
    )
    template.resource_count_is("AWS::RDS::DBInstance", 3)
    template.has_resource_properties(
        "AWS::RDS::DBClusterParameterGroup", {"Family": "aurora-postgresql16"}
    )
    template.has_resource_properties(
        "AWS::SecretsManager::Secret",
        {"Name": "database-admin-orders-primary", "ReplicaRegions": Match.absent()},
    )


def test_two_with_her_names_stand_in_a_stack_that_was_told_its_site(make_stack: MakeStack) -> None:
    made = make_stack()
    network = made.network()
    for one in ("orders", "wards"):
        GlobalDatabase(
            made.stack, one, vpc=network.vpc, keys=made.keys, identifier=one, global_identifier=one
        )
    template = made.template()
    assert named(template, CLUSTER, "DBClusterIdentifier") == ["orders", "wards"]
    for resource_type, name in (
        ("AWS::SecretsManager::Secret", "Name"),
        ("AWS::Lambda::Function", "FunctionName"),
        ("AWS::Events::Rule", "Name"),
        ("AWS::RDS::DBSubnetGroup", "DBSubnetGroupName"),
    ):
        names = named(template, resource_type, name)
        assert len(names) == len(set(names)) > 1


def test_one_in_each_of_two_regions_is_a_global_pair() -> None:
    app = cdk.App(analytics_reporting=False)
    home, recovery = (plain_stack(one, app) for one in ("us-east-1", "us-west-2"))
    GlobalDatabase(home, "Db", vpc=own_vpc(home), global_identifier="orders")
    second = GlobalDatabase(
        recovery,
        "Db",
        vpc=own_vpc(recovery),
        global_identifier="orders",
        creates_global_cluster=False,
    )
    assert second.admin_secret is None
    first, joined = Template.from_stack(home), Template.from_stack(recovery)
    first.resource_count_is("AWS::RDS::GlobalCluster", 1)
    joined.resource_count_is("AWS::RDS::GlobalCluster", 0)
    joined.resource_count_is("AWS::SecretsManager::Secret", 0)
    joined.has_resource_properties(
        CLUSTER,
        {
            "GlobalClusterIdentifier": "orders",
            "MasterUsername": Match.absent(),
            "DatabaseName": Match.absent(),
        },
    )
    clusters = [named(one, CLUSTER, "DBClusterIdentifier") for one in (first, joined)]
    assert clusters[0] != clusters[1]


def test_joining_without_saying_what_is_refused() -> None:
    stack = plain_stack()
    with pytest.raises(ValueError, match="joins a global cluster but was not told which"):
        GlobalDatabase(stack, "Db", vpc=own_vpc(stack), creates_global_cluster=False)


def test_connections_open_its_port_to_a_workload() -> None:
    stack = plain_stack()
    vpc = own_vpc(stack)
    database = GlobalDatabase(stack, "Db", vpc=vpc, port=6432)
    workload = lambda_.Function(
        stack,
        "Workload",
        vpc=vpc,
        handler="index.handler",
        code=lambda_.Code.from_inline("handler = print"),
        runtime=lambda_.Runtime.PYTHON_3_13,
    )
    workload.connections.allow_to_default_port(database)
    database.grant_connect(workload)
    template = Template.from_stack(stack)
    ports = [
        one["Properties"]["FromPort"]
        for one in template.find_resources("AWS::EC2::SecurityGroupIngress").values()
    ]
    assert ports == [6432, 6432], "its own rotation, and the workload"
    assert "rds-db:connect" in str(template.find_resources("AWS::IAM::Policy"))


def test_a_member_made_elsewhere_grants_and_measures() -> None:
    stack = plain_stack()
    database: IGlobalDatabase = GlobalDatabase.from_global_database_attributes(
        stack,
        "Db",
        GlobalDatabaseAttributes(
            identifier="orders-primary",
            global_identifier="orders",
            hosts="writer.example.org,reader.example.org",
            cluster_resource_id="cluster-ABC",
            user="clerk",
            security_group=ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-12345678"),
        ),
    )
    role = iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
    assert database.grant_connect(role).success
    database.connections.allow_default_port_from_any_ipv4()
    template = Template.from_stack(stack)
    assert "dbuser:cluster-ABC/clerk" in str(template.find_resources("AWS::IAM::Policy"))
    template.has_resource_properties("AWS::EC2::SecurityGroupIngress", {"FromPort": 5432})
    template.resource_count_is(CLUSTER, 0)
    metric = database.metric("CPUUtilization", period=cdk.Duration.minutes(5), label="busy")
    assert metric.dimensions == {"DBClusterIdentifier": "orders-primary"}
    assert (metric.period.to_minutes(), metric.label) == (5, "busy")


def test_a_metric_takes_the_cdks_options() -> None:
    stack = plain_stack()
    database = GlobalDatabase(stack, "Db", vpc=own_vpc(stack))
    metric = database.metric_rpo_lag(statistic="p99", period=cdk.Duration.seconds(10), label="loss")
    assert (metric.statistic, metric.period.to_seconds(), metric.label) == ("p99", 10, "loss")


@pytest.mark.parametrize(
    ("subnets", "sentence"),
    [
        ({"max_azs": 1}, "would stand in 1 availability zones; a group of database subnets needs"),
        (
            {
                "subnet_configuration": [
                    ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)
                ]
            },
            "found no private subnet with a way out in its VPC",
        ),
    ],
)
def test_a_vpc_it_cannot_stand_in_is_refused(subnets: dict[str, Any], sentence: str) -> None:
    stack = plain_stack()
    with pytest.raises(ValueError, match=sentence):
        GlobalDatabase(stack, "Db", vpc=own_vpc(stack, **subnets))


def test_a_joining_member_does_not_stand_in_public_subnets() -> None:
    stack = plain_stack()
    public = [ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)]
    with pytest.raises(ValueError, match="found only public subnets in its VPC"):
        GlobalDatabase(
            stack,
            "Db",
            vpc=own_vpc(stack, subnet_configuration=public),
            global_identifier="orders",
            creates_global_cluster=False,
        )


@pytest.mark.parametrize(
    ("capacity", "sentence"),
    [
        ({"instances": 0, "min_acus": 1, "max_acus": 8}, "cannot have 0 instances"),
        ({"instances": 1, "min_acus": 8, "max_acus": 1}, "cannot scale from 8 to 1"),
        ({"instances": 1, "min_acus": 0.3, "max_acus": 8}, "steps of 0.5"),
        ({"instances": 1, "min_acus": 0, "max_acus": 0.5}, "the greatest at least 1"),
    ],
)
def test_a_size_that_rds_refuses_is_refused(capacity: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        DatabaseCapacity(**capacity)


def test_a_version_of_another_form_is_refused() -> None:
    stack = plain_stack()
    with pytest.raises(ValueError, match="Bad engine version '17'; allowed is"):
        GlobalDatabase(stack, "Db", vpc=own_vpc(stack), engine_version="17")
