"""Every store of the network says by itself who may reach it, as the CDK's own constructs do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

from lifeline.data.global_database import GlobalDatabase
from lifeline.data.session_cache import SessionCache
from lifeline.data.shared_files import SharedFiles
from lifeline.foundation.network import Network
from lifeline.streaming.replicated_log import ReplicatedLog
from tests.unit.constructs.conftest import MakeStack, StackUnderTest

Store = GlobalDatabase | SessionCache | SharedFiles | ReplicatedLog
Maker = Callable[[StackUnderTest, Network], Store]

STORES: list[tuple[Maker, int]] = [
    (lambda made, network: GlobalDatabase(made.stack, "Store", network=network), 5432),
    (lambda made, network: SessionCache(made.stack, "Store", network=network), 6379),
    (lambda made, network: SharedFiles(made.stack, "Store", network=network), 2049),
    (lambda made, network: ReplicatedLog(made.stack, "Store", network=network), 9098),
]


@pytest.mark.parametrize(("store", "port"), STORES, ids=["database", "cache", "files", "log"])
def test_a_workload_is_let_in_at_the_stores_own_port(
    make_stack: MakeStack, store: Maker, port: int
) -> None:
    made = make_stack()
    network = made.network()
    workload = ec2.SecurityGroup(made.stack, "Workload", vpc=network.vpc)
    workload.connections.allow_to_default_port(store(made, network))
    rules = made.template().find_resources("AWS::EC2::SecurityGroupIngress").values()
    from_workload = [
        one["Properties"]["FromPort"]
        for one in rules
        if "Workload" in str(one["Properties"]["SourceSecurityGroupId"])
    ]
    assert from_workload == [port]


def test_the_log_grants_its_topics_to_anybodys_role(make_stack: MakeStack) -> None:
    made = make_stack()
    log = ReplicatedLog(made.stack, "Log", network=made.network(), keys=made.keys)
    role = iam.Role(made.stack, "Mine", assumed_by=iam.AccountRootPrincipal())
    assert log.grant_write(role, ["orders"]).success
    assert log.grant_read(role, ["orders"], group="readers").success
    said = str(made.template().find_resources("AWS::IAM::Policy"))
    for word in ("WriteDataIdempotently", "ReadData", "/orders", "/readers"):
        assert word in said
