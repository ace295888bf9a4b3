"""A member of the session cache in one region: its users, its groups, its logs, its metrics."""

from __future__ import annotations

from typing import Unpack

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.data.cache_access import PORT, CacheAccess
from lifeline.foundation.connections import connections_of
from lifeline.foundation.destroyable import destroyable
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.foundation.metric_options import MathOptions, computed
from lifeline.foundation.zones import store_subnets
from lifeline.site import Site

ENGINE = "valkey"
LEAST_ZONES = 2
LEAST_NODES = 2
MAX_NODES = 6
"""Of a replication group: a primary and five replicas (ElastiCache quotas)."""
ACCESS = "on ~* &* -@all +@read +@write +@connection +@transaction +@pubsub -@dangerous +info +ping"
"""The workloads' user: data and its own connection; nothing that flushes, dumps or reconfigures.
Rules apply from left to right, and INFO is one of the dangerous: what is given back stands last."""
LOGS = {"slow-log": "slow", "engine-log": "engine"}


class CacheMember(CacheAccess):
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
        vpc: ec2.IVpc,
        vpc_subnets: ec2.SubnetSelection | None = None,
        identifier: str | None = None,
        replicas: int | None = None,
        keys: Keys | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        site = site if identifier is None else site.renamed(identifier)
        keys = Keys.or_default(self, keys)
        self._site, self._keys = site, keys
        self.identifier = identifier or cache_name(site)
        self.user = user_name(site)
        self.hosts_parameter = hosts_parameter(site)
        self.nodes = 1 + (site.settings.profile.cache_replicas if replicas is None else replicas)
        if not LEAST_NODES <= self.nodes <= MAX_NODES:
            raise ValueError(
                f"{self.node.path} cannot have {replicas} replicas; allowed are {LEAST_NODES - 1}, without "
                f"which nothing takes over from a lost node, to {MAX_NODES - 1}."
            )
        subnets = store_subnets(
            self, vpc, vpc_subnets, least_zones=LEAST_ZONES, why="a cache that outlives a zone"
        )
        self.group = ec2.SecurityGroup(
            self, "Group", vpc=vpc, description="The cache.", allow_all_outbound=False
        )
        self._connections = connections_of(self.group, PORT)
        self._subnets = elasticache.CfnSubnetGroup(
            self,
            "Subnets",
            cache_subnet_group_name=self.identifier,
            description="Isolated subnets of three zones.",
            subnet_ids=subnets.subnet_ids,
        )
        self._users = self._user_group()
        for resource in (self._subnets, self._users):
            destroyable(resource)

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
            parameter_name=self.hosts_parameter,
            string_value=f"{self.host},{self.reader_host}",
            description="The cache's primary and reader endpoint, in the order to try",
        )
        acknowledge(
            member,
            "AwsSolutions-AEC6",
            reason="Sign-in is by IAM and a user group, which is stronger; a token excludes it.",
        )


def cache_name(site: Site) -> str:
    """The member's id in a region, by which peers and functions find it."""
    return site.names.regional_name("cache", "cache")


def user_name(site: Site) -> str:
    """The workloads' user of a member: with IAM its id and its name must be equal."""
    return site.names.regional_name("cache-workload", "cache")


def hosts_parameter(site: Site) -> str:
    """The parameter that holds `primary,reader`: for stacks that deploy before the secondary exists."""
    return f"/lifeline/{site.suffix or site.settings.environment_suffix}/cache-hosts"
