"""A heartbeat key through the cache's own replication."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

KEY = "lifeline:heartbeat"
TIMEOUT_SECONDS = 2.0


def cache_lag_seconds(
    elasticache: Any, group: str, connect: Callable[[], Any], now: float
) -> float | None:
    """Age of the heartbeat as this region's member holds it; None: the member is in no global cache.

    The primary's member writes it, after it was read. `connect` answers a Valkey client.
    """
    (member,) = elasticache.describe_replication_groups(ReplicationGroupId=group)[
        "ReplicationGroups"
    ]
    info = member.get("GlobalReplicationGroupInfo") or {}
    if not info.get("GlobalReplicationGroupId"):
        return None
    cache = connect()
    try:
        beat = cache.get(KEY)
        if info.get("GlobalReplicationGroupMemberRole") == "PRIMARY":
            cache.set(KEY, f"{now:.3f}")
    finally:
        cache.close()
    return None if beat is None else now - float(beat)
