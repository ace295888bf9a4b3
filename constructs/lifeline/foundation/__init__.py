"""What every region stands on: keys, network, buckets, functions, alerts, images."""

from __future__ import annotations

from lifeline.foundation.alert_topics import AlertTopics, Severity
from lifeline.foundation.audit import AuditTrail
from lifeline.foundation.bucket import Bucket, BucketEmptying, Lifecycle
from lifeline.foundation.bucket_replication import BucketReplication
from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from lifeline.foundation.function import Function, Placement, Size
from lifeline.foundation.images import Image, ImageRepositories
from lifeline.foundation.keys import Keys, Purpose, RegionKeys
from lifeline.foundation.network import Network
from lifeline.foundation.peer_lookup import PeerAttribute, PeerLookup
from lifeline.foundation.provisioner import Provisioner

__all__ = [
    "AlertTopics",
    "AuditTrail",
    "Bucket",
    "BucketEmptying",
    "BucketReplication",
    "ClosedDefaultGroup",
    "Function",
    "Image",
    "ImageRepositories",
    "Keys",
    "Lifecycle",
    "Network",
    "PeerAttribute",
    "PeerLookup",
    "Placement",
    "Provisioner",
    "Purpose",
    "RegionKeys",
    "Severity",
    "Size",
]
