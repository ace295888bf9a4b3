"""Where a region's log is: the part of a contract that all share who write or read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from lifeline.lambdas.contracts.contract import Contract, HostCall, overridable, set_by_aws

LogAuth = Literal["iam", "none"]
"""MSK with IAM over TLS, or nothing (the lab)."""
LOG = HostCall("the region's log", 9098)
"""MSK's port for IAM over TLS."""


@dataclass(frozen=True)
class LogAddress(Contract):
    """KAFKA_BOOTSTRAP, _AUTH and _PARTITIONS; `region` is where tokens are signed for.

    `partitions`: topic to partition count, of the marked topics (B9, B18). Raises ValueError without any.
    """

    PREFIX: ClassVar[str] = "KAFKA_"

    bootstrap: str
    auth: LogAuth
    partitions: Mapping[str, int]
    region: str = set_by_aws("AWS_REGION")

    def __post_init__(self) -> None:
        if not self.partitions:
            raise ValueError("KAFKA_PARTITIONS must map topics to partitions, and it is empty")


@dataclass(frozen=True)
class GroupLog(LogAddress):
    """The log for a member of a consumer group.

    `session_ms`: after how long the group gives a dead member's partitions to another (6 s is the
    least that a broker with default settings takes).
    """

    session_ms: int = overridable(6_000, "GROUP_SESSION_MS")
