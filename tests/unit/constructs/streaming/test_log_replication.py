"""What copies the log: MSK Replicator, or MirrorMaker 2 over a peering; alike in both regions."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aws_cdk import aws_ecs as ecs

from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from lifeline.foundation.network import Network
from lifeline.foundation.peer_lookup import PeerAttribute, PeerLookup
from lifeline.streaming.log_peering import LogPeering
from lifeline.streaming.log_replication import LogReplicator
from lifeline.streaming.mirror_maker import SCRATCH, MirrorMaker
from lifeline.streaming.peer_log import PeerLog
from lifeline.streaming.replicated_log import ReplicatedLog
from tests.unit.constructs.conftest import MakeStack, StackUnderTest

PEER = PeerLog(
    cluster_arn="arn:aws:kafka:ca-west-1:123456789012:cluster/log-test/8f1c-5",
    bootstrap="b-1.log:9098,b-2.log:9098",
    subnet_ids=tuple(f"subnet-0123456789abcdef{n}" for n in range(3)),
    group_ids=("sg-0123456789abcdef0",),
)


def _log(made: StackUnderTest) -> tuple[Network, ReplicatedLog]:
    network = made.network()
    ClosedDefaultGroup(made.stack, "Closed", site=made.site, vpc=network.vpc, keys=made.keys)
    return network, ReplicatedLog(
        made.stack,
        "Log",
        site=made.site,
        vpc=network.vpc,
        keys=made.keys,
        private_links=made.site.settings.brokers_take_private_links,
    )


def _actions(statement: dict[str, Any]) -> list[str]:
    found = statement["Action"]
    return [found] if isinstance(found, str) else list(found)


def _replicator(made: StackUnderTest, **given: Any) -> LogReplicator:
    _network, log = _log(made)
    return LogReplicator(
        made.stack,
        "Replicator",
        site=made.site,
        log=log,
        keys=made.keys,
        **{"peer": PEER, **given},
    )


def _mirror(made: StackUnderTest) -> MirrorMaker:
    network, log = _log(made)
    peer_lookup = PeerLookup(made.stack, "PeerLookup", site=made.site, keys=made.keys)
    LogPeering(
        made.stack, "Peering", site=made.site, vpc=network.vpc, log=log, peer_lookup=peer_lookup
    )
    return MirrorMaker(
        made.stack,
        "Mirror",
        site=made.site,
        cluster=ecs.Cluster(
            made.stack,
            "Cluster",
            vpc=network.vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
        ),
        log=log,
        peer=PeerLog(
            cluster_arn=peer_lookup.attribute(PeerAttribute.LOG_CLUSTER_ARN),
            bootstrap=peer_lookup.attribute(PeerAttribute.LOG_BOOTSTRAP),
        ),
        keys=made.keys,
    )


def test_the_replicator_keeps_names_and_offsets_and_leaves_our_groups_alone(
    make_stack: MakeStack,
) -> None:
    made = make_stack(profile="staging")
    _replicator(made, generation=2)
    (one,) = made.resources("AWS::MSK::Replicator")
    said = one["Properties"]
    assert said["ReplicatorName"] == "log-replicator-g2-test"
    (copied,) = said["ReplicationInfoList"]
    topics = copied["TopicReplication"]
    assert topics["TopicNameConfiguration"] == {"Type": "IDENTICAL"}
    assert topics["StartingPosition"] == {"Type": "EARLIEST"}
    assert topics["DetectAndCopyNewTopics"] is True
    assert "system\\.watermark" in topics["TopicsToReplicate"]
    groups = copied["ConsumerGroupReplication"]
    assert groups["ConsumerGroupOffsetSyncMode"] == "ENHANCED"
    assert groups["SynchroniseConsumerGroupOffsets"] is True
    excluded = groups["ConsumerGroupsToExclude"]
    for ours in ("apply-test", "watermark-test"):
        assert any(re.fullmatch(pattern, ours) for pattern in excluded)
    assert copied["SourceKafkaClusterArn"] == PEER.cluster_arn
    assert copied["TargetKafkaClusterArn"] != PEER.cluster_arn


def test_the_replicator_may_not_write_the_peers_topics(make_stack: MakeStack) -> None:
    made = make_stack(profile="staging")
    _replicator(made)
    template = made.template()
    (policy,) = [
        one["Properties"]["PolicyDocument"]["Statement"]
        for name, one in template.find_resources("AWS::IAM::ManagedPolicy").items()
        if name.startswith("ReplicatorPolicy")
    ]
    by_sid = {one["Sid"]: one for one in policy}
    assert "kafka-cluster:WriteData" not in by_sid["ReadThePeersTopics"]["Action"]
    assert "kafka-cluster:WriteData" in by_sid["WriteOwnTopics"]["Action"]
    assert all("*" not in action for one in policy for action in _actions(one))


@pytest.mark.parametrize(
    ("profile", "given", "refusal"),
    [
        ("dev", {}, r"cannot reach brokers of class kafka\.t3\.small"),
        ("staging", {"peer": PeerLog(cluster_arn=PEER.cluster_arn)}, "needs the subnets"),
        ("staging", {"generation": 0}, "Bad generation 0"),
    ],
)
def test_a_replicator_that_cannot_work_is_refused(
    make_stack: MakeStack, profile: str, given: dict[str, Any], refusal: str
) -> None:
    with pytest.raises(ValueError, match=refusal):
        _replicator(make_stack(profile=profile), **given)


def test_mirror_maker_is_one_locked_down_task(make_stack: MakeStack) -> None:
    made = make_stack()
    _mirror(made)
    template = made.template()
    (service,) = template.find_resources("AWS::ECS::Service").values()
    assert service["Properties"]["DesiredCount"] == 1
    assert service["Properties"]["DeploymentConfiguration"]["MaximumPercent"] == 100
    (task,) = template.find_resources("AWS::ECS::TaskDefinition").values()
    assert task["Properties"]["RuntimePlatform"]["CpuArchitecture"] == "ARM64"
    (container,) = task["Properties"]["ContainerDefinitions"]
    assert container["ReadonlyRootFilesystem"] is True
    assert container["User"] == "10001"
    (mounted,) = container["MountPoints"]
    assert mounted["ContainerPath"] == SCRATCH
    assert mounted["ReadOnly"] is False
    environment = {one["Name"]: one["Value"] for one in container["Environment"]}
    assert environment["TOPICS"].split(",")[-1] == "system.watermark"
    assert environment["GROUPS_EXCLUDE"] == "apply-test,watermark-test,__.*"
    assert environment["TASKS_MAX"] == "4"
    assert environment["OWN_LOG"] != environment["PEER_LOG"]


def test_mirror_maker_reads_the_peer_and_creates_no_topic_of_events(make_stack: MakeStack) -> None:
    made = make_stack()
    _mirror(made)
    template = made.template()
    (policy,) = [
        {one["Sid"]: one for one in found["Properties"]["PolicyDocument"]["Statement"]}
        for name, found in template.find_resources("AWS::IAM::ManagedPolicy").items()
        if name.startswith("MirrorTaskPolicy")
    ]
    writers = {sid for sid, one in policy.items() if "kafka-cluster:WriteData" in _actions(one)}
    assert writers == {"WriteOwnTopics", "KeepItsOwnTopics"}
    creators = {sid for sid, one in policy.items() if "kafka-cluster:CreateTopic" in _actions(one)}
    assert creators == {"KeepItsOwnTopics"}
    internal = policy["KeepItsOwnTopics"]["Resource"]
    assert all(":ca-central-1:" in arn and "/log-test/*/" in arn for arn in internal)
    assert all("peer" in arn or arn.endswith("heartbeats") for arn in internal)


@pytest.mark.parametrize(
    ("region", "connections", "peer_cidr"),
    [("ca-central-1", 1, "10.30.0.0/16"), ("ca-west-1", 0, "10.20.0.0/16")],
)
def test_home_makes_the_connection_and_both_sides_route_over_it(
    make_stack: MakeStack, region: str, connections: int, peer_cidr: str
) -> None:
    made = make_stack(region)
    _mirror(made)
    template = made.template()
    template.resource_count_is("AWS::EC2::VPCPeeringConnection", connections)
    routes = [
        one["Properties"]
        for one in template.find_resources("AWS::EC2::Route").values()
        if "VpcPeeringConnectionId" in one["Properties"]
    ]
    assert len(routes) == 6
    assert {one["DestinationCidrBlock"] for one in routes} == {peer_cidr}
    (rule,) = [
        one["Properties"]
        for one in template.find_resources("AWS::EC2::SecurityGroupIngress").values()
        if "CidrIp" in one["Properties"]
    ]
    assert (rule["CidrIp"], rule["FromPort"], rule["ToPort"]) == (peer_cidr, 9098, 9098)


def test_mirror_maker_without_the_peers_brokers_is_refused(make_stack: MakeStack) -> None:
    made = make_stack()
    network, log = _log(made)
    with pytest.raises(ValueError, match="needs the addresses of the peer's brokers"):
        MirrorMaker(
            made.stack,
            "Mirror",
            site=made.site,
            cluster=ecs.Cluster(made.stack, "Cluster", vpc=network.vpc),
            log=log,
            peer=PeerLog(cluster_arn=PEER.cluster_arn),
            keys=made.keys,
        )


def test_metrics(make_stack: MakeStack) -> None:
    mirror = _mirror(make_stack())
    assert mirror.metric_latency().dimensions == {"Suffix": "test"}
    replicator = _replicator(make_stack(profile="staging"))
    for metric in (replicator.metric_latency(), replicator.metric_message_lag()):
        assert metric.dimensions == {"ReplicatorName": "log-replicator-g1-test"}


def test_nothing_is_left_to_find_on_the_replicator(make_stack: MakeStack) -> None:
    made = make_stack(nag=True, profile="staging")
    _replicator(made)
    made.template()


def test_nothing_is_left_to_find_on_mirror_maker(make_stack: MakeStack) -> None:
    made = make_stack(nag=True)
    _mirror(made)
    made.template()
