"""The region's stream as the marker writer and the health check need it: short calls, no retries inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

BRIEF = Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 1})


@dataclass(frozen=True)
class OpenShard:
    """A shard that takes records, and a hash key that lies in it."""

    shard: str
    hash_key: str


class StreamClient:
    """One stream. Every method raises what the client raises, within about 2 s."""

    def __init__(self, stream_name: str, region: str) -> None:
        self._name = stream_name
        self._client: Any = boto3.client("kinesis", region_name=region, config=BRIEF)

    def incarnation(self) -> str:
        """The stream's creation time in whole epoch seconds (B2)."""
        answer = self._client.describe_stream_summary(StreamName=self._name)
        created = answer["StreamDescriptionSummary"]["StreamCreationTimestamp"]
        return str(int(created.timestamp()))

    def open_shards(self) -> tuple[OpenShard, ...]:
        """The shards without an end."""
        found: list[OpenShard] = []
        request: dict[str, str] = {"StreamName": self._name}
        while True:
            answer = self._client.list_shards(**request)
            found += [
                OpenShard(shard["ShardId"], shard["HashKeyRange"]["StartingHashKey"])
                for shard in answer["Shards"]
                if not shard["SequenceNumberRange"].get("EndingSequenceNumber")
            ]
            if not answer.get("NextToken"):
                return tuple(sorted(found, key=lambda one: one.shard))
            request = {"NextToken": answer["NextToken"]}

    def put_each(self, records: list[dict[str, Any]]) -> list[bool]:
        """PutRecords; whether each was taken (B3), as far as is known: without an answer, none."""
        try:
            answer = self._client.put_records(StreamName=self._name, Records=records)
        except (BotoCoreError, ClientError):
            return [False] * len(records)
        return [not one.get("ErrorCode") for one in answer["Records"]]

    def put(self, records: list[dict[str, Any]]) -> int:
        """PutRecords; how many were refused."""
        answer = self._client.put_records(StreamName=self._name, Records=records)
        return int(answer.get("FailedRecordCount", 0))
