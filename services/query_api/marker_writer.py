"""One marker into every open shard, each second, in both regions, at every epoch (B12)."""

from __future__ import annotations

import threading

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.markers import (
    STREAM_MARKER_PREFIX,
    Parents,
    StreamMarker,
    marker_interval_seconds,
)
from lifeline.services.query_api.stream_client import Shards, StreamClient
from lifeline.services.shared.log_lines import say

REFRESH_SECONDS = 30.0
MAX_RECORDS = 500
"""Of one PutRecords (its documented limit)."""


class ShardsChanged(Exception):
    """The stream was made of other shards since they were listed: list them again."""


class MarkerWriter:
    """The thread's loop. A failed second is a second without a marker: nothing becomes safe meanwhile."""

    def __init__(
        self,
        stream: StreamClient,
        region: str,
        partitions: int,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self._stream, self._region, self._partitions = stream, region, partitions
        self._shards = Shards((), {})
        self._incarnation = ""
        self._refreshed_at = float("-inf")
        self._failing = ""

    def run(self, stopping: threading.Event) -> None:
        """Until stopping; no exception ends it."""
        due = self._clock.monotonic()
        while not stopping.is_set():
            try:
                self.write_once()
                self._say_once("markers are written")
            except Exception as error:
                self._refreshed_at = float("-inf")  # the stream may have been made anew
                self._say_once(f"no marker written: {type(error).__name__}")
            interval = marker_interval_seconds(len(self._shards.open), self._partitions)
            due = max(due + interval, self._clock.monotonic())
            self._clock.wait(stopping, due - self._clock.monotonic())

    def write_once(self) -> None:
        """One marker for each shard in one call. Raises what the stream raises."""
        parents: Parents | None = None
        if self._clock.monotonic() - self._refreshed_at > REFRESH_SECONDS:
            self._incarnation = self._stream.incarnation()
            self._shards = self._stream.shards()
            self._refreshed_at = self._clock.monotonic()
            parents = self._shards.parents  # large: said when it may be new (B24)
        names = tuple(one.shard for one in self._shards.open)
        born_ms = int(self._clock.now() * 1_000)
        records = [
            {
                "PartitionKey": f"{STREAM_MARKER_PREFIX}{one.shard}",
                "ExplicitHashKey": one.hash_key,
                "Data": StreamMarker(
                    self._region, self._incarnation, one.shard, born_ms, names, parents
                ).to_bytes(),
            }
            for one in self._shards.open
        ]
        for start in range(0, len(records), MAX_RECORDS):
            put = self._stream.put(records[start : start + MAX_RECORDS])
            if put.refused:
                raise RuntimeError(f"{put.refused} markers refused")
            if set(put.shards) - set(names):
                raise ShardsChanged("a marker went into another shard than it names")

    def _say_once(self, state: str) -> None:
        if state != self._failing:
            self._failing = state
            say(state, shards=len(self._shards.open))
