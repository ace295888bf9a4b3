"""The four situations, and which calls may go without the region that a situation takes away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from lifeline.compliance.reach.rows import Regions, Row
from lifeline.lambdas.contracts.contract import RegionRole
from lifeline.lambdas.contracts.registry import CUSTOM_RESOURCES


class Situation(StrEnum):
    """What is up and what is not."""

    NORMAL = "normal"
    STANDBY = "standby"
    HOME_DEAD = "home region dead"
    WITNESS_DEAD = "witness dead"


@dataclass(frozen=True)
class Spared:
    """A call that its caller does without, where the region it needs is lost, and what happens then."""

    reader: str
    call: str
    where: RegionRole
    situations: frozenset[Situation]
    instead: str


_HOME, _WITNESS = frozenset({Situation.HOME_DEAD}), frozenset({Situation.WITNESS_DEAD})
_TO_THE_STANDBY = (
    "only a holder without a witness asks the other region (A2); the survivor takes by the lease"
)
_TO_THE_LEASE = "the holder asks the standby for a promise instead (A2), and nobody takes over"

SPARED: tuple[Spared, ...] = (
    *(
        Spared("keeper", f"dynamodb:{action}", RegionRole.PEER, _HOME, _TO_THE_STANDBY)
        for action in ("GetItem", "UpdateItem")
    ),
    *(
        Spared("keeper", f"dynamodb:{action}", RegionRole.WITNESS, _WITNESS, _TO_THE_LEASE)
        for action in ("GetItem", "UpdateItem", "PutItem")
    ),
    *(
        Spared(
            "failover_step",
            f"dynamodb:{action}",
            RegionRole.WITNESS,
            _WITNESS,
            "a plan starts from a lease that was taken, and nobody takes one while the witness is away "
            "(A13); a plan that runs repeats the step until it answers (A4)",
        )
        for action in ("GetItem", "UpdateItem")
    ),
    Spared(
        "failover_step",
        "the other region's database",
        RegionRole.PEER,
        _HOME,
        "the fence is a courtesy with a connect timeout of 3 s (D7); the writer fences itself (A1)",
    ),
    Spared(
        "probe",
        "dynamodb:GetItem",
        RegionRole.WITNESS,
        _WITNESS,
        "the probe goes on with the addresses that it read before; its samples stay in its own region",
    ),
    Spared(
        "probe",
        "public API",
        RegionRole.PEER,
        _HOME,
        "that it does not answer is what the probe is there to see (A12)",
    ),
    *(
        Spared(
            "replication of objects",
            f"s3:{action}",
            RegionRole.PEER,
            _HOME,
            "the copies wait for the region; no step of the plan reads them",
        )
        for action in ("ReplicateObject", "ReplicateTags")
    ),
    Spared(
        "replicator",
        "the peer's log",
        RegionRole.PEER,
        _HOME,
        "there is nothing to copy from; what was copied is what counts (B19)",
    ),
)
"""Any other call that needs a lost region fails the proof."""


def made_in(situation: Situation, row: Row, regions: Regions) -> bool:
    """Whether the row's call is made in a situation: by a caller that lives, and not while deploying."""
    if row.not_made:
        return False
    if situation is Situation.NORMAL:
        return True
    if _only_deploys(row.caller.reader):
        return False
    if situation is Situation.STANDBY:
        return row.caller.region == regions.standby
    lost = regions.home if situation is Situation.HOME_DEAD else regions.witness
    return row.caller.region != lost


def _only_deploys(reader: str) -> bool:
    """What runs while stacks are deployed or destroyed, or before the first event: never to recover."""
    readers = (*CUSTOM_RESOURCES, "event_applier migrate")
    return any(reader == one or reader.endswith(f"({one})") for one in readers)


def alive(situation: Situation, regions: Regions) -> frozenset[str]:
    """The regions that a call may rest on."""
    every = frozenset({regions.home, regions.standby, regions.witness, regions.copies} - {""})
    if situation is Situation.HOME_DEAD:
        return every - {regions.home}
    if situation is Situation.WITNESS_DEAD:
        return every - {regions.witness}
    return every


def needed_and_lost(situation: Situation, row: Row, regions: Regions) -> frozenset[str]:
    """The regions that a call rests on and that the situation does not have."""
    return row.regions - alive(situation, regions)


def spared(situation: Situation, row: Row, allowed: Iterable[Spared] = SPARED) -> Spared | None:
    """The entry that lets the caller go without this call; None for a call that must work."""
    for one in allowed:
        if (
            situation in one.situations
            and row.caller.reader == one.reader
            and row.call == one.call
            and row.where == one.where
        ):
            return one
    return None
