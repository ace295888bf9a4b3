"""Which incarnation of the stream this is (B2): its creation time, asked for at most once a minute."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock

KEEP_SECONDS = 60.0


class StreamIdentity:
    """A re-created stream reuses shard ids: a warm function must notice."""

    def __init__(
        self, stream_name: str, region: str, client: Any = None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._stream_name, self._clock = stream_name, clock
        self._client = client or boto3.client(
            "kinesis",
            region_name=region,
            config=Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 2}),
        )
        self._incarnation = ""
        self._asked_at = 0.0

    def incarnation(self, named: set[str]) -> str:
        """Whole epoch seconds as a string. `named` by markers in the batch: another one asks anew."""
        stale = self._clock.monotonic() - self._asked_at > KEEP_SECONDS
        if not self._incarnation or stale or named - {self._incarnation}:
            answer = self._client.describe_stream_summary(StreamName=self._stream_name)
            created = answer["StreamDescriptionSummary"]["StreamCreationTimestamp"]
            self._incarnation = str(int(created.timestamp()))
            self._asked_at = self._clock.monotonic()
        return self._incarnation
