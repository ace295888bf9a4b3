"""The log of one region: an MSK cluster, the system of record that recovery starts from."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_msk as msk
from constructs import Construct

from lifeline.broker_settings import BROKER_SETTINGS
from lifeline.capacity import AVAILABILITY_ZONES, WATERMARK
from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.connections import connections_of
from lifeline.foundation.destroyable import destroyable
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.foundation.provisioner import Provisioner
from lifeline.foundation.zones import store_subnets
from lifeline.site import Site
from lifeline.streaming.kafka_log import (
    IAM_PORT,
    ImportedReplicatedLog,
    KafkaLog,
    ReplicatedLogAttributes,
)
from lifeline.streaming.log_storage import LogStorage
from lifeline.streaming.private_links import PrivateLinks, are_used

KAFKA_VERSION = "3.9.x"


NOWHERE = {
    "CidrIp": "255.255.255.255/32",
    "Description": "Disallow all traffic",
    "IpProtocol": "icmp",
    "FromPort": 252,
    "ToPort": 86,
}
"""A rule that lets nothing out, as the CDK writes it."""


class ReplicatedLog(KafkaLog):
    """Three copies in three zones; two must have a record before it is acknowledged.

    Covers: the loss of a broker or a zone; a full volume (storage grows by itself). Does not cover: the
    loss of the region (the other region's log does), or a client that may read a topic and misuses it.
    Size limits and timestamps are equal in both regions (B8, B15); partition counts are fixed at creation
    (B9). Clients sign in by IAM over TLS and by nothing else.

    MSK Replicator, which copies into the other region, reaches the brokers by private links. Where it does
    not copy, there are none. Their switch cannot be set at creation: see `PrivateLinks`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        vpc: ec2.IVpc,
        vpc_subnets: ec2.SubnetSelection | None = None,
        cluster_name: str | None = None,
        partitions: Mapping[str, int] | None = None,
        private_links: bool | None = None,
        keys: Keys | None = None,
    ) -> None:
        """Raises ValueError for surroundings in which the cluster could not stand.

        `vpc_subnets`: the isolated ones by default, else the private ones. `connections` lets nobody in.
        `cluster_name`: whatever else has a name takes it, too. `partitions`: topic to partition count; as
            the capacity plan says by default. The watermark's topic is made beside them.
        `private_links`: by default where MSK Replicator reads through them.
        """
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        site = site if cluster_name is None else site.renamed(cluster_name)
        keys = Keys.or_default(self, keys)
        self.cluster_name = cluster_name or site.names.regional_name("log", "kafka")
        self.partitions = dict(partitions or site.settings.capacity.partitions)
        self._takes_links = _private_links(site, private_links)
        stores = store_subnets(
            self,
            vpc,
            vpc_subnets,
            least_zones=AVAILABILITY_ZONES,
            why="a log with three copies of each record",
        )
        self.subnet_ids = stores.subnet_ids[:AVAILABILITY_ZONES]
        self.group = self._group(vpc)
        self._connections = connections_of(self.group, IAM_PORT)
        self.cluster = self._cluster(site, keys)
        self.cluster_arn = self.cluster.attr_arn
        topics = self._create_topics()
        LogStorage(self, "Storage", site=site, cluster_arn=self.cluster_arn)
        self.private_links: PrivateLinks | None = None
        if self._takes_links:
            self.private_links = PrivateLinks(
                self, "PrivateLinks", site=site, keys=keys, cluster_arn=self.cluster_arn
            )
            # Turning them on puts the cluster into UPDATING, in which it takes no topics.
            self.private_links.asked.node.add_dependency(*topics)
        self.bootstrap = self._look_up_brokers(site, keys)

    @staticmethod
    def from_replicated_log_attributes(
        scope: Construct, construct_id: str, attributes: ReplicatedLogAttributes
    ) -> ImportedReplicatedLog:
        """A cluster that something else made, with its topics in it."""
        return ImportedReplicatedLog(scope, construct_id, attributes=attributes)

    def _group(self, vpc: ec2.IVpc) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self, "Group", vpc=vpc, description="The log.", allow_all_outbound=False
        )
        port = ec2.Port.tcp(IAM_PORT)
        if self._takes_links:
            group.add_ingress_rule(group, port, "A replicator, which joins the brokers' group")
            group.add_egress_rule(group, port, "A replicator, which joins the brokers' group")
            # A rule to the group itself is a resource of its own, and takes the place of the CDK's rule that
            # allows nothing; without a rule in the group EC2 adds its own, which allows everything.
            resource = group.node.default_child
            assert isinstance(resource, ec2.CfnSecurityGroup)
            resource.add_property_override("SecurityGroupEgress", [NOWHERE])
        return group

    def _cluster(self, site: Site, keys: Keys) -> msk.CfnCluster:
        profile = site.settings.profile
        broker_logs = log_group(
            self, "BrokerLogs", site=site, keys=keys, name=f"/lifeline/{self.cluster_name}"
        )
        configuration = msk.CfnConfiguration(
            self,
            "Configuration",
            name=self.cluster_name,
            server_properties="\n".join(f"{k}={v}" for k, v in BROKER_SETTINGS.items()),
        )
        cluster = msk.CfnCluster(
            self,
            "Cluster",
            cluster_name=self.cluster_name,
            kafka_version=KAFKA_VERSION,
            number_of_broker_nodes=site.settings.capacity.brokers,
            enhanced_monitoring=_monitoring(site),
            broker_node_group_info=msk.CfnCluster.BrokerNodeGroupInfoProperty(
                client_subnets=self.subnet_ids,
                instance_type=profile.broker_class,
                security_groups=[self.group.security_group_id],
                storage_info=msk.CfnCluster.StorageInfoProperty(
                    ebs_storage_info=msk.CfnCluster.EBSStorageInfoProperty(
                        volume_size=site.settings.capacity.broker_volume_gib
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
        # The action has no resource type (Service Authorization Reference, "Amazon Managed Streaming for
        # Apache Kafka"): a statement that names the cluster may match nothing.
        provider.allow("ReadBrokers", ["kafka:GetBootstrapBrokers"], ["*"])
        acknowledge(
            provider.policy,
            "AwsSolutions-IAM5[Resource::*]",
            reason="A cluster's brokers are read by an action for which MSK defines no resource.",
        )
        looked_up = provider.resource(
            "Brokers",
            resource_type="KafkaBootstrap",
            properties={"ClusterArn": self.cluster_arn},
        )
        return looked_up.get_att_string("Brokers")


def _private_links(site: Site, asked: bool | None) -> bool:
    settings = site.settings
    if asked and not settings.brokers_take_private_links:
        raise ValueError(
            f"Brokers of class {settings.profile.broker_class} take no private links; allowed are classes "
            "bigger than kafka.t3.small."
        )
    return are_used(site) if asked is None else asked


def _monitoring(site: Site) -> str:
    """The small class is for throw-away environments; elsewhere an alarm must name the partition (B18)."""
    return "PER_TOPIC_PER_PARTITION" if site.settings.brokers_take_private_links else "DEFAULT"
