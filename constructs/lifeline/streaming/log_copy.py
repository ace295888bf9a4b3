"""The peer's log copied into the own one, by what the settings choose: MSK Replicator or MirrorMaker."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Fn
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from lifeline.capacity import AVAILABILITY_ZONES
from lifeline.foundation.keys import Keys
from lifeline.foundation.peer_lookup import PeerAttribute, PeerLookup
from lifeline.settings import LogReplication
from lifeline.site import Site
from lifeline.streaming.log_peering import LogPeering
from lifeline.streaming.log_replication import LogReplicator
from lifeline.streaming.mirror_maker import MirrorMaker
from lifeline.streaming.peer_log import PeerLog
from lifeline.streaming.replicated_log import ReplicatedLog


class LogCopy(Construct):
    """One direction, peer to own, by the one that the settings name; `peer_lookup` knows the peer.

    MirrorMaker runs in `cluster` and reads over a peering; MSK Replicator needs neither. Where a witness can
    move the lease there is a peering all the same: the fence reaches the peer's database over it. Covers
    and does not cover: what `LogReplicator` and `MirrorMaker` say.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        log: ReplicatedLog,
        peer_lookup: PeerLookup,
        cluster: ecs.ICluster,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        keys: Keys | None = None,
    ) -> None:
        """`security_groups`: of MirrorMaker, what both logs let in; by default one that the own lets in."""
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self.peering: LogPeering | None = None
        """The way between the two networks; None: nothing would pass over it."""
        by_the_service = site.settings.log_replicated_by is LogReplication.REPLICATOR
        if not by_the_service or site.witness is not None:
            self.peering = LogPeering(
                self,
                "Peering",
                site=site,
                vpc=cluster.vpc,
                log=None if by_the_service else log,
                peer_lookup=peer_lookup,
            )
        if by_the_service:
            LogReplicator(
                self, "Log", site=site, log=log, peer=_by_private_links(peer_lookup), keys=keys
            )
            return
        assert self.peering is not None
        mirror = MirrorMaker(
            self,
            "Mirror",
            site=site,
            cluster=cluster,
            security_groups=security_groups,
            log=log,
            peer=PeerLog(
                cluster_arn=peer_lookup.attribute(PeerAttribute.LOG_CLUSTER_ARN),
                bootstrap=peer_lookup.attribute(PeerAttribute.LOG_BOOTSTRAP),
            ),
            keys=keys,
        )
        mirror.node.add_dependency(self.peering)


def _by_private_links(peer_lookup: PeerLookup) -> PeerLog:
    subnets = Fn.split(",", peer_lookup.attribute(PeerAttribute.LOG_SUBNETS))
    return PeerLog(
        cluster_arn=peer_lookup.attribute(PeerAttribute.LOG_CLUSTER_ARN),
        subnet_ids=[Fn.select(zone, subnets) for zone in range(AVAILABILITY_ZONES)],
        group_ids=[Fn.select(0, Fn.split(",", peer_lookup.attribute(PeerAttribute.LOG_GROUPS)))],
    )
