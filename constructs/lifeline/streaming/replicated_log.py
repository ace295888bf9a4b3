"""The log of one region: an MSK cluster, the system of record that recovery starts from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack

import jsii
from aws_cdk import Fn
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_msk as msk
from constructs import Construct

from lifeline.capacity import AVAILABILITY_ZONES, WATERMARK
from lifeline.foundation.destroyable import destroyable
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.foundation.metric_options import MathOptions, MetricOptions, computed, metric
from lifeline.foundation.network import Network
from lifeline.foundation.provisioner import Provisioner
from lifeline.foundation.zones import require_zones
from lifeline.site import Site
from lifeline.streaming.log_storage import LogStorage
from lifeline.streaming.private_links import PrivateLinks

KAFKA_VERSION = "3.9.x"
IAM_PORT = 9098
MAX_MESSAGE_BYTES = 2 * 1024 * 1024
SERVER_PROPERTIES = "\n".join(
    (
        "auto.create.topics.enable=false",
        f"default.replication.factor={AVAILABILITY_ZONES}",
        "log.message.timestamp.type=CreateTime",
        "log.retention.hours=168",
        f"message.max.bytes={MAX_MESSAGE_BYTES}",
        "min.insync.replicas=2",
        f"replica.fetch.max.bytes={MAX_MESSAGE_BYTES}",
        "unclean.leader.election.enable=false",
    )
)


@jsii.implements(ec2.IConnectable)
class ReplicatedLog(Construct):
    """Three copies in three zones; two must have a record before it is acknowledged.

    Covers: the loss of a broker or a zone; a full volume (storage grows by itself). Does not cover: the
    loss of the region (the other region's log does), or a client that may read a topic and misuses it.
    Size limits and timestamps are equal in both regions (B8, B15); partition counts are fixed at creation
    (B9). Clients sign in by IAM over TLS and by nothing else.

    Where the brokers take private links, services reach them by those too: the replicator that copies
    into the other region, and the archive. Their switch cannot be set at creation: see `PrivateLinks`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        network: Network,
        keys: Keys | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self.cluster_name = site.names.regional_name("log", "kafka")
        self.partitions = site.settings.capacity.partitions
        self.topics = (*self.partitions, WATERMARK)
        self.group = self._group(site, network)
        self.cluster = self._cluster(site, network, keys)
        topics = self._create_topics()
        LogStorage(self, "Storage", site=site, cluster_arn=self.cluster_arn)
        self.private_links: PrivateLinks | None = None
        if site.settings.brokers_take_private_links:
            self.private_links = PrivateLinks(
                self, "PrivateLinks", site=site, keys=keys, cluster_arn=self.cluster_arn
            )
            # Turning them on puts the cluster into UPDATING, in which it takes no topics.
            self.private_links.asked.node.add_dependency(*topics)
        self.bootstrap = self._look_up_brokers(site, keys)

    @property
    def cluster_arn(self) -> str:
        """What `kafka-cluster:Connect` is allowed on."""
        return self.cluster.attr_arn

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
        return ec2.Connections(security_groups=[self.group], default_port=ec2.Port.tcp(IAM_PORT))

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

    def _group(self, site: Site, network: Network) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self, "Group", vpc=network.vpc, description="The log.", allow_all_outbound=False
        )
        port = ec2.Port.tcp(IAM_PORT)
        group.add_ingress_rule(network.log_clients, port, "Workloads that join log clients")
        if site.settings.brokers_take_private_links:
            group.add_ingress_rule(group, port, "A replicator, which joins the brokers' group")
            group.add_egress_rule(group, port, "A replicator, which joins the brokers' group")
        return group

    def _cluster(self, site: Site, network: Network, keys: Keys) -> msk.CfnCluster:
        profile = site.settings.profile
        broker_logs = log_group(
            self, "BrokerLogs", site=site, keys=keys, name=f"/lifeline/{self.cluster_name}"
        )
        configuration = msk.CfnConfiguration(
            self, "Configuration", name=self.cluster_name, server_properties=SERVER_PROPERTIES
        )
        stores = network.vpc.select_subnets(subnet_type=network.store_subnets.subnet_type)
        require_zones(self, stores, AVAILABILITY_ZONES, "a log with three copies of each record")
        cluster = msk.CfnCluster(
            self,
            "Cluster",
            cluster_name=self.cluster_name,
            kafka_version=KAFKA_VERSION,
            number_of_broker_nodes=site.settings.capacity.brokers,
            enhanced_monitoring=_monitoring(site),
            broker_node_group_info=msk.CfnCluster.BrokerNodeGroupInfoProperty(
                client_subnets=stores.subnet_ids,
                instance_type=profile.broker_class,
                security_groups=[self.group.security_group_id],
                storage_info=msk.CfnCluster.StorageInfoProperty(
                    ebs_storage_info=msk.CfnCluster.EBSStorageInfoProperty(
                        volume_size=profile.broker_storage_gib
                    )
                ),
            ),
            client_authentication=msk.CfnCluster.ClientAuthenticationProperty(
                sasl=msk.CfnCluster.SaslProperty(iam=msk.CfnCluster.IamProperty(enabled=True)),
                unauthenticated=msk.CfnCluster.UnauthenticatedProperty(enabled=False),
            ),
            configuration_info=msk.CfnCluster.ConfigurationInfoProperty(
                arn=configuration.attr_arn,
                # Changed properties are a new revision: a literal 1 would never roll them out.
                revision=configuration.attr_latest_revision_revision,
            ),
            encryption_info=msk.CfnCluster.EncryptionInfoProperty(
                encryption_at_rest=msk.CfnCluster.EncryptionAtRestProperty(
                    data_volume_kms_key_id=keys.data.key_arn
                ),
                encryption_in_transit=msk.CfnCluster.EncryptionInTransitProperty(
                    client_broker="TLS", in_cluster=True
                ),
            ),
            logging_info=msk.CfnCluster.LoggingInfoProperty(
                broker_logs=msk.CfnCluster.BrokerLogsProperty(
                    cloud_watch_logs=msk.CfnCluster.CloudWatchLogsProperty(
                        enabled=True, log_group=broker_logs.log_group_name
                    )
                )
            ),
            open_monitoring=msk.CfnCluster.OpenMonitoringProperty(
                prometheus=msk.CfnCluster.PrometheusProperty(
                    jmx_exporter=msk.CfnCluster.JmxExporterProperty(enabled_in_broker=False),
                    node_exporter=msk.CfnCluster.NodeExporterProperty(enabled_in_broker=False),
                )
            ),
        )
        destroyable(cluster)
        return cluster

    def _create_topics(self) -> list[msk.CfnTopic]:
        topics = []
        for topic, partitions in {**self.partitions, WATERMARK: 1}.items():
            made = msk.CfnTopic(
                self,
                "".join(word.capitalize() for word in topic.split(".")) + "Topic",
                cluster_arn=self.cluster_arn,
                topic_name=topic,
                partition_count=partitions,
                replication_factor=AVAILABILITY_ZONES,
            )
            destroyable(made)
            topics.append(made)
        return topics

    def _look_up_brokers(self, site: Site, keys: Keys) -> str:
        provider = Provisioner(
            self,
            "Provider",
            site=site,
            package="kafka_bootstrap",
            description="Looks up the log's bootstrap brokers",
            keys=keys,
        )
        provider.allow("ReadBrokers", ["kafka:GetBootstrapBrokers"], [self.cluster_arn])
        looked_up = provider.resource(
            "Brokers",
            resource_type="KafkaBootstrap",
            properties={"ClusterArn": self.cluster_arn},
        )
        return looked_up.get_att_string("Brokers")


def inside(cluster_arn: str, kind: str, name: str) -> str:
    """The ARN of a topic, group or transaction of a cluster: its own, another type, a name behind it."""
    head, tail = (Fn.select(number, Fn.split(":cluster/", cluster_arn)) for number in (0, 1))
    return f"{head}:{kind}/{tail}/{name}"


def incarnation_of(cluster_arn: str) -> str:
    """The generated last part of a cluster's ARN."""
    return Fn.select(2, Fn.split("/", cluster_arn))


def _monitoring(site: Site) -> str:
    """The small class is for throw-away environments; elsewhere an alarm must name the partition (B18)."""
    return "PER_TOPIC_PER_PARTITION" if site.settings.brokers_take_private_links else "DEFAULT"
