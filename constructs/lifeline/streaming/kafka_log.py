"""A log of Kafka topics on MSK, whoever made it: how to reach it, sign in to it and watch it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, Unpack

import jsii
from aws_cdk import Fn
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.capacity import WATERMARK
from lifeline.foundation.connections import connections_of
from lifeline.foundation.function import allow
from lifeline.foundation.metric_options import MathOptions, MetricOptions, computed, metric

IAM_PORT = 9098


class IReplicatedLog(Protocol):
    """This region's log, made here or elsewhere."""

    @property
    def cluster_name(self) -> str:
        """The MSK cluster's name, known at synth."""

    @property
    def cluster_arn(self) -> str:
        """What `kafka-cluster:Connect` is allowed on."""

    @property
    def bootstrap(self) -> str:
        """The brokers, for IAM over TLS: `host:port,…`."""

    @property
    def partitions(self) -> Mapping[str, int]:
        """Partition counts by topic; the watermark's topic is not among them."""

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics, the watermark's last."""

    @property
    def incarnation(self) -> str:
        """The part of the ARN that a cluster built anew under the same name does not share (B16)."""

    @property
    def connections(self) -> ec2.Connections:
        """Who may reach the brokers: `log.connections.allow_default_port_from(workload)`."""

    def topic_arns(self, topics: Iterable[str]) -> list[str]:
        """The ARNs of topics."""

    def grant_write(self, grantee: iam.IGrantable, topics: Iterable[str]) -> iam.Grant:
        """Let `grantee` produce to `topics`."""

    def grant_read(
        self, grantee: iam.IGrantable, topics: Iterable[str], *, group: str
    ) -> iam.Grant:
        """Let `grantee` consume `topics` as the consumer group `group`."""


@jsii.implements(ec2.IConnectable)
class KafkaLog(Construct):
    """What a log can do whether it was made here or not."""

    cluster_name: str
    cluster_arn: str
    bootstrap: str
    partitions: Mapping[str, int]
    _connections: ec2.Connections

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics, the watermark's last."""
        return (*self.partitions, WATERMARK)

    @property
    def incarnation(self) -> str:
        """The part of the ARN that a cluster built anew under the same name does not share (B16)."""
        return incarnation_of(self.cluster_arn)

    def topic_arns(self, topics: Iterable[str]) -> list[str]:
        """The ARNs of topics: the cluster's, with another resource type and the topic behind it."""
        return [inside(self.cluster_arn, "topic", topic) for topic in topics]

    def group_arn(self, group: str) -> str:
        """The ARN of a consumer group of this log."""
        return inside(self.cluster_arn, "group", group)

    @property
    def connections(self) -> ec2.Connections:
        """Who may reach the brokers: `log.connections.allow_default_port_from(workload)`."""
        return self._connections

    def grant_write(self, grantee: iam.IGrantable, topics: Iterable[str]) -> iam.Grant:
        """Let `grantee` produce to `topics`, idempotently; it must also reach the brokers."""
        produce = allow(
            grantee,
            "ProduceToTheLog",
            ["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"],
            [self.cluster_arn],
        )
        write = allow(
            grantee,
            "WriteTopics",
            ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"],
            self.topic_arns(topics),
        )
        return produce.combine(write)

    def grant_read(
        self, grantee: iam.IGrantable, topics: Iterable[str], *, group: str
    ) -> iam.Grant:
        """Let `grantee` consume `topics` as the consumer group `group`; it must also reach the brokers."""
        consume = allow(
            grantee,
            "ConsumeTheLog",
            ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"],
            [self.cluster_arn],
        )
        read = allow(
            grantee,
            "ReadTopics",
            ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"],
            self.topic_arns(topics),
        )
        join = allow(
            grantee,
            "JoinTheGroup",
            ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"],
            [self.group_arn(group)],
        )
        return consume.combine(read).combine(join)

    def metric_offline_partitions(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Partitions without a leader: nothing can be written to them. More than 0 pages."""
        return self._metric("OfflinePartitionsCount", "Maximum", **options)

    def metric_under_replicated_partitions(
        self, **options: Unpack[MathOptions]
    ) -> cloudwatch.MathExpression:
        """Partitions that lack a copy, summed over the brokers that lead them."""
        return self._over_brokers("SUM", "UnderReplicatedPartitions", **options)

    def metric_cpu(self, **options: Unpack[MathOptions]) -> cloudwatch.MathExpression:
        """Per cent that the busiest broker is not idle; above 70 leaves no room to lose a broker."""
        return computed(
            "100 - idle",
            using={"idle": self._over_brokers("MIN", "CpuIdle")},
            default_label="Busiest broker, % CPU",
            **options,
        )

    def metric_disk_used(self, **options: Unpack[MathOptions]) -> cloudwatch.MathExpression:
        """Per cent of the data volume of the fullest broker."""
        return self._over_brokers("MAX", "KafkaDataLogsDiskUsed", **options)

    def metric_consumer_lag(
        self, group: str, topic: str, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        """Messages of `topic` that `group` has not committed yet, over all partitions.

        The group must commit offsets for it: MSK sees no other sign of progress.
        """
        return self._metric(
            "SumOffsetLag", "Maximum", {"Consumer Group": group, "Topic": topic}, **options
        )

    def _metric(
        self,
        name: str,
        default: str,
        dimensions: dict[str, str] | None = None,
        **options: Unpack[MetricOptions],
    ) -> cloudwatch.Metric:
        return metric(
            "AWS/Kafka",
            name,
            {"Cluster Name": self.cluster_name, **(dimensions or {})},
            default_statistic=default,
            **options,
        )

    def _over_brokers(
        self, how: str, name: str, **options: Unpack[MathOptions]
    ) -> cloudwatch.MathExpression:
        """A query, not a list of brokers: an alarm takes ten metrics, and a cluster may have more."""
        return computed(
            (
                f'SELECT {how}({name}) FROM SCHEMA("AWS/Kafka", "Broker ID", "Cluster Name") '
                f"WHERE \"Cluster Name\" = '{self.cluster_name}'"
            ),
            default_label=name,
            **options,
        )


@dataclass(frozen=True, kw_only=True)
class ReplicatedLogAttributes:
    """A cluster that something else made. Its topics, the watermark's among them, must stand in it."""

    cluster_arn: str
    cluster_name: str
    bootstrap: str
    """Its brokers for IAM over TLS: `host:9098,…`."""
    partitions: Mapping[str, int]
    """Partition counts by topic, without the watermark's topic. They never change (B9)."""
    security_group: ec2.ISecurityGroup | None = None
    """None: `connections` opens nothing, and says so to the CDK by having no group."""


class ImportedReplicatedLog(KafkaLog):
    """A log known by its attributes; nothing is made."""

    def __init__(
        self, scope: Construct, construct_id: str, *, attributes: ReplicatedLogAttributes
    ) -> None:
        super().__init__(scope, construct_id)
        self.cluster_arn, self.cluster_name = attributes.cluster_arn, attributes.cluster_name
        self.bootstrap = attributes.bootstrap
        self.partitions = dict(attributes.partitions)
        self._connections = connections_of(attributes.security_group, IAM_PORT)


def inside(cluster_arn: str, kind: str, name: str) -> str:
    """The ARN of a topic, group or transaction of a cluster: its own, another type, a name behind it."""
    head, tail = (Fn.select(number, Fn.split(":cluster/", cluster_arn)) for number in (0, 1))
    return f"{head}:{kind}/{tail}/{name}"


def incarnation_of(cluster_arn: str) -> str:
    """The generated last part of a cluster's ARN."""
    return Fn.select(2, Fn.split("/", cluster_arn))
