"""The contract of the image `replicator`, whose reader is MirrorMaker's properties file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lifeline.lambdas.contracts.contract import Call, Contract, HostCall, RegionRole
from lifeline.lambdas.contracts.log import LOG


@dataclass(frozen=True, kw_only=True)
class Replicator(Contract):
    """From the peer's log into the own one: `topics` and `groups_exclude` are lists with commas."""

    calls: ClassVar[tuple[Call, ...]] = (
        LOG,
        HostCall("the peer's log", 9098, RegionRole.PEER),
    )

    suffix: str
    peer_bootstrap: str
    own_bootstrap: str
    peer_log: str
    own_log: str
    topics: str
    groups_exclude: str
    tasks_max: int
