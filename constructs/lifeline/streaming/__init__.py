"""The edge buffer, the bridge, the replicated log, what copies it and what keeps it."""

from __future__ import annotations

from lifeline.streaming.edge_stream import EdgeStream
from lifeline.streaming.event_stream import EventStreamAttributes, IEventStream
from lifeline.streaming.kafka_log import IReplicatedLog, ReplicatedLogAttributes
from lifeline.streaming.log_copy import LogCopy
from lifeline.streaming.log_peering import LogPeering
from lifeline.streaming.log_replication import LogReplicator
from lifeline.streaming.mirror_maker import MirrorMaker
from lifeline.streaming.peer_log import PeerLog
from lifeline.streaming.replicated_log import ReplicatedLog
from lifeline.streaming.schema_registry import SchemaRegistry
from lifeline.streaming.stream_bridge import StreamBridge
from lifeline.streaming.topic_archive import TopicArchive

__all__ = [
    "EdgeStream",
    "EventStreamAttributes",
    "IEventStream",
    "IReplicatedLog",
    "LogCopy",
    "LogPeering",
    "LogReplicator",
    "MirrorMaker",
    "PeerLog",
    "ReplicatedLog",
    "ReplicatedLogAttributes",
    "SchemaRegistry",
    "StreamBridge",
    "TopicArchive",
]
