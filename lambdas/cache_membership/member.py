"""One cache of this region: out of its global datastore, or over several zones."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

LOOK_SECONDS = 10
SETTLED = "available"
SECONDARY = "SECONDARY"
GONE = "ReplicationGroupNotFoundFault"
NOT_NOW = ("InvalidGlobalReplicationGroupState", "InvalidReplicationGroupState")
"""Another change of the datastore or of the cache is under way: asked again at the next look."""
NO_ZONES = ("InvalidParameterValue", "InvalidParameterCombination")
"""The service wants something else for Multi-AZ: the member stands without it."""

logger = Logger()


class PrimaryMember(Exception):
    """The cache takes the datastore's writes; it leaves last."""


def leave(
    cache: Any,
    group: str,
    *,
    until: float,
    now: Callable[[], float] = time.time,
    wait: Callable[[float], None] = time.sleep,
) -> bool:
    """Ask for the disassociation, and look until `until`; whether the cache is on its own or gone.

    Raises PrimaryMember: only the cache that does not write may leave.
    """
    while True:
        found = described(cache, group)
        info = found.get("GlobalReplicationGroupInfo") or {}
        datastore, role = (
            info.get("GlobalReplicationGroupId"),
            info.get("GlobalReplicationGroupMemberRole"),
        )
        settled = not found or found["Status"] == SETTLED
        if not datastore and settled:
            return True
        if datastore and role != SECONDARY:
            raise PrimaryMember(
                f"{group} takes the writes of {datastore}: switch back before deleting "
                "(docs/runbooks/destroy.md)."
            )
        if datastore and settled:
            _disassociate(cache, group, datastore)
        if now() + LOOK_SECONDS >= until:
            return False
        wait(LOOK_SECONDS)


def ask_for_zones(cache: Any, group: str) -> None:
    """Multi-AZ on, where it is not: a member without it stands, and its log says so."""
    if described(cache, group).get("MultiAZ") == "enabled":
        return
    try:
        cache.modify_replication_group(
            ReplicationGroupId=group, MultiAZEnabled=True, ApplyImmediately=True
        )
    except ClientError as error:
        if not error.response["Error"]["Code"].startswith(NO_ZONES + NOT_NOW):
            raise
        logger.warning("the cache stands without Multi-AZ", cache=group, error=str(error))


def described(cache: Any, group: str) -> dict[str, Any]:
    """The cache as the service describes it; empty when there is none."""
    try:
        (found,) = cache.describe_replication_groups(ReplicationGroupId=group)["ReplicationGroups"]
    except ClientError as error:
        if error.response["Error"]["Code"] == GONE:
            return {}
        raise
    return dict(found)


def _disassociate(cache: Any, group: str, datastore: str) -> None:
    try:
        cache.disassociate_global_replication_group(
            GlobalReplicationGroupId=datastore,
            ReplicationGroupId=group,
            ReplicationGroupRegion=cache.meta.region_name,
        )
    except ClientError as error:
        if not error.response["Error"]["Code"].startswith(NOT_NOW):
            raise
