"""Streaming: the edge buffer, the log, and the bridge between them."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
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
        key = kms.Key.from_key_arn(self, "Key", foundation.key.key_arn)
        self.stream = EdgeStream(self, "Edge", site=site, key=key)
        self.log = ReplicatedLog(self, "Log", site=site, network=foundation.network, key=key)
        StreamBridge(
            self,
            "Bridge",
            site=site,
            network=foundation.network,
            stream=self.stream,
            log=self.log,
            key=key,
            page_topic=foundation.page_topic,
        )
