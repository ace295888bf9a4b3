"""The step `files`: make this region's shared files writable, as old as the last sync left them."""

from __future__ import annotations

from typing import Any

from recovery_io.aws import client

from recovery_step.context import Degraded, StepContext
from recovery_step.service_errors import CALL_ERRORS, code_of, is_about_the_caller, is_final

CALL_SECONDS = 3.0
"""Look, gate and two deletions end before the step's own time-out of 15 s."""

PROMOTED_TAG = "lifeline:promoted"
"""The gate: a file system that bears it is never made a destination of replication again by a deploy."""


def promote_files(context: StepContext) -> str:
    """End the replication that writes into this region's file system; until then it is read-only.

    The gate is closed first: interrupted between the two, a deploy still cannot point replication here.
    Both sides' configuration is deleted if the other region answers, else the local side's alone.
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


def _promote(context: StepContext, efs: Any, own: str) -> str:
    try:
        found = efs.describe_replication_configurations(FileSystemId=own)["Replications"]
    except efs.exceptions.ReplicationNotFound:
        return f"nothing replicates into {own}: it takes writes already"
    into = [
        (str(one["SourceFileSystemId"]), there)
        for one in found
        for there in one["Destinations"]
        if there["FileSystemId"] == own
    ]
    if not into:
        return f"{own} is the source of its replication: it takes writes already"
    source, there = into[0]
    gate = [{"Key": PROMOTED_TAG, "Value": str(context.epoch)}]
    efs.tag_resource(ResourceId=own, Tags=gate)
    synced = there.get("LastReplicatedTimestamp")
    age = "never" if synced is None else f"{synced:%Y-%m-%dT%H:%M:%S%z}"
    where = _end_replication(efs, source)
    return f"the replication of {source} into {own} is being deleted {where}; last sync {age}"


def _end_replication(efs: Any, source: str) -> str:
    try:
        efs.delete_replication_configuration(
            SourceFileSystemId=source, DeletionMode="ALL_CONFIGURATIONS"
        )
    except CALL_ERRORS as error:
        # The local mode leaves the other side's half behind for good: only when both cannot be had.
        if is_about_the_caller(error):
            raise
        reason = code_of(error)
    else:
        return "on both sides"
    try:
        efs.delete_replication_configuration(
            SourceFileSystemId=source, DeletionMode="LOCAL_CONFIGURATION_ONLY"
        )
    except efs.exceptions.ReplicationNotFound:
        return f"by the first request, whose answer was lost ({reason})"
    return f"on this side only ({reason})"
