"""The contract of the function `stream_bridge`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lifeline.lambdas.contracts.contract import AwsCall, Call, Contract
from lifeline.lambdas.contracts.log import LOG, LogAddress


@dataclass(frozen=True, kw_only=True)
class StreamBridge(Contract):
    """From which stream into which log."""

    calls: ClassVar[tuple[Call, ...]] = (LOG, AwsCall("kinesis:DescribeStreamSummary"))

    log: LogAddress
    stream_name: str

    @property
    def partitions(self) -> tuple[tuple[str, int], ...]:
        """The fixed list of (topic, partition count) that carries markers (B9, B18)."""
        return tuple(sorted(self.log.partitions.items()))
