"""What the other region's services made up themselves: ids and addresses that no name tells."""

from __future__ import annotations

from enum import StrEnum

from aws_cdk import CustomResource
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge, acknowledge_pattern
from lifeline.foundation.keys import Keys
from lifeline.foundation.provisioner import Provisioner
from lifeline.site import Site


class PeerAttribute(StrEnum):
    """A generated id of the peer. The value is the last part of its parameter's name."""

    LOG_CLUSTER_ARN = "log-cluster-arn"
    """The peer's log (MSK cluster), found by its name."""
    LOG_BOOTSTRAP = "log-bootstrap"
    """The peer's brokers, for IAM over TLS: `host:port,…`."""
    LOG_SUBNETS = "log-subnets"
    """The subnets of the peer's brokers, joined by commas: one a zone."""
    LOG_GROUPS = "log-groups"
    """The security groups of the peer's brokers, joined by commas."""
    FILE_SYSTEM_ID = "file-system-id"
    """The peer's shared files, found by the tag Name."""
    CACHE_GLOBAL_ID = "cache-global-id"
    """The global replication group that the peer's cache is a member of."""
    DATABASE_RESOURCE_ID = "database-resource-id"
    """The id that RDS gave the peer's database cluster: what `rds-db:connect` is allowed on."""
    NETWORK_ID = "network-id"
    """The peer's VPC, found by the tag Name."""
    PEERING_ID = "peering-id"
    """The peering connection between the two networks, looked up in the own region."""


RESOURCE_TYPE_OF = {
    PeerAttribute.LOG_CLUSTER_ARN: "log",
    PeerAttribute.LOG_BOOTSTRAP: "log",
    PeerAttribute.LOG_SUBNETS: "log",
    PeerAttribute.LOG_GROUPS: "log",
    PeerAttribute.FILE_SYSTEM_ID: "files",
    PeerAttribute.CACHE_GLOBAL_ID: "cache",
    PeerAttribute.DATABASE_RESOURCE_ID: "database",
    PeerAttribute.NETWORK_ID: "network",
    PeerAttribute.PEERING_ID: "network",
}
"""By which resource's deterministic name each attribute is looked up."""

KIND_OF = {"log": "kafka", "cache": "cache", "database": "database"}
"""Kinds of names that are shorter than others (`naming.LONGEST`)."""


NAMED_ACROSS_REGIONS = frozenset({"database"})
"""Whose names say their region's code (`Names.cross_region_name`); the others are alike in both."""


class PeerLookup(Construct):
    """Looks each attribute up in the peer's region once, when it is created, and keeps the answer here.

    Covers: an update of this stack while the peer is lost: the answer comes from a parameter of the own
    region, and so does a delete's. Does not cover: a peer that was built anew and has new ids: delete
    the Replication stack and deploy it again; and the first deploy, which needs the peer.

    Only attributes that are asked for are looked up, and only for those does the function get permissions.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self._site = site
        self._made: dict[PeerAttribute, CustomResource] = {}
        self._allowed: set[str] = set()
        self.provider = Provisioner(
            self,
            "Provider",
            site=site,
            package="peer_lookup",
            description="Looks up generated ids of the other region at deploy time",
            keys=keys,
        )

    def attribute(self, attribute: PeerAttribute) -> str:
        """The attribute as a token that CloudFormation fills in; asked for twice it is looked up once."""
        if attribute not in self._made:
            self._made[attribute] = self._resource(attribute)
        return self._made[attribute].get_att_string("Value")

    def parameter(self, attribute: PeerAttribute) -> str:
        """The name of the parameter that keeps the answer in the own region."""
        return f"/lifeline/{self._site.settings.environment_suffix}/peer/{attribute}"

    def _resource(self, attribute: PeerAttribute) -> CustomResource:
        site, looked_up = self._site, RESOURCE_TYPE_OF[attribute]
        self._allow(attribute)
        return self.provider.resource(
            _pascal(attribute),
            resource_type="PeerAttribute",
            properties={
                "Attribute": str(attribute),
                "Name": _name_at_the_peer(site, looked_up),
                "PeerRegion": site.peer.region.name,
                "Parameter": self.parameter(attribute),
            },
        )

    def _allow(self, attribute: PeerAttribute) -> None:
        site, peer = self._site, self._site.peer
        self.provider.allow(
            f"Keep{_pascal(attribute)}",
            ["ssm:GetParameter", "ssm:PutParameter", "ssm:DeleteParameter"],
            [site.arn("ssm", f"parameter{self.parameter(attribute)}")],
        )
        match attribute:
            case (
                PeerAttribute.LOG_CLUSTER_ARN
                | PeerAttribute.LOG_BOOTSTRAP
                | PeerAttribute.LOG_SUBNETS
                | PeerAttribute.LOG_GROUPS
            ):
                self._allow_everywhere("FindTheLog", "kafka:ListClustersV2")
                if attribute is PeerAttribute.LOG_BOOTSTRAP:
                    self._allow_everywhere("AskForBrokers", "kafka:GetBootstrapBrokers")
            case PeerAttribute.FILE_SYSTEM_ID:
                everything = peer.arn("elasticfilesystem", "file-system/*")
                self.provider.allow(
                    "FindTheFiles", ["elasticfilesystem:DescribeFileSystems"], [everything]
                )
                acknowledge_pattern(
                    self.provider.policy,
                    everything,
                    reason="The id of the file system is what is looked for.",
                )
            case PeerAttribute.CACHE_GLOBAL_ID:
                name = peer.names.regional_name("cache", "cache")
                self.provider.allow(
                    "FindTheCache",
                    ["elasticache:DescribeReplicationGroups"],
                    [peer.arn("elasticache", f"replicationgroup:{name}")],
                )
            case PeerAttribute.DATABASE_RESOURCE_ID:
                name = _name_at_the_peer(site, "database")
                self.provider.allow(
                    "FindTheDatabase",
                    ["rds:DescribeDBClusters"],
                    [peer.arn("rds", f"cluster:{name}")],
                )
            case PeerAttribute.NETWORK_ID:
                self._allow_everywhere("FindTheNetwork", "ec2:DescribeVpcs")
            case PeerAttribute.PEERING_ID:
                self._allow_everywhere("FindTheNetwork", "ec2:DescribeVpcs")
                self._allow_everywhere("FindThePeering", "ec2:DescribeVpcPeeringConnections")

    def _allow_everywhere(self, sid: str, action: str) -> None:
        """A read for which its service knows no resource; once for all attributes that need it."""
        if action in self._allowed:
            return
        self._allowed.add(action)
        self.provider.allow(sid, [action], ["*"])
        if len(self._allowed) == 1:
            acknowledge(
                self.provider.policy,
                "AwsSolutions-IAM5[Resource::*]",
                reason="Lists of clusters and networks, and a cluster's brokers, are reads for which "
                "their services define no narrower resource.",
            )


def _name_at_the_peer(site: Site, looked_up: str) -> str:
    names, kind = site.peer.names, KIND_OF.get(looked_up, "other")
    if looked_up in NAMED_ACROSS_REGIONS:
        return names.cross_region_name(looked_up, kind)
    return names.regional_name(looked_up, kind)


def _pascal(attribute: PeerAttribute) -> str:
    return "".join(word.capitalize() for word in attribute.value.split("-"))
