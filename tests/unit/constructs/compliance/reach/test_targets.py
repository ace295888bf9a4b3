"""What a call is made on follows from what its caller is told, never from a policy."""

from __future__ import annotations

import pytest

from lifeline.compliance.reach.targets import aliases_of, key_of, log_rights, targets, variables_of
from lifeline.compliance.reach.world import ACCOUNT, Place
from lifeline.lambdas.contracts.contract import RegionRole
from lifeline.lambdas.contracts.stream_bridge import REPAIR_GROUP
from tests.unit.constructs.compliance.reach.small_world import (
    HOME,
    STANDBY,
    WITNESS,
    arn_of,
    made,
    ref,
    region,
    world,
)

OWN, PEER = RegionRole.OWN, RegionRole.PEER
LOG = f"arn:aws:kafka:{HOME}:{ACCOUNT}:cluster/log/uuid-1"


@pytest.mark.parametrize(
    ("action", "where", "at", "given", "found"),
    [
        (
            "dynamodb:GetItem",
            RegionRole.WITNESS,
            WITNESS,
            {"LEASE_TABLE": "lease", "REGION_STATE_TABLE": "state"},
            [f"arn:aws:dynamodb:{WITNESS}:{ACCOUNT}:table/lease"],
        ),
        (
            "dynamodb:GetItem",
            PEER,
            STANDBY,
            {"LEASE_TABLE": "lease", "REGION_STATE_TABLE": "state"},
            [f"arn:aws:dynamodb:{STANDBY}:{ACCOUNT}:table/state"],
        ),
        ("secretsmanager:GetRandomPassword", OWN, HOME, {}, ["*"]),
        ("ecs:UpdateService", OWN, HOME, {"ECS_CLUSTER": "services"}, []),
        ("mystery:Call", OWN, HOME, {}, None),
        ("ec2:DescribeVpcs", PEER, STANDBY, {"Attribute": "network-id"}, ["*"]),
        ("ec2:DescribeVpcs", PEER, STANDBY, {"Attribute": "log-bootstrap"}, []),
        (
            "apigateway:PATCH",
            OWN,
            HOME,
            {"ApiId": "a", "ResourceIds": "r"},
            [f"arn:aws:apigateway:{HOME}::/restapis/a/resources/r/methods/GET/integration"],
        ),
    ],
)
def test_a_target_is_what_the_caller_was_told(
    action: str, where: RegionRole, at: str, given: dict[str, str], found: list[str] | None
) -> None:
    assert targets(action, where, at, given) == found


def test_the_global_group_of_a_member_is_the_one_that_it_names() -> None:
    home = region(HOME)
    home["Member"] = made(
        "ElastiCache::ReplicationGroup",
        ReplicationGroupId="cache",
        GlobalReplicationGroupId="abcde-cache",
    )
    given = variables_of(world(home), {"ReplicationGroupId": "cache"})
    action = "elasticache:DisassociateGlobalReplicationGroup"
    assert targets(action, OWN, HOME, given) == [
        f"arn:aws:elasticache::{ACCOUNT}:globalreplicationgroup:abcde-cache"
    ]


def test_a_key_is_found_by_its_arn_its_id_and_its_alias() -> None:
    home = region(HOME)
    home["Alias"] = made("KMS::Alias", AliasName="alias/data", TargetKeyId=arn_of("Key"))
    for name, key in {
        "ByArn": arn_of("Key"),
        "ById": ref("Key"),
        "ByAlias": "alias/data",
        "ByAliasArn": f"arn:aws:kms:{HOME}:{ACCOUNT}:alias/data",
    }.items():
        home[name] = made("SNS::Topic", TopicName=name, KmsMasterKeyId=key)
        found = world(home)
        arn = found.arn(Place("Home", "Key"))
        assert key_of(found, found.resource(Place("Home", name))) == arn
    assert aliases_of(found, arn) == ("alias/data",)


def test_a_reader_of_the_log_joins_its_group_and_a_writer_writes_in_order() -> None:
    given = {"KAFKA_PARTITIONS": '{"events": 4}', "SUFFIX": "dev"}
    below = LOG.replace(":cluster/", ":{}/") + "/{}"
    applier = dict.fromkeys(log_rights("event_applier apply", LOG, given, peer=False))
    assert ("kafka-cluster:ReadData", below.format("topic", "events")) in applier
    assert ("kafka-cluster:WriteData", below.format("topic", "error.dlq")) in applier
    assert ("kafka-cluster:AlterGroup", below.format("group", "apply-dev")) in applier
    bridge = dict.fromkeys(log_rights("stream_bridge", LOG, given, peer=False))
    assert ("kafka-cluster:WriteDataIdempotently", LOG) in bridge
    groups = {arn for action, arn in bridge if "Group" in action}
    assert groups == {below.format("group", REPAIR_GROUP)}
    assert ("kafka-cluster:ReadData", below.format("topic", "events")) in bridge, "to repair a log"
    there = log_rights("replicator", LOG, {"TOPICS": "events"}, peer=True)
    assert not any("Write" in action for action, _ in there)
