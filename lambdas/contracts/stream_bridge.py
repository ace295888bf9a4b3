"""The contract of the function `stream_bridge`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from lifeline.lambdas.contracts.contract import AwsCall, Call, Contract
from lifeline.lambdas.contracts.log import LOG, LogAddress

DEAD_LETTERS = "error.dlq"
REPAIR_GROUP = "log-repair"
"""The consumer group under which a repair reads the log back; it commits nothing (B11)."""


@dataclass(frozen=True, kw_only=True)
class StreamBridge(Contract):
    """From which stream into which log, and where it keeps what it counted (B8).

    Raises ValueError for a log without the topic of dead letters: a reject would have nowhere to go (B7).
    """

    calls: ClassVar[tuple[Call, ...]] = (
        LOG,
        AwsCall("kinesis:DescribeStreamSummary"),
        AwsCall("kinesis:GetShardIterator"),
        AwsCall("kinesis:GetRecords"),
        AwsCall("dynamodb:GetItem"),
        AwsCall("dynamodb:PutItem"),
    )

    log: LogAddress
    stream_name: str
    counts_table: str
    breaker: Literal["on", "off"] = "on"
    """Whether it stops rather than set aside nearly everything by our fault (B23)."""

    def __post_init__(self) -> None:
        if DEAD_LETTERS not in self.log.partitions:
            listed = ", ".join(sorted(self.log.partitions))
            raise ValueError(f"The log must list the topic {DEAD_LETTERS}; it lists {listed}.")

    @property
    def partitions(self) -> tuple[tuple[str, int], ...]:
        """The fixed list of (topic, partition count) that carries markers (B9, B18)."""
        return tuple(sorted(self.log.partitions.items()))
