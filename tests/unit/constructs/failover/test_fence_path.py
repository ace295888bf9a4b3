"""The fence's way to the other side's database: one rule here, one right there, nothing wider."""

from __future__ import annotations

import pytest
from aws_cdk import aws_ec2 as ec2

from lifeline.data import GlobalDatabase, GlobalDatabaseAttributes
from lifeline.failover.fence_path import FencePath
from lifeline.foundation.function import Function, Size
from lifeline.foundation.peer_lookup import PeerLookup
from tests.unit.constructs.conftest import MakeStack, StackUnderTest

GROUP = "sg-0123456789abcdef0"


def fence_path(made: StackUnderTest, *, grouped: bool = True) -> FencePath:
    group = ec2.SecurityGroup.from_security_group_id(made.stack, "Group", GROUP)
    database = GlobalDatabase.from_global_database_attributes(
        made.stack,
        "Database",
        GlobalDatabaseAttributes(
            hosts="writer,reader",
            identifier="database-caw1-test",
            global_identifier="global-test",
            cluster_resource_id="cluster-OWN",
            security_group=group if grouped else None,
        ),
    )
    step = Function(
        made.stack,
        "Step",
        site=made.site,
        package="failover_step",
        description="Runs steps",
        environment={},
        size=Size(memory_mib=256, timeout_seconds=10, concurrency=1),
        keys=made.keys,
    )
    step.without_dead_letters("The plan sees how a step ended.")
    return FencePath(
        made.stack,
        "Fence",
        site=made.site,
        database=database,
        step=step,
        peer_cidr="10.8.0.0/16",
        peer_lookup=PeerLookup(made.stack, "PeerLookup", site=made.site, keys=made.keys),
    )


def test_the_peers_network_is_let_in_at_the_databases_port_alone(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    fence_path(made)
    (rule,) = made.resources("AWS::EC2::SecurityGroupIngress")
    said = rule["Properties"]
    assert (said["GroupId"], said["CidrIp"]) == (GROUP, "10.8.0.0/16")
    assert (said["FromPort"], said["ToPort"], said["IpProtocol"]) == (5432, 5432, "tcp")


def test_the_step_may_sign_in_to_the_one_cluster_of_the_peer_as_the_one_user(
    make_stack: MakeStack,
) -> None:
    """A8: not to every cluster of that region, and to none of its own anew."""
    made = make_stack("ca-west-1")
    fence_path(made)
    template = made.template()
    (asked,) = (
        name
        for name, one in template.find_resources("Custom::PeerAttribute").items()
        if one["Properties"]["Attribute"] == "database-resource-id"
    )
    found = [
        (policy["Properties"]["Roles"], statement)
        for policy in template.find_resources("AWS::IAM::ManagedPolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "rds-db:connect"
    ]
    ((roles, statement),) = found
    arn = "arn:aws:rds-db:ca-central-1:123456789012:dbuser:"
    value = {"Fn::GetAtt": [asked, "Value"]}
    assert statement["Resource"] == {"Fn::Join": ["", [arn, value, "/lifeline"]]}
    assert [one["Ref"] for one in roles] == list(
        name
        for name, one in template.find_resources("AWS::IAM::Role").items()
        if one["Properties"].get("RoleName") == "failover-step-caw1-test"
    )


def test_a_database_that_lets_nobody_in_is_refused(make_stack: MakeStack) -> None:
    with pytest.raises(ValueError, match=r"without a security group.* give the database its"):
        fence_path(make_stack("ca-west-1"), grouped=False)


def test_the_rule_packs_find_nothing(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1", nag=True)
    fence_path(made)
    made.template()
