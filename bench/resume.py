"""How long a watermark reader needs from its start until it publishes again, with a long log behind it (B25).

    python -m bench.resume [--records 10000000]

The log is written by the bridge's own writer, counts and markers. A reader follows all of it once and saves
its checkpoint; then a minute's records come, and a new reader starts. So it goes at a million records and at
all of them: what a start reads must not grow with the log.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.results import write
from bench.store_path import TOPIC
from holes.engines import broker, create_topics
from holes.stand_ins import Table
from lab.waiting import LabError
from lifeline.lambdas.contracts.log import GroupLog
from lifeline.lambdas.contracts.serving_region import ServingRegion
from lifeline.lambdas.failover.manifests import digest_of
from lifeline.lambdas.failover.markers import Marker, Pair
from lifeline.lambdas.stream_bridge.batch import LogRecord, origin_headers
from lifeline.lambdas.stream_bridge.count_table import CountTable
from lifeline.lambdas.stream_bridge.log_writer import LogWriter, producer_settings
from lifeline.lambdas.stream_bridge.shard_count import Counted
from lifeline.lambdas.stream_bridge.shard_counts import ShardCounts
from lifeline.services.query_api import watermark_reader
from lifeline.services.query_api.reader_checkpoint import ReaderCheckpoint
from lifeline.services.query_api.watermark_reader import PublishedVectors, WatermarkReader

ORIGIN, READER = "ca-central-1", "ca-west-1"
PARTITIONS = {TOPIC: 1}
PAIR = Pair(ORIGIN, "100", "shardId-000000000000")
FIRST_SEQUENCE = 10**50
BATCH = 1_667
"""Records between two markers: a second's, at 100,000 events a minute."""
MINUTE = 60 * BATCH
FILLER = b"x" * 100
SMALL = 1_000_000
DEADLINE_SECONDS = 1_500.0


class Origin:
    """The other region's bridge, at work on one shard."""

    def __init__(self, bootstrap: str) -> None:
        self._writer = LogWriter(producer_settings(bootstrap=bootstrap, auth="none", region=ORIGIN))
        self._counts = ShardCounts(CountTable("c", ORIGIN, Table()))
        self.written = 0

    def go_on(self, records: int) -> None:
        """So many more, at least; the last one is a marker's."""
        until = self.written + records
        while self.written < until:
            self._batch()

    @property
    def last(self) -> int:
        """The sequence that the last marker vouches for."""
        return FIRST_SEQUENCE + self.written

    def _batch(self) -> None:
        first, at_ms = FIRST_SEQUENCE + self.written + 1, int(time.time() * 1_000)
        lines, counted = [], []
        for sequence in range(first, first + BATCH):
            headers = origin_headers(PAIR, sequence)
            lines.append(LogRecord(TOPIC, 0, None, FILLER, headers))
            digest = digest_of(str(sequence).encode(), FILLER)
            counted.append(Counted(sequence, (TOPIC, 0), digest))
        self._writer.write(lines, at_ms)
        last = first + BATCH - 1
        made = Marker(PAIR, last, at_ms, (PAIR.shard,), ((TOPIC, 0),))
        self._counts.settle(
            PAIR,
            counted,
            first=first,
            acknowledged=last,
            marker=made,
            write=lambda one: self._writer.write_marker(one, at_ms),
        )
        self.written += BATCH


class SavedTable(Table):
    """Counts what was written, so that a save is noticed."""

    def __init__(self) -> None:
        super().__init__()
        self.puts = 0

    def put_item(self, **given: Any) -> dict[str, Any]:
        found = super().put_item(**given)
        self.puts += 1
        return found


class CountingReader(WatermarkReader):
    """Knows how many bytes of records it was given."""

    bytes_read = 0

    def observe(
        self,
        topic: str,
        partition: int,
        offset: int,
        headers: list[tuple[str, bytes]],
        value: bytes,
    ) -> None:
        self.bytes_read += len(value) + sum(len(name) + len(said) for name, said in headers)
        super().observe(topic, partition, offset, headers, value)


class Place:
    """The other region: its log, its table, and one reader at a time."""

    def __init__(self, bootstrap: str) -> None:
        self._log = GroupLog(bootstrap, "none", {**PARTITIONS}, READER)
        self._region = ServingRegion(region=READER, peer_region=ORIGIN, suffix="bench")
        self.table = SavedTable()

    def follow(self, until: Callable[[PublishedVectors], bool]) -> tuple[float, int]:
        """A reader from its start until then: seconds and bytes."""
        published = PublishedVectors()
        checkpoint = ReaderCheckpoint("w", READER, self.table)
        reader = CountingReader(self._log, self._region, published, checkpoint)
        stopping = threading.Event()
        thread = threading.Thread(target=reader.run, args=[stopping], daemon=True)
        began = time.monotonic()
        thread.start()
        try:
            while not until(published):
                if time.monotonic() > began + DEADLINE_SECONDS:
                    raise LabError(
                        f"the reader read {reader.bytes_read} bytes and is not there yet"
                    )
                time.sleep(0.05)
            return time.monotonic() - began, reader.bytes_read
        finally:
            stopping.set()
            thread.join(30)


def safe_to(published: PublishedVectors, sequence: int) -> bool:
    """Whether the reader published that all up to there is safe."""
    return any(int(row["sequence"]) >= sequence for row in published.answer(READER)["entries"])


def starts(bootstrap: str, sizes: list[int]) -> Iterator[tuple[float, int]]:
    """Seconds and bytes of a start at each size of the log."""
    origin, place = Origin(bootstrap), Place(bootstrap)
    for size in sizes:
        origin.go_on(size - origin.written)
        print(f"bench: {origin.written:,} records written", flush=True)
        mark, saves = origin.last, [place.table.puts]

        def saved(published: PublishedVectors, mark: int = mark, saves: list[int] = saves) -> bool:
            if not safe_to(published, mark):
                saves[0] = place.table.puts
                return False
            return place.table.puts >= saves[0] + 1 + len(PARTITIONS)

        place.follow(saved)
        origin.go_on(MINUTE)
        last = origin.last
        yield place.follow(lambda published, last=last: safe_to(published, last))  # type: ignore[misc]


def measure(folder: Path, records: int) -> dict[str, float]:
    """Raises LabError when a reader does not get there."""
    watermark_reader.SAVE_SECONDS = 5.0  # so that the run waits less for its saves
    with broker(folder) as bootstrap:
        create_topics(bootstrap, {**PARTITIONS, "system.watermark": 1})
        (_, few), (seconds, many) = starts(bootstrap, [min(SMALL, records // 2), records])
    return {"resume_seconds": seconds, "resume_bytes_ratio": many / few}


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="A reader's start behind a long log.")
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--figures", type=Path, help="a file for them, as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return write(measure(Path(folder) / "kafka", given.records), given.figures)


if __name__ == "__main__":
    sys.exit(main())
