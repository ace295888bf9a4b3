"""The session cache: Valkey in each region, members of one global datastore."""

from __future__ import annotations

from typing import Unpack

import jsii
from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.destroyable import destroyable
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.foundation.metric_options import MathOptions, computed
from lifeline.foundation.network import Network
from lifeline.site import Site

ENGINE = "valkey"
ENGINE_VERSION = "8.2"
PARAMETER_FAMILY = "valkey8"
"""9.x is out, but nobody confirmed it for global datastores in both regions; 8.2 is."""
PORT = 6379
SNAPSHOT_DAYS = 15
SNAPSHOT_WINDOW = "06:00-07:00"
MAINTENANCE_WINDOW = "sun:08:00-sun:09:00"
ACCESS = "on ~* &* -@all +@read +@write +@connection +@transaction +@pubsub -@dangerous +info +ping"
"""The workloads' user: data and its own connection; nothing that flushes, dumps or reconfigures.
Rules apply from left to right, and INFO is one of the dangerous: what is given back stands last."""
LOGS = {"slow-log": "slow", "engine-log": "engine"}
PARAMETERS = {
    "maxmemory-policy": "volatile-lru",
    "tcp-keepalive": "60",
    "slowlog-log-slower-than": "10000",
}


@jsii.implements(ec2.IConnectable)
class CacheMember(Construct):
    """What a member has in its own region, whichever role it plays: who may connect, logs, metrics.

    Users and their groups are regional: each member has its own, with the same names. The group holds
    no user named `default`, so nobody signs in without IAM.
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
        self._site, self._keys = site, keys
        self.identifier = cache_name(site)
        self.user = user_name(site)
        self.port = PORT
        self.group = ec2.SecurityGroup(
            self, "Group", vpc=network.vpc, description="The cache.", allow_all_outbound=False
        )
        self.group.add_ingress_rule(
            network.cache_clients, ec2.Port.tcp(PORT), "Workloads that join cache clients"
        )
        self._subnets = elasticache.CfnSubnetGroup(
            self,
            "Subnets",
            cache_subnet_group_name=self.identifier,
            description="Isolated subnets of three zones.",
            subnet_ids=network.vpc.select_subnets(
                subnet_type=network.store_subnets.subnet_type
            ).subnet_ids,
        )
        self._users = self._user_group()
        for resource in (self._subnets, self._users):
            destroyable(resource)

    @property
    def connections(self) -> ec2.Connections:
        """Who may reach it: `cache.connections.allow_default_port_from(workload)`."""
        return ec2.Connections(security_groups=[self.group], default_port=ec2.Port.tcp(PORT))

    def grant_connect(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` sign in to this region's member; it must also join the clients."""
        return allow_connecting(grantee, self._site)

    def metric_replication_lag(self, **options: Unpack[MathOptions]) -> cloudwatch.IMetric:
        """Seconds behind the other region's member; only the one that does not write has it."""
        return self._worst("GlobalDatastoreReplicationLag", "lag", **options)

    def metric_engine_cpu(self, **options: Unpack[MathOptions]) -> cloudwatch.IMetric:
        """Per cent of the one thread that runs commands, on the busiest node."""
        return self._worst("EngineCPUUtilization", "cpu", **options)

    def metric_memory(self, **options: Unpack[MathOptions]) -> cloudwatch.IMetric:
        """Per cent of the memory after which keys are evicted, on the fullest node."""
        return self._worst("DatabaseMemoryUsageCountedForEvictPercentage", "memory", **options)

    def metric_evictions(self, **options: Unpack[MathOptions]) -> cloudwatch.IMetric:
        """Keys evicted in a minute, on the node that evicts most."""
        return self._worst("Evictions", "evictions", statistic="Sum", **options)

    def _worst(
        self, name: str, node: str, statistic: str = "Maximum", **options: Unpack[MathOptions]
    ) -> cloudwatch.IMetric:
        """Over all nodes: which of them is the primary changes by itself."""
        nodes = {
            f"{node}{number}": cloudwatch.Metric(
                namespace="AWS/ElastiCache",
                metric_name=name,
                dimensions_map={"CacheClusterId": f"{self.identifier}-{number:03}"},
                statistic=statistic,
                period=options.get("period") or Duration.minutes(1),
            )
            for number in range(1, self.nodes + 1)
        }
        return computed(f"MAX([{', '.join(nodes)}])", using=nodes, default_label=name, **options)

    @property
    def nodes(self) -> int:
        """In this region: the primary, or what would become it, and its replicas."""
        return 1 + self._site.settings.profile.cache_replicas

    def _user_group(self) -> elasticache.CfnUserGroup:
        user = elasticache.CfnUser(
            self,
            "User",
            engine=ENGINE,
            user_id=self.user,
            user_name=self.user,
            access_string=ACCESS,
            authentication_mode={"Type": "iam"},
        )
        destroyable(user)
        return elasticache.CfnUserGroup(
            self, "Users", engine=ENGINE, user_group_id=self.identifier, user_ids=[user.ref]
        )

    def _log_deliveries(
        self,
    ) -> list[elasticache.CfnReplicationGroup.LogDeliveryConfigurationRequestProperty]:
        made = []
        for log_type, word in LOGS.items():
            group = log_group(
                self,
                f"{word.capitalize()}Logs",
                site=self._site,
                keys=self._keys,
                name=f"/lifeline/{self.identifier}/{word}",
            )
            made.append(
                elasticache.CfnReplicationGroup.LogDeliveryConfigurationRequestProperty(
                    destination_type="cloudwatch-logs",
                    destination_details=(
                        elasticache.CfnReplicationGroup.DestinationDetailsProperty(
                            cloud_watch_logs_details=(
                                elasticache.CfnReplicationGroup.CloudWatchLogsDestinationDetailsProperty(
                                    log_group=group.log_group_name
                                )
                            )
                        )
                    ),
                    log_format="json",
                    log_type=log_type,
                )
            )
        return made

    def _finish(self, member: elasticache.CfnReplicationGroup) -> None:
        """What is the same for every member once it is declared."""
        destroyable(member)
        self.member = member
        self.host = member.attr_primary_end_point_address
        self.reader_host = member.attr_reader_end_point_address
        ssm.StringParameter(
            self,
            "Hosts",
            parameter_name=hosts_parameter(self._site),
            string_value=f"{self.host},{self.reader_host}",
            description="The cache's primary and reader endpoint, in the order to try",
        )
        acknowledge(
            member,
            "AwsSolutions-AEC6",
            reason="Sign-in is by IAM and a user group, which is stronger; a token excludes it.",
        )


class SessionCache(CacheMember):
    """The home region's member, and the global datastore that it was created as the primary of.

    Covers: the loss of a node or a zone (replicas, automatic failover), of the region (the other member
    is promoted, or started cold: a cache never holds a recovery up), a stolen network position (TLS and
    IAM only). Does not cover: what is cached only here: everything in it can be made again. The slow log
    shows the first bytes of a command's arguments: no patient data belongs into keys.
    Which member is the primary moves at run time. Deleted in this order: the secondary (another stack),
    the global datastore, this member; after a failover, switch back before destroying.
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
        super().__init__(scope, construct_id, site=site, network=network, keys=keys)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        if not site.is_home:
            raise ValueError(
                f"SessionCache creates the global datastore, at home; {site.region.name} is the "
                "recovery region, whose member is a SecondaryCache."
            )
        profile = site.settings.profile
        parameters = elasticache.CfnParameterGroup(
            self,
            "Parameters",
            cache_parameter_group_family=PARAMETER_FAMILY,
            description="Evict only what expires; report what is slower than 10 ms.",
            properties=PARAMETERS,
        )
        destroyable(parameters)
        member = elasticache.CfnReplicationGroup(
            self,
            "Member",
            replication_group_id=self.identifier,
            replication_group_description="Sessions",
            engine=ENGINE,
            engine_version=ENGINE_VERSION,
            cache_node_type=profile.cache_class,
            cache_parameter_group_name=parameters.ref,
            cache_subnet_group_name=self._subnets.ref,
            security_group_ids=[self.group.security_group_id],
            num_cache_clusters=self.nodes,
            automatic_failover_enabled=True,
            multi_az_enabled=True,
            port=PORT,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            at_rest_encryption_enabled=True,
            kms_key_id=keys.data.key_arn,
            user_group_ids=[self._users.ref],
            snapshot_retention_limit=SNAPSHOT_DAYS,
            snapshot_window=SNAPSHOT_WINDOW,
            preferred_maintenance_window=MAINTENANCE_WINDOW,
            auto_minor_version_upgrade=False,
            log_delivery_configurations=self._log_deliveries(),
        )
        self._finish(member)
        global_group = elasticache.CfnGlobalReplicationGroup(
            self,
            "World",
            global_replication_group_id_suffix=self.identifier,
            global_replication_group_description="Sessions in both regions",
            members=[
                elasticache.CfnGlobalReplicationGroup.GlobalReplicationGroupMemberProperty(
                    replication_group_id=member.ref,
                    replication_group_region=site.region.name,
                    role="PRIMARY",  # as created: the service moves it without this template
                )
            ],
        )
        # The library takes it for taggable; the service's schema does not know the property.
        global_group.add_property_deletion_override("Tags")
        destroyable(global_group)
        self.global_id = global_group.attr_global_replication_group_id


class SecondaryCache(CacheMember):
    """The recovery region's member; it lives in the Replication stack, which knows the global id.

    It inherits node type, engine, version, parameters and encryption from the datastore: naming one of
    them is an error. Its key, users, subnets, windows and number of nodes are its own.
    Covers and does not cover: what `SessionCache` says.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        network: Network,
        keys: Keys | None = None,
        global_id: str,
    ) -> None:
        super().__init__(scope, construct_id, site=site, network=network, keys=keys)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        if site.is_home:
            raise ValueError(
                f"SecondaryCache joins the datastore from the recovery region; {site.region.name} is "
                "home, whose member is the SessionCache."
            )
        member = elasticache.CfnReplicationGroup(
            self,
            "Member",
            replication_group_id=self.identifier,
            replication_group_description="Sessions",
            global_replication_group_id=global_id,
            cache_subnet_group_name=self._subnets.ref,
            security_group_ids=[self.group.security_group_id],
            num_cache_clusters=self.nodes,
            automatic_failover_enabled=True,
            multi_az_enabled=True,
            port=PORT,
            kms_key_id=keys.data.key_arn,
            user_group_ids=[self._users.ref],
            snapshot_retention_limit=SNAPSHOT_DAYS,
            snapshot_window=SNAPSHOT_WINDOW,
            preferred_maintenance_window=MAINTENANCE_WINDOW,
            log_delivery_configurations=self._log_deliveries(),
        )
        self._finish(member)
        acknowledge(
            member,
            "AwsSolutions-AEC5",
            reason="A port that people know; the group lets in the workloads only.",
        )
        acknowledge(
            member,
            "AwsSolutions-AEC3",
            reason="Encryption at rest and in transit is the global datastore's; a member that names "
            "it is refused. The home member has both.",
        )


def cache_name(site: Site) -> str:
    """The member's id in a region, by which peers and functions find it."""
    return site.names.regional_name("cache", "cache")


def user_name(site: Site) -> str:
    """The workloads' user of a member: with IAM its id and its name must be equal."""
    return site.names.regional_name("cache-workload", "cache")


def hosts_parameter(site: Site) -> str:
    """The parameter that holds `primary,reader`: for stacks that deploy before the secondary exists."""
    return f"/lifeline/{site.settings.environment_suffix}/cache-hosts"


def allow_connecting(grantee: iam.IGrantable, site: Site) -> iam.Grant:
    """Let `grantee` sign in to the member of `site`, also where it is not made yet."""
    return allow(
        grantee,
        "SignInToTheCache",
        ["elasticache:Connect"],
        [
            site.arn("elasticache", f"replicationgroup:{cache_name(site)}"),
            site.arn("elasticache", f"user:{user_name(site)}"),
        ],
    )
