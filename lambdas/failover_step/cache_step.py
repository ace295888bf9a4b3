"""The step `cache`: make this region's cache take writes, warm if it can be had. Never waits for it."""

from __future__ import annotations

from typing import Any

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.failover_step.context import Degraded, StepContext
from lifeline.lambdas.failover_step.service_errors import (
    CALL_ERRORS,
    code_of,
    is_about_the_caller,
    is_final,
)

LOOK_SECONDS = 2.0
ACT_SECONDS = 4.0
"""Two looks and two acts end before the step's own time-out of 15 s."""

UNDER_WAY = "modifying"
"""A global group in this status changes its primary, or a member, already."""


def promote_cache(context: StepContext) -> str:
    """Ask for the failover of the global cache to here; refused or unanswered, leave the global cache.

    Sources disagree on whether the failover is accepted while the primary's region is lost, so it is
    tried with a deadline first: it keeps the other member. A cache out of the global group is primary by
    itself and keeps what it holds. Raises Degraded when the service refuses for good.
    """
    group = context.settings.cache_group
    if not group:
        return "this environment has no cache"
    try:
        return _promote(context, group)
    except CALL_ERRORS as error:
        if is_final(error):
            raise Degraded(f"the cache {group} stays as it is: {code_of(error)}") from error
        raise


def look(context: StepContext) -> str:
    """What `promote_cache` reads, and nothing else (D12)."""
    group = context.settings.cache_group
    if not group:
        return "this environment has no cache"
    global_group, role = _membership(context, group)
    if not global_group:
        return f"the cache {group} is in no global group"
    looks = client("elasticache", context.region, LOOK_SECONDS)
    looks.describe_global_replication_groups(GlobalReplicationGroupId=global_group)
    return f"the cache {group} is {role} of {global_group}"


def _promote(context: StepContext, group: str) -> str:
    global_group, role = _membership(context, group)
    if not global_group:
        return f"the cache {group} is in no global group: it takes writes by itself"
    if role == "PRIMARY":
        return f"the cache {group} is the primary of {global_group} already"
    return _fail_over(context, group, global_group)


def _fail_over(context: StepContext, group: str, global_group: str) -> str:
    acts = client("elasticache", context.region, ACT_SECONDS)
    try:
        acts.failover_global_replication_group(
            GlobalReplicationGroupId=global_group,
            PrimaryRegion=context.region,
            PrimaryReplicationGroupId=group,
        )
    except CALL_ERRORS as error:
        if is_about_the_caller(error):
            raise
        refusal = code_of(error)
    else:
        return f"the failover of {global_group} to {group} was accepted"
    if _status(context, global_group) == UNDER_WAY:
        return f"a change of {global_group} is under way already ({refusal})"
    acts.disassociate_global_replication_group(
        GlobalReplicationGroupId=global_group,
        ReplicationGroupId=group,
        ReplicationGroupRegion=context.region,
    )
    return (
        f"the failover was not accepted ({refusal}); {group} left {global_group} and is on its own"
    )


def _membership(context: StepContext, group: str) -> tuple[str, str]:
    """(global group, role in it) of the own cache; two empty words when it is in none."""
    looks = client("elasticache", context.region, LOOK_SECONDS)
    (found,) = looks.describe_replication_groups(ReplicationGroupId=group)["ReplicationGroups"]
    info: dict[str, Any] = found.get("GlobalReplicationGroupInfo") or {}
    return (
        str(info.get("GlobalReplicationGroupId") or ""),
        str(info.get("GlobalReplicationGroupMemberRole") or ""),
    )


def _status(context: StepContext, global_group: str) -> str:
    """The global group's status; empty when it cannot be read."""
    looks = client("elasticache", context.region, LOOK_SECONDS)
    try:
        answer = looks.describe_global_replication_groups(GlobalReplicationGroupId=global_group)
    except CALL_ERRORS:
        return ""
    return next((str(one.get("Status", "")) for one in answer["GlobalReplicationGroups"]), "")
