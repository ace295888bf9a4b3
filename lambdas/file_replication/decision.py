"""Whether a deploy may start the replication. Pure: both sides as they were seen in, one action out.

Invariant: START only if no replication touches either file system, the destination was never promoted,
and both sides were seen. Everything unknown changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PROMOTED = "lifeline:promoted"
"""The tag that the recovery plan puts on a file system that it made the one written to."""
STARTED = "lifeline:replicated-from"
"""The tag that this resource puts on the destination when it starts: its memory that it did."""

PROTECTED = "ENABLED"
"""`ReplicationOverwriteProtection` of a file system that is its own master."""


class Action(StrEnum):
    """What is to be done."""

    START = "start"
    LEAVE = "leave"


@dataclass(frozen=True, kw_only=True)
class Replication:
    """One replication that a file system takes part in."""

    source_id: str
    destination_ids: tuple[str, ...]
    ending: bool = False
    """Its deletion was accepted and is under way."""

    def joins(self, one_id: str, other_id: str) -> bool:
        """Whether it replicates one of the two into the other, whichever way round."""
        return (self.source_id == one_id and other_id in self.destination_ids) or (
            self.source_id == other_id and one_id in self.destination_ids
        )


@dataclass(frozen=True, kw_only=True)
class Side:
    """One file system as it was seen."""

    file_system_id: str
    protection: str
    tags: frozenset[str]
    replication: Replication | None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """An action and the reason that the log and the resource's outcome give."""

    action: Action
    reason: str
    as_asked: bool = False
    """The source replicates to the destination already: there is nothing to start."""


def decide(*, source: Side | None, destination: Side | None) -> Decision:
    """None for a side that did not answer."""
    if source is None or destination is None:
        unseen = "home" if source is None else "the recovery region"
        return _leave(f"the file system of {unseen} cannot be seen")
    for side in (source, destination):
        if side.replication is not None:
            return _leave(
                _existing(side.replication, source),
                as_asked=side.replication.source_id == source.file_system_id
                and destination.file_system_id in side.replication.destination_ids
                and not side.replication.ending,
            )
    for side in (destination, source):
        if PROMOTED in side.tags:
            return _leave(
                f"{side.file_system_id} was promoted: only a reprotect may choose a direction"
            )
    if STARTED in destination.tags and destination.protection == PROTECTED:
        return _leave(
            f"{destination.file_system_id} was replicated to before and is protected again: somebody "
            "released it, so it may hold newer files"
        )
    return Decision(
        action=Action.START,
        reason=f"{source.file_system_id} replicates to {destination.file_system_id}",
    )


def _leave(reason: str, *, as_asked: bool = False) -> Decision:
    return Decision(action=Action.LEAVE, reason=f"{reason}; nothing was changed", as_asked=as_asked)


def _existing(found: Replication, source: Side) -> str:
    to = ", ".join(found.destination_ids) or "nowhere"
    if found.source_id == source.file_system_id:
        return f"{found.source_id} replicates to {to} already"
    return f"{found.source_id} replicates to {to}: roles were swapped at run time"
