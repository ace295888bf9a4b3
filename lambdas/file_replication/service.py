"""The file service of one region behind a port, and what is done on both sides."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.lambdas.failover_step.service_errors import is_about_the_caller
from lifeline.lambdas.file_replication.decision import (
    PROTECTED,
    STARTED,
    Action,
    Decision,
    Replication,
    Side,
    decide,
)

POLL_SECONDS = 5.0
ENDED_WITHIN_SECONDS = 240.0
"""Below the function's own 300: CloudFormation hears of a deadline that passed."""
GONE = ("ReplicationNotFound", "FileSystemNotFound")
LOCAL_ONLY = "LOCAL_CONFIGURATION_ONLY"
UNREACHABLE = (BotoCoreError, OSError)
"""No answer at all. An answer that is an error is a `ClientError`."""


class StillReplicating(Exception):
    """The replication did not end in time; the deletion may be repeated."""


class Files(Protocol):
    """The file service of one region. A call raises what the service or the network raised."""

    def side(self, file_system_id: str) -> Side:
        """A file system as it is now."""

    def replication(self, file_system_id: str) -> Replication | None:
        """The replication that it takes part in; None also for a file system that is gone."""

    def unprotect(self, file_system_id: str) -> None:
        """Let it be overwritten by a replication."""

    def start(self, source_id: str, destination_id: str, destination_region: str) -> None:
        """Start the replication."""

    def end(self, source_id: str, mode: str | None) -> None:
        """End the replication from `source_id`; already ended is fine."""

    def tag(self, file_system_id: str, key: str, value: str) -> None:
        """Write a tag."""

    def untag(self, file_system_id: str, key: str) -> None:
        """Remove a tag; a file system that is gone has none."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Both file systems and both regions."""

    source_id: str
    destination_id: str
    destination_region: str
    home: Files
    recovery: Files

    def ensure(self, *, creating: bool) -> Decision:
        """Start the replication if nothing speaks against it.

        Creating it, raises what a side that does not answer raised; later such a side changes nothing.
        """
        decision = decide(
            source=_seen(self.home, self.source_id, must=creating),
            destination=_seen(self.recovery, self.destination_id, must=creating),
        )
        if decision.action is Action.START:
            self._start()
        return decision

    def remove(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> str:
        """End the replication that links the two, whichever way round, and no other one.

        Raises StillReplicating after the deadline, and what a region refused: a repeat goes on from there.
        """
        at_home = self._ours(self.home.replication(self.source_id))
        found = at_home or self._found_in_recovery()
        if found is not None:
            if at_home is not None:
                self._end(at_home)
            elif not found.ending:
                # Home's half was ended before, alone: what is left can only be ended where it is.
                self.recovery.end(found.source_id, LOCAL_ONLY)
            deadline = clock() + ENDED_WITHIN_SECONDS
            while self._found() is not None:
                if clock() >= deadline:
                    raise StillReplicating(
                        f"{self.source_id} and {self.destination_id} still replicate after "
                        f"{ENDED_WITHIN_SECONDS:.0f} s"
                    )
                sleep(POLL_SECONDS)
        self._forget()
        return "ended" if found is not None else "there was none"

    def _start(self) -> None:
        destination = self.recovery.side(self.destination_id)
        if destination.protection == PROTECTED:
            self.recovery.unprotect(self.destination_id)
        self.recovery.tag(self.destination_id, STARTED, self.source_id)
        self.home.start(self.source_id, self.destination_id, self.destination_region)

    def _ours(self, found: Replication | None) -> Replication | None:
        """Another pair's is none: its own resource ends it."""
        if found is None or not found.joins(self.source_id, self.destination_id):
            return None
        return found

    def _found(self) -> Replication | None:
        """From the home region's view, and if that knows none, from the other's if it answers."""
        return self._ours(self.home.replication(self.source_id)) or self._found_in_recovery()

    def _found_in_recovery(self) -> Replication | None:
        try:
            return self._ours(self.recovery.replication(self.destination_id))
        except UNREACHABLE:
            return None

    def _end(self, found: Replication) -> None:
        """In the region it starts from; if that is dead, at home alone (the other half is lost with it).

        The local mode leaves the other half behind: not for an answer that says nothing of the
        replication, nor when the request was accepted and only its answer got lost.
        """
        if found.ending:
            return
        start = self.home if found.source_id == self.source_id else self.recovery
        try:
            start.end(found.source_id, None)
        except (*UNREACHABLE, ClientError) as error:
            if is_about_the_caller(error):
                raise
            left = self._ours(self.home.replication(self.source_id))
            if left is not None and not left.ending:
                self.home.end(found.source_id, LOCAL_ONLY)

    def _forget(self) -> None:
        """Remove the destination's memory, unless it is another pair's by now.

        A region that does not answer keeps it; one that refuses fails the delete, which may be repeated.
        """
        try:
            if self.recovery.replication(self.destination_id) is None:
                self.recovery.untag(self.destination_id, STARTED)
        except UNREACHABLE:
            return


def _seen(files: Files, file_system_id: str, *, must: bool) -> Side | None:
    try:
        return files.side(file_system_id)
    except (*UNREACHABLE, ClientError):
        if must:
            raise
        return None


@dataclass(frozen=True)
class RegionFiles:
    """EFS in one region. `client` is a boto3 client with short time-outs."""

    client: Any

    def side(self, file_system_id: str) -> Side:
        """A file system as it is now."""
        (found,) = self.client.describe_file_systems(FileSystemId=file_system_id)["FileSystems"]
        protection = found.get("FileSystemProtection", {})
        return Side(
            file_system_id=file_system_id,
            protection=str(protection.get("ReplicationOverwriteProtection", PROTECTED)),
            tags=frozenset(str(tag["Key"]) for tag in found.get("Tags", [])),
            replication=self.replication(file_system_id),
        )

    def replication(self, file_system_id: str) -> Replication | None:
        """The replication that it takes part in."""
        try:
            answer = self.client.describe_replication_configurations(FileSystemId=file_system_id)
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return None
            raise
        for one in answer.get("Replications", []):
            return Replication(
                source_id=str(one["SourceFileSystemId"]),
                destination_ids=tuple(str(to["FileSystemId"]) for to in one["Destinations"]),
                ending=any(to["Status"] == "DELETING" for to in one["Destinations"]),
            )
        return None

    def unprotect(self, file_system_id: str) -> None:
        """Let it be overwritten by a replication."""
        self.client.update_file_system_protection(
            FileSystemId=file_system_id, ReplicationOverwriteProtection="DISABLED"
        )

    def start(self, source_id: str, destination_id: str, destination_region: str) -> None:
        """Start the replication into an existing file system."""
        self.client.create_replication_configuration(
            SourceFileSystemId=source_id,
            Destinations=[{"FileSystemId": destination_id, "Region": destination_region}],
        )

    def end(self, source_id: str, mode: str | None) -> None:
        """End it; already ended is fine."""
        how = {"DeletionMode": mode} if mode else {}
        try:
            self.client.delete_replication_configuration(SourceFileSystemId=source_id, **how)
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise

    def tag(self, file_system_id: str, key: str, value: str) -> None:
        """Write a tag."""
        self.client.tag_resource(ResourceId=file_system_id, Tags=[{"Key": key, "Value": value}])

    def untag(self, file_system_id: str, key: str) -> None:
        """Remove a tag."""
        try:
            self.client.untag_resource(ResourceId=file_system_id, TagKeys=[key])
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise


def now() -> float:
    """Monotonic seconds."""
    return time.monotonic()
