"""The session cache: Valkey in each region, members of one global datastore."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.data.cache_access import PORT, ImportedSessionCache, SessionCacheAttributes
from lifeline.data.cache_member import ENGINE, CacheMember
from lifeline.data.cache_member import cache_name as cache_name
from lifeline.data.cache_member import hosts_parameter as hosts_parameter
from lifeline.data.cache_member import user_name as user_name
from lifeline.data.cache_membership import CacheMembership
from lifeline.foundation.destroyable import destroyable
from lifeline.foundation.keys import Keys
from lifeline.site import Site

ENGINE_VERSION = "8.2"
PARAMETER_FAMILY = "valkey8"
"""9.x is out, but nobody confirmed it for global datastores in both regions; 8.2 is."""
SNAPSHOT_DAYS = 15
SNAPSHOT_WINDOW = "06:00-07:00"
MAINTENANCE_WINDOW = "sun:08:00-sun:09:00"
PARAMETERS = {
    "maxmemory-policy": "volatile-lru",
    "tcp-keepalive": "60",
    "slowlog-log-slower-than": "10000",
}


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
        vpc: ec2.IVpc,
        vpc_subnets: ec2.SubnetSelection | None = None,
        identifier: str | None = None,
        node_type: str | None = None,
        replicas: int | None = None,
        keys: Keys | None = None,
    ) -> None:
        """Raises ValueError for surroundings in which the cache could not stand.

        `vpc_subnets`: the isolated ones by default, else the private ones. `connections` lets nobody in.
        `identifier`: of the replication group; whatever else has a name takes it, too.
        `node_type`, `replicas`: as the profile says; in a plain stack as the dev profile does.
        """
        super().__init__(
            scope,
            construct_id,
            site=site,
            vpc=vpc,
            vpc_subnets=vpc_subnets,
            identifier=identifier,
            replicas=replicas,
            keys=keys,
        )
        site, keys = self._site, self._keys
        if not site.is_home:
            raise ValueError(
                f"SessionCache creates the global datastore, at home; {site.region.name} is the "
                "recovery region, whose member is a SecondaryCache."
            )
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
            cache_node_type=node_type or site.settings.profile.cache_class,
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

    @staticmethod
    def from_session_cache_attributes(
        scope: Construct, construct_id: str, attributes: SessionCacheAttributes
    ) -> ImportedSessionCache:
        """A member that something else made, or makes later."""
        return ImportedSessionCache(scope, construct_id, attributes=attributes)


class SecondaryCache(CacheMember):
    """The recovery region's member; it lives in the Replication stack, which knows the global id.

    It inherits node type, engine, version, parameters, encryption and automatic failover from the datastore:
    naming one of them is an error. Its key, users, subnets, windows and number of nodes are its own; Multi-AZ
    it gets once it stands. It leaves the datastore before it is deleted (`CacheMembership`).
    Covers and does not cover: what `SessionCache` says.
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
        global_id: str,
    ) -> None:
        """As `SessionCache`. `global_id`: of the global datastore that it joins."""
        super().__init__(
            scope,
            construct_id,
            site=site,
            vpc=vpc,
            vpc_subnets=vpc_subnets,
            identifier=identifier,
            replicas=replicas,
            keys=keys,
        )
        site, keys = self._site, self._keys
        # A plain stack knows of one region only: that of the other member is its user's business.
        if site.is_home and not site.is_derived:
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
            port=PORT,
            kms_key_id=keys.data.key_arn,
            user_group_ids=[self._users.ref],
            snapshot_retention_limit=SNAPSHOT_DAYS,
            snapshot_window=SNAPSHOT_WINDOW,
            preferred_maintenance_window=MAINTENANCE_WINDOW,
            log_delivery_configurations=self._log_deliveries(),
        )
        self._finish(member)
        CacheMembership(self, "Membership", site=site, keys=keys, member=member)
        acknowledge(
            member,
            "AwsSolutions-AEC5",
            reason="A port that people know; the group lets in the workloads only.",
        )
        acknowledge(
            member,
            "AwsSolutions-AEC4",
            reason="The call that makes a member of a global datastore takes no automatic failover, without "
            "which it takes no Multi-AZ; the custom resource beside it turns that on.",
        )
        acknowledge(
            member,
            "AwsSolutions-AEC3",
            reason="Encryption at rest and in transit is the global datastore's; a member that names "
            "it is refused. The home member has both.",
        )
