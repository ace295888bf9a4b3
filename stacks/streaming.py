"""Streaming: the edge buffer, the log, the bridge between them, the schemas and the archive."""

from __future__ import annotations

from constructs import Construct

from lifeline.site import Site
from lifeline.stacks.foundation import Foundation
from lifeline.stacks.site_stack import SiteStack
from lifeline.streaming.edge_stream import EdgeStream
from lifeline.streaming.replicated_log import ReplicatedLog
from lifeline.streaming.schema_registry import SchemaRegistry
from lifeline.streaming.stream_bridge import StreamBridge
from lifeline.streaming.topic_archive import TopicArchive


class Streaming(SiteStack):
    """Runs alike in both regions at every epoch."""

    def __init__(self, scope: Construct, *, site: Site, foundation: Foundation) -> None:
        super().__init__(scope, site, "streaming", description="Edge buffer, bridge, log")
        keys = foundation.keys.in_stack(self)
        self.stream = EdgeStream(self, "Edge", site=site, keys=keys)
        network = foundation.network
        self.log = ReplicatedLog(self, "Log", site=site, vpc=network.vpc, keys=keys)
        self.log.connections.allow_default_port_from(
            network.log_clients, "Workloads that join log clients"
        )
        StreamBridge(
            self,
            "Bridge",
            site=site,
            vpc=network.vpc,
            security_groups=[network.log_clients],
            stream=self.stream,
            log=self.log,
            keys=keys,
            page_topic=foundation.page_topic,
        )
        self.schemas = SchemaRegistry(self, "Schemas", site=site)
        self.archive = TopicArchive(
            self, "Archive", site=site, keys=keys, emptying=foundation.emptying
        )
