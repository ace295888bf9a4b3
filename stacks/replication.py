"""Replication: the few resources of a region that need to know the other side's generated ids."""

from __future__ import annotations

from constructs import Construct

from lifeline.application.api_failover import ApiFailover
from lifeline.data.cache_member import CacheMember
from lifeline.data.file_replication import FileReplication
from lifeline.data.session_cache import SecondaryCache
from lifeline.failover.fence_path import FencePath
from lifeline.foundation.bucket_replication import BucketReplication
from lifeline.foundation.peer_lookup import PeerAttribute, PeerLookup
from lifeline.site import Site
from lifeline.stacks.application import Application
from lifeline.stacks.data import Data
from lifeline.stacks.failover import Failover
from lifeline.stacks.foundation import Foundation
from lifeline.stacks.site_stack import SiteStack
from lifeline.stacks.streaming import Streaming
from lifeline.streaming.log_copy import LogCopy

REPLICATED_BUCKETS = ("access-log", "audit", "archive", "evidence")


class Replication(SiteStack):
    """Deployed last, when both regions stand, and destroyed first. Alike in both regions, but for facts of
    creation: home asks for the peering and starts the files' replication; recovery's cache joins. Without a
    standby, at home only, it copies the buckets: there is no peer to look up."""

    def __init__(
        self,
        scope: Construct,
        *,
        site: Site,
        foundation: Foundation,
        data: Data,
        streaming: Streaming,
        application: Application,
        failover: Failover,
    ) -> None:
        super().__init__(scope, site, "replication", description="What joins the two regions")
        keys, network = foundation.keys.in_stack(self), foundation.network
        self.buckets = BucketReplication(
            self, "Buckets", site=site, keys=keys, buckets=list(REPLICATED_BUCKETS)
        )
        if not site.has_standby:
            assert data.cache is not None, "home's cache is made with its data"
            self.cache: CacheMember = data.cache
            return
        peer_lookup = PeerLookup(self, "PeerLookup", site=site, keys=keys)
        log_copy = LogCopy(
            self,
            # Left out of logical ids: those of peering, mirror and replicator stay what they were.
            "Default",
            site=site,
            log=streaming.log,
            peer_lookup=peer_lookup,
            cluster=application.services.cluster,
            security_groups=[network.log_clients],
            keys=keys,
        )
        if log_copy.peering is not None and site.witness is not None:
            # Without a witness no directory tells the fence where the peer's database is (A21).
            FencePath(
                self,
                "Fence",
                site=site,
                database=data.database,
                step=failover.region_failover.step.function,
                peer_cidr=log_copy.peering.peer_cidr,
                peer_lookup=peer_lookup,
            )
        if site.is_home:
            source, destination = (
                data.files.file_system_id,
                peer_lookup.attribute(PeerAttribute.FILE_SYSTEM_ID),
            )
            FileReplication(
                self, "Files", site=site, keys=keys, source_id=source, destination_id=destination
            )
        if data.cache is not None:
            self.cache = data.cache
        else:
            global_id = peer_lookup.attribute(PeerAttribute.CACHE_GLOBAL_ID)
            self.cache = SecondaryCache(
                self, "Cache", site=site, vpc=network.vpc, keys=keys, global_id=global_id
            )
            # Last: a member that stands when something else fails leaves its datastore in the rollback, one
            # that is being made cannot.
            self.cache.member.node.add_dependency(self.buckets, log_copy)
            self.cache.connections.allow_default_port_from(
                network.cache_clients, "Workloads that join cache clients"
            )
        if application.domain is not None:
            ApiFailover(self, "ApiFailover", site=site, domain=application.domain)
