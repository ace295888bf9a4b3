"""Streaming: the edge buffer, the log, and the bridge between them."""

from __future__ import annotations

from constructs import Construct

from lifeline.site import Site
from lifeline.streaming.edge_stream import EdgeStream
from lifeline.streaming.replicated_log import ReplicatedLog
from lifeline.streaming.stream_bridge import StreamBridge
from stacks.foundation import Foundation
from stacks.site_stack import SiteStack


class Streaming(SiteStack):
    """Runs alike in both regions at every epoch."""

    def __init__(self, scope: Construct, *, site: Site, foundation: Foundation) -> None:
        super().__init__(scope, site, "streaming", description="Edge buffer, bridge, log")
        keys = foundation.keys.seen_from(self)
        self.stream = EdgeStream(self, "Edge", site=site, keys=keys)
        self.log = ReplicatedLog(self, "Log", site=site, network=foundation.network, keys=keys)
        StreamBridge(
            self,
            "Bridge",
            site=site,
            network=foundation.network,
            stream=self.stream,
            log=self.log,
            keys=keys,
            page_topic=foundation.page_topic,
        )
