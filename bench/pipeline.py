"""The whole path in a lab, from a bedside to the database: its latency, and the highest rates that it holds.

    python -m bench.pipeline [--seconds 600] [--step-seconds 40]

The lab is the drill's: emulated regions, a broker and a replicator in each direction, the product's functions
and services. All of it shares this machine's cores with the edges, so a figure is this machine's.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.results import write
from drill import heart_recordings
from drill.edge import Edge
from drill.edge_api import EdgeApi
from drill.envelope import Event
from drill.recordings_feed import RecordingsFeed
from drill.stored import connect, count
from drill.targets.local import LocalTarget
from lab.waiting import LabError, until

ASKED_RATE = 1_667.0
EDGES = 4
WARM_UP_SECONDS = 20.0
EDGE_RATES = (2_500.0, 3_000.0, 3_600.0, 4_300.0)
STREAM_RATES = (4_000.0, 4_800.0, 5_800.0, 7_000.0)
MOST_P95_MS = 1_000.0
LEAST_SHARE = 0.95
"""Of the rate that was asked for: recordings of hearts give it on the average only."""
PUT_RECORDS = 500
"""The most that one request takes."""
TICK_SECONDS = 0.1
DRAIN_SECONDS = 120.0
SERVING_SECONDS = 180.0
TALLY = """
SELECT count(*), coalesce(percentile_cont(0.95) WITHIN GROUP
    (ORDER BY extract(epoch FROM applied_at - occurred_on)::float8), 0) * 1000
FROM event WHERE occurred_on >= to_timestamp(%s) AND occurred_on < to_timestamp(%s)
"""


@dataclass(frozen=True)
class Tally:
    """What is stored of the events of some seconds; `p95_ms` from a bedside to the database."""

    seconds: float
    stored: int
    p95_ms: float

    def holds(self, rate: float) -> bool:
        """Whether nothing piled up at this rate."""
        return self.stored >= LEAST_SHARE * rate * self.seconds and self.p95_ms < MOST_P95_MS


def highest(rates: Iterable[float], holds: Callable[[float], bool]) -> float:
    """The last rate before the first one that does not hold; 0: not even the first."""
    best = 0.0
    for rate in rates:
        if not holds(rate):
            break
        best = rate
    return best


class Pipeline:
    """A lab that is deployed, its database, and traffic at one rate after the other."""

    def __init__(self, target: LocalTarget, folder: Path) -> None:
        self._target, self._folder = target, folder
        self._recordings = heart_recordings.load()
        self._phase = 0

    def edges(self, rate: float, seconds: float) -> Tally:
        """Through the HTTP edge, as bedsides send."""
        self._phase += 1
        urls = {region: one.address for region, one in self._target.endpoints().items()}
        urls = {self._target.home: urls[self._target.home], **urls}
        edges = [
            Edge(
                f"bench-{self._phase}-{number}",
                self._folder,
                urls,
                recordings=self._recordings,
                events_per_second=rate / EDGES,
                seed=self._phase * 1_000 + number,
            )
            for number in range(EDGES)
        ]
        for one in edges:
            one.start()
        try:
            return self._tally(rate, seconds)
        finally:
            for one in edges:
                one.stop_feeding()
            self._drained()
            for one in edges:
                one.sender.stop()

    def stream(self, rate: float, seconds: float) -> Tally:
        """Into the stream by PutRecords in batches of 500, without the HTTP edge."""
        self._phase += 1
        feed = RecordingsFeed(
            publisher=f"bench-{self._phase}",
            recordings=self._recordings,
            events_per_second=rate,
            start_us=time.time_ns() // 1_000,
            seed=self._phase,
        )
        client = self._target.observer("kinesis", self._target.home)
        (name,) = client.list_streams()["StreamNames"]
        with _sending(feed, lambda some: put(client, name, some)):
            tally = self._tally(rate, seconds)
        self._drained()
        return tally

    def _tally(self, rate: float, seconds: float) -> Tally:
        """Of the traffic from the warm-up's end on, asked when its last events had their second."""
        began = time.time() + min(WARM_UP_SECONDS, seconds / 2)
        ended = began + seconds - min(WARM_UP_SECONDS, seconds / 2)
        threading.Event().wait(ended + MOST_P95_MS / 1_000 + 1 - time.time())
        with self._database() as connection:
            row = connection.execute(TALLY, (began, ended)).fetchone()
        stored, p95 = row or (0, 0.0)
        found = Tally(ended - began, int(stored), float(p95))
        print(
            f"bench: {rate:,.0f}/s offered, {found.stored / found.seconds:,.0f}/s stored, "
            f"p95 {found.p95_ms:,.0f} ms, {'holds' if found.holds(rate) else 'does not hold'}",
            flush=True,
        )
        return found

    def _drained(self) -> None:
        """Until a second passes without another stored event. Raises LabError when that does not come."""
        deadline, before = time.monotonic() + DRAIN_SECONDS, -1
        with self._database() as connection:
            while (now := count(connection)) != before:
                if time.monotonic() > deadline:
                    raise LabError(
                        f"{DRAIN_SECONDS:.0f} s after the traffic events are still stored"
                    )
                before = now
                threading.Event().wait(1.0)

    def _database(self) -> psycopg.Connection[Any]:
        dsn = self._target.endpoints()[self._target.home].database_dsn
        if dsn is None:
            raise LabError("the lab names no database")
        return connect(dsn)


def put(client: Any, stream: str, events: list[Event]) -> None:
    """One request. Raises RuntimeError for records that the stream did not take."""
    records = [{"Data": one.raw, "PartitionKey": f"e:{one.aggregate_id}"} for one in events]
    failed = client.put_records(StreamName=stream, Records=records)["FailedRecordCount"]
    if failed:
        raise RuntimeError(f"{failed} of {len(records)} records were not taken")


@contextmanager
def _sending(feed: RecordingsFeed, send: Callable[[list[Event]], None]) -> Iterator[None]:
    """What is due, in whole batches, until the block's end."""
    ended = threading.Event()

    def work() -> None:
        waiting: list[Event] = []
        with ThreadPoolExecutor(4) as senders:
            requests: list[Future[None]] = []
            while not ended.wait(TICK_SECONDS):
                waiting += feed.due(time.time_ns() // 1_000)
                while len(waiting) >= PUT_RECORDS:
                    requests.append(senders.submit(send, waiting[:PUT_RECORDS]))
                    del waiting[:PUT_RECORDS]
            for one in requests:
                failed.extend([one.exception()] if one.exception() else [])

    failed: list[BaseException | None] = []
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(60)
    if failed:
        raise LabError(f"{len(failed)} requests failed, the first with: {failed[0]}")


def measure(workdir: Path, seconds: float, step_seconds: float) -> dict[str, float]:
    """Raises LabError when the lab does not start, or what was sent is not stored."""
    journals = workdir / "journals"
    shutil.rmtree(journals, ignore_errors=True)
    with LocalTarget(workdir=workdir) as target:
        target.deploy()
        api = EdgeApi(target.endpoints()[target.home].api_url)
        until(
            "the region serving",
            lambda: bool(api.health().body.get("serving")),
            seconds=SERVING_SECONDS,
        )
        api.close()
        pipeline = Pipeline(target, journals)
        asked = pipeline.edges(ASKED_RATE, seconds)
        if asked.stored < LEAST_SHARE * ASKED_RATE * asked.seconds:
            raise LabError(f"{asked.stored} events stored in {asked.seconds:.0f} s")
        return {
            "pipeline_p95_ms": asked.p95_ms,
            "edge_events_per_s": highest(
                EDGE_RATES, lambda rate: pipeline.edges(rate, step_seconds).holds(rate)
            ),
            "stream_events_per_s": highest(
                STREAM_RATES, lambda rate: pipeline.stream(rate, step_seconds).holds(rate)
            ),
        }


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="The whole path in a lab.")
    parser.add_argument("--seconds", type=float, default=600.0, help="at 1,667 events a second")
    parser.add_argument("--step-seconds", type=float, default=40.0, help="at each higher rate")
    parser.add_argument("--workdir", type=Path, default=Path("build/bench-lab"))
    parser.add_argument("--figures", type=Path, help="a file for them, as JSON")
    given = parser.parse_args()
    try:
        found = measure(given.workdir, given.seconds, given.step_seconds)
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return write(found, given.figures)


if __name__ == "__main__":
    sys.exit(main())
