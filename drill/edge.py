"""One edge of the drill: a feed and its publisher, ticking; and bad events slipped in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from drill.edge_api import Address
from drill.envelope import Event
from drill.heart_recordings import Recording
from drill.journal import Journal
from drill.publisher import EdgePublisher
from drill.recordings_feed import RecordingsFeed, monitors_for

TICK_SECONDS = 0.1


class Edge:
    """Feeds what is due ten times a second. `failure` is empty unless the edge had to stop."""

    def __init__(
        self,
        publisher: str,
        folder: Path,
        urls: Mapping[str, Address],
        *,
        recordings: Sequence[Recording],
        events_per_second: float,
        seed: int,
    ) -> None:
        self.sender = EdgePublisher(publisher, Journal(folder / publisher), urls)
        self.failure = ""
        self._feed_args = (publisher, recordings, events_per_second, seed)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{publisher}-feed", daemon=True)
        self._wanted: list[Callable[[int, int], list[Event]]] = []

    @property
    def monitors(self) -> int:
        """How many virtual bedside monitors feed this edge."""
        _, recordings, rate, _ = self._feed_args
        return monitors_for(rate, recordings)

    def start(self) -> None:
        """Begin to send."""
        self.sender.start()
        self._thread.start()

    def slip_in(self, make: Callable[[int, int], list[Event]]) -> None:
        """Send extra events with the next tick; `make(first number, time in µs)` builds them."""
        self._wanted.append(make)

    def stop_feeding(self) -> None:
        """No new events; the publisher goes on with those it has."""
        self._ended.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        publisher, recordings, rate, seed = self._feed_args
        feed = RecordingsFeed(
            publisher=publisher,
            recordings=recordings,
            events_per_second=rate,
            start_us=time.time_ns() // 1_000,
            seed=seed,
            first_number=self.sender.journal.last_number + 1,
        )
        try:
            while not self._ended.wait(TICK_SECONDS):
                events = feed.due(time.time_ns() // 1_000)
                while self._wanted:
                    extra = self._wanted.pop(0)(feed.next_number, time.time_ns() // 1_000)
                    feed.skip_numbers(len(extra))
                    events += extra
                self.sender.submit(events)
        except Exception as error:  # told in the evidence: an edge that stops makes a drill fail
            self.failure = f"{type(error).__name__}: {error}"
