"""Every store of the network says by itself who may reach it, as the CDK's own constructs do."""

from __future__ import annotations

from collections.abc import Callable

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from lifeline.data.global_database import GlobalDatabase
from lifeline.data.session_cache import SessionCache
from lifeline.data.shared_files import SharedFiles
from lifeline.streaming.replicated_log import ReplicatedLog
from tests.unit.constructs.conftest import MakeStack

Store = GlobalDatabase | SessionCache | SharedFiles | ReplicatedLog
Maker = Callable[[cdk.Stack, ec2.IVpc], Store]

STORES: list[tuple[Maker, int]] = [
    (lambda stack, vpc: GlobalDatabase(stack, "Store", vpc=vpc), 5432),
    (lambda stack, vpc: SessionCache(stack, "Store", vpc=vpc), 6379),
    (lambda stack, vpc: SharedFiles(stack, "Store", vpc=vpc), 2049),
    (lambda stack, vpc: ReplicatedLog(stack, "Store", vpc=vpc), 9098),
]


@pytest.mark.parametrize(("store", "port"), STORES, ids=["database", "cache", "files", "log"])
def test_a_workload_is_let_in_at_the_stores_own_port(
    make_stack: MakeStack, store: Maker, port: int
) -> None:
    made = make_stack()
    vpc = made.network().vpc
    workload = ec2.SecurityGroup(made.stack, "Workload", vpc=vpc)
    workload.connections.allow_to_default_port(store(made.stack, vpc))
    rules = made.template().find_resources("AWS::EC2::SecurityGroupIngress").values()
    from_workload = [
        one["Properties"]["FromPort"]
        for one in rules
        if "Workload" in str(one["Properties"]["SourceSecurityGroupId"])
    ]
    assert from_workload == [port]


@pytest.mark.parametrize(("store", "port"), STORES, ids=["database", "cache", "files", "log"])
def test_a_workload_of_another_stack_brings_its_rule_along(store: Maker, port: int) -> None:
    """In the store's stack the rule would make each stack wait for the other."""
    app = cdk.App(analytics_reporting=False)
    stores, workloads = (cdk.Stack(app, name) for name in ("Stores", "Workloads"))
    vpc = ec2.Vpc(stores, "Vpc", availability_zones=["a", "b", "c"])
    made = store(stores, vpc)
    group = ec2.SecurityGroup(workloads, "Workload", vpc=vpc)
    group.connections.allow_to_default_port(made)
    rule = {"FromPort": port, "ToPort": port}
    Template.from_stack(workloads).has_resource_properties("AWS::EC2::SecurityGroupIngress", rule)


def test_the_log_grants_its_topics_to_anybodys_role(make_stack: MakeStack) -> None:
    made = make_stack()
    log = ReplicatedLog(made.stack, "Log", vpc=made.network().vpc, keys=made.keys)
    role = iam.Role(made.stack, "Mine", assumed_by=iam.AccountRootPrincipal())
    assert log.grant_write(role, ["orders"]).success
    assert log.grant_read(role, ["orders"], group="readers").success
    said = str(made.template().find_resources("AWS::IAM::Policy"))
    for word in ("WriteDataIdempotently", "ReadData", "/orders", "/readers"):
        assert word in said
