"""The network: where workloads and stores live, what reaches AWS how, and who pays for NAT."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2

from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from lifeline.foundation.network import INTERFACE_ENDPOINTS, Network
from tests.unit.constructs.conftest import ACCOUNT, MakeStack


def of_type(template: Any, resource_type: str) -> dict[str, dict[str, Any]]:
    """The resources of one type, by their ids."""
    found: dict[str, dict[str, Any]] = template.find_resources(resource_type)
    return found


def test_stores_have_three_subnets_without_a_route_out(make_stack: MakeStack) -> None:
    made = make_stack()
    made.network()
    template = made.template()
    subnets = of_type(template, "AWS::EC2::Subnet")
    ranges = {name: one["Properties"]["CidrBlock"] for name, one in subnets.items()}
    assert sorted(ranges.values()) == sorted(
        [
            "10.20.0.0/24",
            "10.20.1.0/24",
            "10.20.2.0/24",
            "10.20.16.0/20",
            "10.20.32.0/20",
            "10.20.48.0/20",
            "10.20.64.0/22",
            "10.20.68.0/22",
            "10.20.72.0/22",
        ]
    )
    stores = {name for name, block in ranges.items() if block.endswith("/22")}
    tables = {
        one["Properties"]["RouteTableId"]["Ref"]
        for one in of_type(template, "AWS::EC2::SubnetRouteTableAssociation").values()
        if one["Properties"]["SubnetId"]["Ref"] in stores
    }
    routed = {
        one["Properties"]["RouteTableId"]["Ref"]
        for one in of_type(template, "AWS::EC2::Route").values()
    }
    assert len(tables) == 3
    assert not tables & routed


def test_workloads_and_stores_are_told_apart(make_stack: MakeStack) -> None:
    network = make_stack().network()
    workloads = network.vpc.select_subnets(subnet_type=network.workload_subnets.subnet_type)
    stores = network.vpc.select_subnets(subnet_type=network.store_subnets.subnet_type)
    assert len(workloads.subnet_ids) == len(stores.subnet_ids) == 3
    assert not set(workloads.subnet_ids) & set(stores.subnet_ids)


@pytest.mark.parametrize(("profile", "gateways"), [("dev", 1), ("prod", 3)])
def test_nat_gateways_by_profile(make_stack: MakeStack, profile: str, gateways: int) -> None:
    made = make_stack(profile=profile)
    made.network()
    made.template().resource_count_is("AWS::EC2::NatGateway", gateways)


def test_every_call_of_a_workload_has_an_endpoint(make_stack: MakeStack) -> None:
    made = make_stack(profile="staging")
    made.network()
    endpoints = [
        one["Properties"]
        for one in made.resources("AWS::EC2::VPCEndpoint")
        if one["Properties"]["VpcEndpointType"] == "Interface"
    ]
    assert {one["ServiceName"].rpartition("ca-central-1.")[2] for one in endpoints} == {
        "kinesis-streams",
        "ecr.api",
        "ecr.dkr",
        "logs",
        "monitoring",
        "kms",
        "secretsmanager",
        "sts",
        "states",
        "rds",
        "elasticache",
        "elasticfilesystem",
        "ecs",
        "sns",
    }
    assert all(one["PrivateDnsEnabled"] for one in endpoints)
    assert all(len(one["SubnetIds"]) == 3 for one in endpoints)


def test_endpoints_serve_this_account_only(make_stack: MakeStack) -> None:
    made = make_stack(profile="staging")
    made.network()
    endpoints = made.resources("AWS::EC2::VPCEndpoint")
    assert len(endpoints) == len(INTERFACE_ENDPOINTS) + 2
    for one in endpoints:
        own, *others = one["Properties"]["PolicyDocument"]["Statement"]
        assert own["Condition"] == {
            "StringEquals": {"aws:PrincipalAccount": ACCOUNT},
            "StringEqualsIfExists": {"aws:ResourceAccount": ACCOUNT},
        }
        assert [other["Action"] for other in others] in ([], ["s3:GetObject"])


@pytest.mark.parametrize("region", ["ca-central-1", "ca-west-1"])
@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_tasks_fetch_the_layers_of_their_images(
    make_stack: MakeStack, region: str, profile: str
) -> None:
    """They lie in a bucket of the registry's: "Required IAM permissions", Amazon ECR interface VPC endpoints
    (https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html)."""
    made = make_stack(region, profile)
    made.network()
    layers = f"arn:aws:s3:::prod-{region}-starport-layer-bucket/*"
    (objects,) = [
        one["Properties"]
        for one in made.resources("AWS::EC2::VPCEndpoint")
        if one["Properties"]["VpcEndpointType"] == "Gateway"
        and json.dumps(one["Properties"]["ServiceName"]).rstrip('"]}').endswith(".s3")
    ]
    allowed = [
        one
        for one in objects["PolicyDocument"]["Statement"]
        if one["Effect"] == "Allow" and one["Resource"] == layers and "Condition" not in one
    ]
    assert [one["Action"] for one in allowed] == ["s3:GetObject"]


def test_dev_pays_for_no_interface_endpoint(make_stack: MakeStack) -> None:
    made = make_stack(profile="dev")
    made.network()
    types = [
        one["Properties"]["VpcEndpointType"] for one in made.resources("AWS::EC2::VPCEndpoint")
    ]
    assert types == ["Gateway", "Gateway"]


def test_each_store_has_a_group_of_clients(make_stack: MakeStack) -> None:
    network = make_stack().network()
    clients = [
        network.database_clients,
        network.log_clients,
        network.cache_clients,
        network.file_clients,
    ]
    assert len({one.node.path for one in clients}) == 4
    assert all(isinstance(one, ec2.SecurityGroup) for one in clients)


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_no_rule_finds_anything(make_stack: MakeStack, profile: str) -> None:
    made = make_stack(profile=profile, nag=True)
    network = made.network()
    ClosedDefaultGroup(made.stack, "Closed", site=made.site, vpc=network.vpc, keys=made.keys)
    made.template()


def test_a_plain_stack_with_two_zones_is_refused() -> None:
    """Without account and region the CDK silently assumes two, whatever `max_azs` says."""
    stack = cdk.Stack(cdk.App(analytics_reporting=False), "Orders")
    with pytest.raises(ValueError, match="would stand in 2 availability zones; a network that"):
        Network(stack, "Network")


def test_a_plain_stack_that_knows_where_it_is_takes_a_network() -> None:
    where = cdk.Environment(account="123456789012", region="eu-west-1")
    stack = cdk.Stack(cdk.App(analytics_reporting=False), "Orders", env=where)
    assert len(Network(stack, "Network").vpc.isolated_subnets) == 3
