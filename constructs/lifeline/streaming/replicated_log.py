"""The log of one region: an MSK cluster, the system of record that recovery starts from."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import CfnDeletionPolicy, Fn, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from aws_cdk import aws_msk as msk
from constructs import Construct

from lifeline.capacity import AVAILABILITY_ZONES, WATERMARK
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_retention import retention_of
from lifeline.foundation.network import Network
from lifeline.foundation.provisioner import Provisioner
from lifeline.site import Site

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


class ReplicatedLog(Construct):
    """Three copies in three zones; two must have a record before it is acknowledged.

    Covers: the loss of a broker or a zone. Does not cover: the loss of the region (the other region's
    log does). Size limits and timestamps are equal in both regions (B8, B15); partition counts are
    fixed at creation (B9).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site,
        network: Network,
        keys: Keys,
    ) -> None:
        super().__init__(scope, construct_id)
        name = site.names.here("log", "kafka")
        self.partitions = site.settings.capacity.partitions
        self.group = ec2.SecurityGroup(
            self, "Group", vpc=network.vpc, description="The log.", allow_all_outbound=False
        )
        self.group.add_ingress_rule(
            network.log_clients, ec2.Port.tcp(IAM_PORT), "Workloads that join log clients"
        )
        broker_logs = logs.LogGroup(
            self,
            "BrokerLogs",
            log_group_name=f"/lifeline/{name}",
            encryption_key=keys.logs,
            retention=retention_of(site.settings.profile.log_retention_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        configuration = msk.CfnConfiguration(
            self, "Configuration", name=name, server_properties=SERVER_PROPERTIES
        )
        self.cluster = msk.CfnCluster(
            self,
            "Cluster",
            cluster_name=name,
            kafka_version=KAFKA_VERSION,
            number_of_broker_nodes=site.settings.capacity.brokers,
            broker_node_group_info=msk.CfnCluster.BrokerNodeGroupInfoProperty(
                client_subnets=[subnet.subnet_id for subnet in network.vpc.private_subnets],
                instance_type=site.settings.profile.broker_class,
                security_groups=[self.group.security_group_id],
                storage_info=msk.CfnCluster.StorageInfoProperty(
                    ebs_storage_info=msk.CfnCluster.EBSStorageInfoProperty(
                        volume_size=site.settings.profile.broker_storage_gib
                    )
                ),
            ),
            client_authentication=msk.CfnCluster.ClientAuthenticationProperty(
                sasl=msk.CfnCluster.SaslProperty(iam=msk.CfnCluster.IamProperty(enabled=True)),
                unauthenticated=msk.CfnCluster.UnauthenticatedProperty(enabled=False),
            ),
            configuration_info=msk.CfnCluster.ConfigurationInfoProperty(
                arn=configuration.attr_arn, revision=1
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
        )
        self.cluster.cfn_options.deletion_policy = CfnDeletionPolicy.DELETE
        self.cluster.cfn_options.update_replace_policy = CfnDeletionPolicy.DELETE
        self._create_topics()
        self.bootstrap = self._look_up_brokers(site, keys)

    @property
    def cluster_arn(self) -> str:
        """What `kafka-cluster:Connect` is allowed on."""
        return self.cluster.attr_arn

    def topic_arns(self, topics: Iterable[str]) -> list[str]:
        """The ARNs of topics: the cluster's, with another resource type and the topic behind it."""
        return [self._inside("topic", topic) for topic in topics]

    def group_arn(self, group: str) -> str:
        """The ARN of a consumer group of this log."""
        return self._inside("group", group)

    def _inside(self, kind: str, name: str) -> str:
        head, tail = (Fn.select(i, Fn.split(":cluster/", self.cluster.attr_arn)) for i in (0, 1))
        return f"{head}:{kind}/{tail}/{name}"

    def _create_topics(self) -> None:
        for topic, partitions in {**self.partitions, WATERMARK: 1}.items():
            made = msk.CfnTopic(
                self,
                "".join(word.capitalize() for word in topic.split(".")) + "Topic",
                cluster_arn=self.cluster.attr_arn,
                topic_name=topic,
                partition_count=partitions,
                replication_factor=AVAILABILITY_ZONES,
            )
            made.cfn_options.deletion_policy = CfnDeletionPolicy.DELETE
            made.cfn_options.update_replace_policy = CfnDeletionPolicy.DELETE

    def _look_up_brokers(self, site: Site, keys: Keys) -> str:
        provider = Provisioner(
            self,
            "Provider",
            site=site,
            package="kafka_bootstrap",
            does="Looks up the log's bootstrap brokers",
            keys=keys,
        )
        provider.allow("ReadBrokers", ["kafka:GetBootstrapBrokers"], [self.cluster.attr_arn])
        looked_up = provider.resource(
            "Brokers",
            resource_type="KafkaBootstrap",
            properties={"ClusterArn": self.cluster.attr_arn},
        )
        return looked_up.get_att_string("Brokers")
