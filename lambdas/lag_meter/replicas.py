"""Files and secrets: how old is the newest thing that is known to have come across."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEARTBEAT_TAG = "lifeline:heartbeat"
BEAT_SECONDS = 600.0
"""How often the primary secret's tag is written anew; each write is a line in the trail."""


def files_lag_seconds(efs: Any, file_system_id: str, now: float) -> float | None:
    """Age of the last complete sync, which either side can ask for; None: nothing replicates.

    The service's own word, not a heartbeat file: that would need the file system mounted here.
    """
    try:
        found = efs.describe_replication_configurations(FileSystemId=file_system_id)
    except efs.exceptions.ReplicationNotFound:
        return None
    synced = [
        there["LastReplicatedTimestamp"].timestamp()
        for one in found["Replications"]
        for there in one["Destinations"]
        if there.get("LastReplicatedTimestamp") is not None
    ]
    return now - min(synced) if synced else None


def secret_lag_seconds(secrets: Any, name: str, peer_region: str, now: float) -> float | None:
    """Age of the heartbeat in the tags of this region's copy; None: it is in no replication.

    The primary writes it anew when it is old. Tags are metadata, which replicate like the value; the
    value is never touched. Two copies that were parted are both primaries and publish nothing.
    """
    copy = secrets.describe_secret(SecretId=name)
    beat = next(
        (float(tag["Value"]) for tag in copy.get("Tags", []) if tag["Key"] == HEARTBEAT_TAG), None
    )
    age = None if beat is None else now - beat
    if copy.get("PrimaryRegion") == peer_region:
        return age
    if not _in_sync(copy, peer_region):
        return None
    if age is None or age >= BEAT_SECONDS:
        tag = {"Key": HEARTBEAT_TAG, "Value": str(int(now))}
        secrets.tag_resource(SecretId=name, Tags=[tag])
    return age


def _in_sync(copy: Mapping[str, Any], peer_region: str) -> bool:
    return any(
        one.get("Region") == peer_region and one.get("Status") == "InSync"
        for one in copy.get("ReplicationStatus", [])
    )
