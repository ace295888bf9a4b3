"""Which incarnation of the stream this is (B2): its creation time.

It is asked for once a minute, and when it may be another.
"""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock

KEEP_SECONDS = 60.0
UNNAMED_SECONDS = 2.0
"""Of a batch without a marker. A stream is not deleted and made again in less."""


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
        """Whole epoch seconds as a string. `named` by markers in the batch: another one asks anew.

        A batch that names none may be of a stream that was made since: its first events come before its first
        marker. It asks, too; if that fails (asking has a limit of calls), what is known stands.
        """
        age = self._clock.monotonic() - self._asked_at
        if not self._incarnation or age > KEEP_SECONDS or named - {self._incarnation}:
            self._ask()
        elif not named and age > UNNAMED_SECONDS:
            try:
                self._ask()
            except (ClientError, BotoCoreError):
                return self._incarnation
        return self._incarnation

    def _ask(self) -> None:
        answer = self._client.describe_stream_summary(StreamName=self._stream_name)
        created = answer["StreamDescriptionSummary"]["StreamCreationTimestamp"]
        self._incarnation = str(int(created.timestamp()))
        self._asked_at = self._clock.monotonic()
