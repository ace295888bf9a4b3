"""The log: copies, sign-in, storage, private links, metrics."""

from __future__ import annotations

import json

import pytest

from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from lifeline.streaming.replicated_log import ReplicatedLog
from tests.unit.constructs.conftest import MakeStack, StackUnderTest


def _log(made: StackUnderTest, *, private_links: bool | None = None) -> ReplicatedLog:
    vpc = made.network().vpc
    ClosedDefaultGroup(made.stack, "Closed", site=made.site, vpc=vpc, keys=made.keys)
    return ReplicatedLog(
        made.stack, "Log", site=made.site, vpc=vpc, keys=made.keys, private_links=private_links
    )


def test_two_of_three_copies_and_iam_over_tls_only(make_stack: MakeStack) -> None:
    made = make_stack()
    _log(made)
    template = made.template()
    (configuration,) = template.find_resources("AWS::MSK::Configuration").values()
    lines = configuration["Properties"]["ServerProperties"].splitlines()
    assert "min.insync.replicas=2" in lines
    assert "unclean.leader.election.enable=false" in lines
    # Kafka's own 100 KiB are 1.7 MB/s a connection over the 60 ms between the regions.
    assert {"socket.send.buffer.bytes=-1", "socket.receive.buffer.bytes=-1"} <= set(lines)
    (cluster,) = template.find_resources("AWS::MSK::Cluster").values()
    said = cluster["Properties"]
    assert said["ClientAuthentication"] == {
        "Sasl": {"Iam": {"Enabled": True}},
        "Unauthenticated": {"Enabled": False},
    }
    assert said["EncryptionInfo"]["EncryptionInTransit"] == {
        "ClientBroker": "TLS",
        "InCluster": True,
    }
    assert said["OpenMonitoring"]["Prometheus"]["JmxExporter"]["EnabledInBroker"] is False
    assert said["LoggingInfo"]["BrokerLogs"]["CloudWatchLogs"]["Enabled"] is True
    assert cluster["DeletionPolicy"] == cluster["UpdateReplacePolicy"] == "Delete"


def test_changed_properties_are_rolled_out_as_a_new_revision(make_stack: MakeStack) -> None:
    made = make_stack()
    _log(made)
    (cluster,) = made.resources("AWS::MSK::Cluster")
    revision = cluster["Properties"]["ConfigurationInfo"]["Revision"]
    assert revision["Fn::GetAtt"][1] == "LatestRevision.Revision"


def test_brokers_stand_in_the_isolated_subnets(make_stack: MakeStack) -> None:
    made = make_stack()
    _log(made)
    (cluster,) = made.resources("AWS::MSK::Cluster")
    subnets = cluster["Properties"]["BrokerNodeGroupInfo"]["ClientSubnets"]
    assert len(subnets) == 3
    assert all("NetworkVpcStore" in one["Ref"] for one in subnets)


def test_volumes_grow_to_four_times_and_never_shrink(make_stack: MakeStack) -> None:
    made = make_stack(profile="prod")
    _log(made)
    template = made.template()
    (target,) = template.find_resources("AWS::ApplicationAutoScaling::ScalableTarget").values()
    assert target["Properties"]["ScalableDimension"] == "kafka:broker-storage:VolumeSize"
    assert target["Properties"]["MaxCapacity"] == 4 * 1_610
    (policy,) = template.find_resources("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    tracking = policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["DisableScaleIn"] is True
    assert tracking["TargetValue"] == 60


def test_private_links_are_turned_on_after_creation_and_before_their_policy(
    make_stack: MakeStack,
) -> None:
    made = make_stack(profile="staging")
    _log(made, private_links=True)
    template = made.template()
    (cluster,) = template.find_resources("AWS::MSK::Cluster").values()
    assert "ConnectivityInfo" not in cluster["Properties"]["BrokerNodeGroupInfo"]
    waits = template.find_resources("Custom::KafkaLinks")
    assert len(waits) == 2
    assert {one["Properties"]["ServiceTimeout"] for one in waits.values()} == {"3600"}
    (policy,) = template.find_resources("AWS::MSK::ClusterPolicy").values()
    insisting = [k for k, one in waits.items() if one["Properties"]["Insists"] == "true"]
    assert insisting[0] in policy["DependsOn"]
    said = policy["Properties"]["Policy"]["Statement"]
    services = {one["Principal"]["Service"]: one["Action"] for one in said}
    assert set(services) == {"kafka.amazonaws.com"}
    assert "*" not in json.dumps(said)


def test_small_brokers_have_no_private_links(make_stack: MakeStack) -> None:
    made = make_stack(profile="dev")
    assert _log(made).private_links is None
    template = made.template()
    template.resource_count_is("AWS::MSK::ClusterPolicy", 0)
    template.resource_count_is("Custom::KafkaLinks", 0)


def test_metrics_name_the_cluster_and_take_any_number_of_brokers(make_stack: MakeStack) -> None:
    made = make_stack()
    log = _log(made)
    assert log.metric_offline_partitions().dimensions == {"Cluster Name": "log-test"}
    lag = log.metric_consumer_lag("apply-test", "clinical.patient.events")
    assert lag.dimensions == {
        "Cluster Name": "log-test",
        "Consumer Group": "apply-test",
        "Topic": "clinical.patient.events",
    }
    queries = (log.metric_under_replicated_partitions(), log.metric_disk_used())
    assert all("'log-test'" in one.expression for one in queries)
    idle = log.metric_cpu().using_metrics["idle"]
    assert idle.expression.startswith("SELECT MIN(CpuIdle)")  # type: ignore[attr-defined]


def test_nothing_is_left_to_find(make_stack: MakeStack) -> None:
    made = make_stack(nag=True, profile="staging")
    _log(made, private_links=True)
    made.template()


def test_topics_are_made_before_private_links_put_the_cluster_into_updating(
    make_stack: MakeStack,
) -> None:
    made = make_stack(profile="staging")
    _log(made, private_links=True)
    template = made.template()
    topics = set(template.find_resources("AWS::MSK::Topic"))
    assert len(topics) == 5
    (asked,) = [
        one
        for one in template.find_resources("Custom::KafkaLinks").values()
        if one["Properties"]["Insists"] == "false"
    ]
    assert topics <= set(asked["DependsOn"])


@pytest.mark.parametrize(
    ("region", "asked", "links"),
    [
        ("ca-central-1", None, 0),  # MirrorMaker reads by the peering
        ("ca-west-1", None, 0),
        ("ca-west-1", True, 2),
        ("ca-central-1", False, 0),
    ],
)
def test_private_links_are_made_where_something_reads_by_them(
    make_stack: MakeStack, region: str, asked: bool | None, links: int
) -> None:
    """They take hours, and a region where the service lacks them could not be deployed."""
    made = make_stack(region, profile="prod")
    vpc = made.network().vpc
    ReplicatedLog(made.stack, "Log", site=made.site, vpc=vpc, keys=made.keys, private_links=asked)
    template = made.template()
    template.resource_count_is("Custom::KafkaLinks", links)
    template.resource_count_is("AWS::MSK::ClusterPolicy", links // 2)


def test_private_links_of_small_brokers_are_refused(make_stack: MakeStack) -> None:
    made = make_stack(profile="dev")
    with pytest.raises(ValueError, match=r"kafka\.t3\.small take no private links"):
        ReplicatedLog(made.stack, "Log", vpc=made.network().vpc, site=made.site, private_links=True)


def test_only_the_function_that_calls_itself_may_do_so_often(make_stack: MakeStack) -> None:
    made = make_stack(profile="staging")
    _log(made, private_links=True)
    allowed = {
        one["Properties"]["FunctionName"]: one["Properties"].get("RecursiveLoop")
        for one in made.resources("AWS::Lambda::Function")
    }
    assert allowed.pop("kafka-links-test") == "Allow"
    assert set(allowed.values()) == {None}
