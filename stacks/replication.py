"""Replication: the few resources of a region that need to know the other side's generated ids."""

from __future__ import annotations

from aws_cdk import Fn
from constructs import Construct

from lifeline.application.api_failover import ApiFailover
from lifeline.capacity import AVAILABILITY_ZONES
from lifeline.data.file_replication import FileReplication
from lifeline.data.session_cache import SecondaryCache
from lifeline.foundation.bucket_replication import BucketReplication
from lifeline.foundation.keys import Keys
from lifeline.foundation.peer_lookup import Fact, PeerLookup
from lifeline.settings import LogReplication
from lifeline.site import Site
from lifeline.stacks.application import Application
from lifeline.stacks.data import Data
from lifeline.stacks.foundation import Foundation
from lifeline.stacks.site_stack import SiteStack
from lifeline.stacks.streaming import Streaming
from lifeline.streaming.log_peering import LogPeering
from lifeline.streaming.log_replication import LogReplicator
from lifeline.streaming.mirror_maker import MirrorMaker
from lifeline.streaming.peer_log import PeerLog

REPLICATED_BUCKETS = ("access-log", "audit", "evidence")
"""Not the archive: each region archives the same topics, so each holds a whole one of its own."""


class Replication(SiteStack):
    """Deployed last, when both regions stand, and destroyed first. Alike in both regions, but for facts of
    creation: home asks for the peering and starts the files' replication; recovery's cache joins."""

    def __init__(
        self,
        scope: Construct,
        *,
        site: Site,
        foundation: Foundation,
        data: Data,
        streaming: Streaming,
        application: Application,
    ) -> None:
        super().__init__(scope, site, "replication", description="What joins the two regions")
        self._foundation, self._streaming, self._application = foundation, streaming, application
        self._keys = foundation.keys.in_stack(self)
        self._facts = PeerLookup(self, "PeerLookup", site=site, keys=self._keys)
        BucketReplication(
            self, "Buckets", site=site, keys=self._keys, buckets=list(REPLICATED_BUCKETS)
        )
        if site.settings.log_replicated_by is LogReplication.REPLICATOR:
            self._replicate()
        else:
            self._mirror(self._keys)
        if site.is_home:
            FileReplication(
                self,
                "Files",
                site=site,
                keys=self._keys,
                source_id=data.files.file_system_id,
                destination_id=self._facts.fact(Fact.FILE_SYSTEM_ID),
            )
        self.cache = data.cache or self._join_the_cache()
        if application.domain is not None:
            ApiFailover(self, "ApiFailover", site=site, domain=application.domain)

    def _join_the_cache(self) -> SecondaryCache:
        return SecondaryCache(
            self,
            "Cache",
            site=self.site,
            network=self._foundation.network,
            keys=self._keys,
            global_id=self._facts.fact(Fact.CACHE_GLOBAL_ID),
        )

    def _replicate(self) -> None:
        subnets = Fn.split(",", self._facts.fact(Fact.LOG_SUBNETS))
        LogReplicator(
            self,
            "Log",
            site=self.site,
            network=self._foundation.network,
            log=self._streaming.log,
            peer=PeerLog(
                cluster_arn=self._facts.fact(Fact.LOG_CLUSTER_ARN),
                subnet_ids=[Fn.select(zone, subnets) for zone in range(AVAILABILITY_ZONES)],
                group_ids=[Fn.select(0, Fn.split(",", self._facts.fact(Fact.LOG_GROUPS)))],
            ),
            keys=self._keys,
        )

    def _mirror(self, keys: Keys) -> None:
        network, log = self._foundation.network, self._streaming.log
        peering = LogPeering(
            self, "Peering", site=self.site, network=network, log=log, facts=self._facts
        )
        mirror = MirrorMaker(
            self,
            "Mirror",
            site=self.site,
            network=network,
            cluster=self._application.services.cluster,
            log=log,
            peer=PeerLog(
                cluster_arn=self._facts.fact(Fact.LOG_CLUSTER_ARN),
                bootstrap=self._facts.fact(Fact.LOG_BOOTSTRAP),
            ),
            keys=keys,
        )
        mirror.node.add_dependency(peering)
