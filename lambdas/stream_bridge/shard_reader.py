"""One shard of the region's stream, read again from a moment on: for a repair of the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.stream_bridge.batch import StreamRecord

PATIENT = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 3})
EARLIER_SECONDS = 60.0
"""Before a marker's birth: the service that bore it and Kinesis have clocks of their own."""
PAUSE_SECONDS = 0.25
"""A shard answers five reads a second, and the bridge's own come first."""
THROTTLED = "ProvisionedThroughputExceededException"


class ShardReader:
    """Every method raises what the client raises."""

    def __init__(
        self, stream_name: str, region: str, client: Any = None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._name, self._clock = stream_name, clock
        self._client: Any = client or boto3.client("kinesis", region_name=region, config=PATIENT)

    def records(self, shard: str, since_ms: int, at: int = 0) -> Iterator[list[StreamRecord]]:
        """Pages from a minute before `since_ms` on, or from the record `at`, to the newest; empty ones, too.

        A time before the stream's oldest record begins at that record (Kinesis API, GetShardIterator,
        Timestamp).
        """
        since = datetime.fromtimestamp(max(0.0, since_ms / 1000 - EARLIER_SECONDS), UTC)
        start: dict[str, Any] = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since}
        if at:
            start = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": str(at)}
        answer = self._client.get_shard_iterator(StreamName=self._name, ShardId=shard, **start)
        iterator: str | None = answer["ShardIterator"]
        while iterator is not None:
            try:
                answer = self._client.get_records(ShardIterator=iterator, Limit=5_000)
            except ClientError as error:
                if error.response["Error"]["Code"] != THROTTLED:
                    raise
                self._clock.sleep(PAUSE_SECONDS)
                yield []
                continue
            yield [_record(shard, one) for one in answer["Records"]]
            if not answer["Records"] and not answer.get("MillisBehindLatest"):
                return
            iterator = answer.get("NextShardIterator")
            self._clock.sleep(PAUSE_SECONDS)


def _record(shard: str, raw: dict[str, Any]) -> StreamRecord:
    return StreamRecord(
        shard=shard,
        sequence=int(raw["SequenceNumber"]),
        partition_key=str(raw["PartitionKey"]),
        data=bytes(raw["Data"]),
        arrived_at=raw["ApproximateArrivalTimestamp"].astimezone(UTC),
    )
