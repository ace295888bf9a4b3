"""The step `files`: make this region's shared files writable, as old as the last sync left them."""

from __future__ import annotations

from typing import Any

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.failover_step.context import Degraded, StepContext
from lifeline.lambdas.failover_step.service_errors import (
    CALL_ERRORS,
    THROTTLED,
    code_of,
    is_final,
)

CALL_SECONDS = 2.5
"""Two looks, gate and two deletions end before the step's own time-out of 15 s."""

PROMOTED_TAG = "lifeline:promoted"
"""The gate: a file system that bears it is never made a destination of replication again by a deploy."""


def promote_files(context: StepContext) -> str:
    """End the replication that writes into this region's file system; until then it is read-only.

    The gate is closed first: interrupted between the two, a deploy still cannot point replication here.
    Both sides' configuration is deleted if the other region answers, else the local side's alone; a
    deletion that is under way is left to itself, whoever asked for it.
    Raises Degraded when the service refuses for good.
    """
    own = context.settings.file_system_id
    if not own:
        return "this environment has no shared files"
    efs = client("efs", context.region, CALL_SECONDS)
    try:
        return _promote(context, efs, own)
    except CALL_ERRORS as error:
        if is_final(error):
            raise Degraded(f"the files {own} stay read-only: {code_of(error)}") from error
        raise


def look(context: StepContext) -> str:
    """What `promote_files` reads, and nothing else (D12)."""
    own = context.settings.file_system_id
    if not own:
        return "this environment has no shared files"
    efs = client("efs", context.region, CALL_SECONDS)
    try:
        into = _into(efs, own)
    except efs.exceptions.ReplicationNotFound:
        return f"nothing replicates into {own}"
    return f"{own} is a source" if into is None else f"{into[0]} replicates into {own}"


def _promote(context: StepContext, efs: Any, own: str) -> str:
    try:
        into = _into(efs, own)
    except efs.exceptions.ReplicationNotFound:
        return f"nothing replicates into {own}: it takes writes already"
    if into is None:
        return f"{own} is the source of its replication: it takes writes already"
    source, there = into
    gate = [{"Key": PROMOTED_TAG, "Value": str(context.epoch)}]
    efs.tag_resource(ResourceId=own, Tags=gate)
    synced = there.get("LastReplicatedTimestamp")
    age = "never" if synced is None else f"{synced:%Y-%m-%dT%H:%M:%S%z}"
    if _is_ending(there):
        return f"the replication of {source} into {own} is being deleted already; last sync {age}"
    where = _end_replication(efs, source, own)
    return f"the replication of {source} into {own} is being deleted {where}; last sync {age}"


def _into(efs: Any, own: str) -> tuple[str, dict[str, Any]] | None:
    """The source of the replication into `own`, and that destination; None if `own` is a source."""
    for one in efs.describe_replication_configurations(FileSystemId=own)["Replications"]:
        for there in one["Destinations"]:
            if there["FileSystemId"] == own:
                return str(one["SourceFileSystemId"]), there
    return None


def _is_ending(there: dict[str, Any]) -> bool:
    return bool(there["Status"] == "DELETING")


def _ends_after_all(efs: Any, own: str) -> bool:
    """Whether the deletion that seemed to fail was accepted: it is under way, or done."""
    try:
        into = _into(efs, own)
    except efs.exceptions.ReplicationNotFound:
        return True
    return into is None or _is_ending(into[1])


def _end_replication(efs: Any, source: str, own: str) -> str:
    try:
        efs.delete_replication_configuration(
            SourceFileSystemId=source, DeletionMode="ALL_CONFIGURATIONS"
        )
    except CALL_ERRORS as error:
        # The local mode leaves the other side's half behind for good: only when both cannot be had. A
        # denial is such a case (EFS API Reference, DeletionMode): the source's region cannot be asked why.
        if code_of(error) in THROTTLED:
            raise
        reason = code_of(error)
    else:
        return "on both sides"
    lost = f"by a request whose answer was lost ({reason})"
    if _ends_after_all(efs, own):
        return lost
    try:
        efs.delete_replication_configuration(
            SourceFileSystemId=source, DeletionMode="LOCAL_CONFIGURATION_ONLY"
        )
    except efs.exceptions.ReplicationNotFound:
        return lost
    return f"on this side only ({reason})"
