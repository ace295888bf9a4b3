"""The log of the peer copied into the own one by MSK Replicator."""

from __future__ import annotations

import re
from typing import Unpack

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_msk as msk
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge_pattern
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.foundation.metric_options import MetricOptions, metric
from lifeline.foundation.service_principal import service_principal
from lifeline.site import Site
from lifeline.streaming.kafka_log import inside
from lifeline.streaming.peer_log import PeerLog, in_both_logs, own_groups
from lifeline.streaming.replicated_log import ReplicatedLog

INTERNAL_TOPICS = ("mskr-*", "*.checkpoints.internal", "*.offset-syncs.internal")
"""What the replicator makes for itself in both clusters (MSK developer guide, permissions reference)."""


class LogReplicator(Construct):
    """One direction, peer to own. It lives in the target's region, so each region makes its own: both
    directions are the same template with the regions exchanged.

    Covers: the loss of the other region: what it had acknowledged is here but for the last moments, which
    markers measure. Does not cover: those last moments (edges send them again), a topic that is not
    listed, and a record that the service drops: the watermark stands still before it (B8).

    At least once, order within a partition kept, headers and times kept. Names are identical; the service
    itself never copies a record back to where it came from. Offsets are synchronized in both directions
    (ENHANCED) for every group but ours (B14). Nearly every property can only be set at creation: change
    one and raise `generation`, so that the new replicator has another name and is made before the old
    one goes; records copied twice then are merged by id.

    Raises ValueError when brokers cannot take private links or the peer's subnets are not given.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        log: ReplicatedLog,
        peer: PeerLog,
        keys: Keys | None = None,
        generation: int = 1,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        if log.private_links is None:
            raise ValueError(
                f"MSK Replicator cannot reach brokers of class {site.settings.profile.broker_class}; "
                "allowed are classes that take private links, bigger than kafka.t3.small."
            )
        if not peer.subnet_ids or not peer.group_ids:
            raise ValueError("MSK Replicator needs the subnets and groups of the peer's brokers.")
        if generation < 1:
            raise ValueError(f"Bad generation {generation}; allowed are 1 and more.")
        self._site, self._log, self._peer = site, log, peer
        self.replicator_name = site.names.regional_name(f"log-replicator-g{generation}", "kafka")
        policy = self._policy(generation)
        group = log_group(
            self,
            "Logs",
            site=site,
            keys=keys,
            name=f"/lifeline/{self.replicator_name}",
        )
        self.replicator = msk.CfnReplicator(
            self,
            "Replicator",
            replicator_name=self.replicator_name,
            description=f"Copies the log of {site.peer.region.name} into {site.region.name}",
            service_execution_role_arn=self.role.role_arn,
            kafka_clusters=[
                _cluster(peer.cluster_arn, list(peer.subnet_ids), list(peer.group_ids)),
                _cluster(log.cluster_arn, log.subnet_ids, [log.group.security_group_id]),
            ],
            replication_info_list=[self._replication()],
            log_delivery=msk.CfnReplicator.LogDeliveryProperty(
                replicator_log_delivery=msk.CfnReplicator.ReplicatorLogDeliveryProperty(
                    cloud_watch_logs=msk.CfnReplicator.CloudWatchLogsProperty(
                        enabled=True, log_group=group.log_group_name
                    )
                )
            ),
        )
        self.replicator.node.add_dependency(policy)

    def metric_latency(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Milliseconds from a record's time at the peer to its copy here. 0 with traffic: no sign-in."""
        return self._metric("ReplicationLatency", "Maximum", **options)

    def metric_message_lag(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Messages at the peer that were not read yet."""
        return self._metric("MessageLag", "Sum", **options)

    def _metric(
        self, name: str, default: str, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        return metric(
            "AWS/Kafka",
            name,
            {"ReplicatorName": self.replicator_name},
            default_statistic=default,
            **options,
        )

    def _replication(self) -> msk.CfnReplicator.ReplicationInfoProperty:
        return msk.CfnReplicator.ReplicationInfoProperty(
            source_kafka_cluster_arn=self._peer.cluster_arn,
            target_kafka_cluster_arn=self._log.cluster_arn,
            target_compression_type="LZ4",
            topic_replication=msk.CfnReplicator.TopicReplicationProperty(
                topics_to_replicate=[re.escape(topic) for topic in self._log.topics],
                # Topics and their settings are resources of both regions.
                copy_topic_configurations=False,
                copy_access_control_lists_for_topics=False,
                detect_and_copy_new_topics=True,
                starting_position=msk.CfnReplicator.ReplicationStartingPositionProperty(
                    type="EARLIEST"
                ),
                topic_name_configuration=(
                    msk.CfnReplicator.ReplicationTopicNameConfigurationProperty(type="IDENTICAL")
                ),
            ),
            consumer_group_replication=msk.CfnReplicator.ConsumerGroupReplicationProperty(
                consumer_groups_to_replicate=[".*"],
                consumer_groups_to_exclude=[re.escape(one) for one in own_groups(self._site)],
                detect_and_copy_new_consumer_groups=True,
                synchronise_consumer_group_offsets=True,
                consumer_group_offset_sync_mode="ENHANCED",
            ),
        )

    def _policy(self, generation: int) -> iam.ManagedPolicy:
        site, log, peer = self._site, self._log, self._peer
        self.role = iam.Role(
            self,
            "Role",
            role_name=site.names.cross_region_name(f"log-replicator-g{generation}", "role"),
            assumed_by=service_principal("kafka.amazonaws.com", site),
        )
        policy = iam.ManagedPolicy(self, "Policy", roles=[self.role])
        here, there = log.cluster_arn, peer.cluster_arn
        topics = [
            one for topic in INTERNAL_TOPICS for one in in_both_logs(site, log, "topic", topic)
        ]
        groups = in_both_logs(site, log, "group", "*")
        allow(
            policy,
            "SignInToBothLogs",
            [
                "kafka-cluster:Connect",
                "kafka-cluster:DescribeCluster",
                "kafka-cluster:WriteDataIdempotently",
            ],
            [there, here],
        )
        allow(
            policy,
            "ReadThePeersTopics",
            [
                "kafka-cluster:DescribeTopic",
                "kafka-cluster:DescribeTopicDynamicConfiguration",
                "kafka-cluster:ReadData",
            ],
            [inside(there, "topic", topic) for topic in log.topics],
        )
        allow(
            policy,
            "WriteOwnTopics",
            [
                "kafka-cluster:DescribeTopic",
                "kafka-cluster:DescribeTopicDynamicConfiguration",
                "kafka-cluster:ReadData",
                "kafka-cluster:WriteData",
            ],
            log.topic_arns(log.topics),
        )
        allow(
            policy,
            "KeepItsOwnTopics",
            [
                "kafka-cluster:AlterTopic",
                "kafka-cluster:AlterTopicDynamicConfiguration",
                "kafka-cluster:CreateTopic",
                "kafka-cluster:DescribeTopic",
                "kafka-cluster:DescribeTopicDynamicConfiguration",
                "kafka-cluster:ReadData",
                "kafka-cluster:WriteData",
            ],
            topics,
        )
        allow(
            policy,
            "SynchronizeGroups",
            ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"],
            groups,
        )
        acknowledge_pattern(
            policy,
            *topics,
            *groups,
            reason="The replicator names its own topics, and groups are other teams' to name; the name "
            "of the cluster is exact.",
        )
        return policy


def _cluster(
    arn: str, subnets: list[str], groups: list[str]
) -> msk.CfnReplicator.KafkaClusterProperty:
    return msk.CfnReplicator.KafkaClusterProperty(
        amazon_msk_cluster=msk.CfnReplicator.AmazonMskClusterProperty(msk_cluster_arn=arn),
        vpc_config=msk.CfnReplicator.KafkaClusterClientVpcConfigProperty(
            subnet_ids=subnets, security_group_ids=groups
        ),
    )
