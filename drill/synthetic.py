"""One synthetic transaction a second on an edge's path, and the RTO clock that reads its colours.

A try posts one observation of a synthetic patient through an edge publisher of its own (journaled and
resent like any other) and reads it back from the preferred region until it is stored.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from drill.edge_api import Address, EdgeApi
from drill.envelope import Event, IdSource, instant, seal
from drill.publisher import EdgePublisher
from drill.recordings_feed import HEART_RATE, observation

DEADLINE_SECONDS = 3.0
EVERY_SECONDS = 1.0
POLL_SECONDS = 0.1
GREENS_TO_RECOVER = 3
LONG_SECONDS = 5.0
"""A failing run as long as this is no slow moment of a busy machine."""


@dataclass(frozen=True)
class Try:
    """One transaction: when it began (epoch seconds), whether it came back, after how long."""

    at: float
    green: bool
    seconds: float
    detail: str = ""


def rto_seconds(tries: Sequence[Try], not_before: float = 0.0) -> float | None:
    """How long the failing run took: 0.0 when nothing failed; None, not recovered, when it has not ended."""
    found = failing_run(tries, not_before)
    if found is None:
        return 0.0
    began, ended = found
    return None if ended is None else round(ended - began, 3)


def failing_run(tries: Sequence[Try], not_before: float = 0.0) -> tuple[float, float | None] | None:
    """From the first failure of the failing run to the first of the three greens that end it.

    A failing run begins with a red and ends with three greens in a row; a lone red among greens is a
    run as well. Of the runs at or after `not_before` the longest counts, and with it each other that is
    long: who was served again and then not again was not served. None when there is none; without an end
    when a run that has not ended is long, or as long as each that has.
    """
    ended, open_since, newest = _runs(tries, not_before)
    if not ended and open_since is None:
        return None
    longest = max(ended, key=lambda one: one[1] - one[0], default=None)
    counted = [one for one in ended if one == longest or one[1] - one[0] >= LONG_SECONDS]
    began = [one[0] for one in counted]
    if open_since is not None:
        lasts = newest - open_since
        if longest is None or lasts >= min(LONG_SECONDS, longest[1] - longest[0]):
            return min([*began, open_since]), None
    return min(began), max(one[1] for one in counted)


def _runs(
    tries: Sequence[Try], not_before: float
) -> tuple[list[tuple[float, float]], float | None, float]:
    """The failing runs that have ended, since when one has not, and when the newest try began."""
    found: list[tuple[float, float]] = []
    began: float | None = None
    newest = not_before
    greens: list[Try] = []
    for one in sorted(tries, key=lambda t: t.at):
        if one.at < not_before:
            continue
        newest = one.at
        if not one.green:
            began = one.at if began is None else began
            greens = []
        elif began is not None:
            greens.append(one)
            if len(greens) == GREENS_TO_RECOVER:
                found.append((began, greens[0].at))
                began, greens = None, []
    return found, began, newest


class SyntheticTransactions:
    """Runs a try a second until `stop`. `publisher` must have been started."""

    def __init__(
        self,
        publisher: EdgePublisher,
        urls: Mapping[str, Address],
        *,
        seed: int,
        deadline_seconds: float = DEADLINE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._publisher = publisher
        self._urls = urls
        self._ids = IdSource(seed)
        self._deadline_seconds = deadline_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: list[Try] = []
        self._number = publisher.journal.last_number
        self._first = self._number + 1
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=6, thread_name_prefix="synthetic")
        self._thread = threading.Thread(target=self._run, name="synthetic", daemon=True)

    @property
    def tries(self) -> list[Try]:
        """The finished tries, by their beginning."""
        with self._lock:
            return sorted(self._tries, key=lambda one: one.at)

    @property
    def patient(self) -> str:
        """The first try's, of whom there is one reading, which never changes."""
        return self._patient(self._first)

    def _patient(self, number: int) -> str:
        return f"{self._publisher.publisher}-patient-{number:05d}"

    def start(self) -> None:
        """Begin with the first try at once."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further try and wait for those under way (bounded by the deadline)."""
        self._ended.set()
        self._thread.join(timeout=self._deadline_seconds + 2)
        self._pool.shutdown(wait=True)

    def _run(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            self._pool.submit(self._try)
            self._ended.wait(max(0.0, EVERY_SECONDS - (time.monotonic() - began)))

    def _event(self, at: float) -> Event:
        """One event of a patient of its own: an outage must not queue tries behind each other."""
        with self._lock:
            self._number += 1
            number = self._number
            event_id = self._ids()
        occurred_us = int(at * 1e6)
        patient = self._patient(number)
        return seal(
            number=number,
            publisher=self._publisher.publisher,
            event_id=event_id,
            correlation_id=event_id,
            aggregate_id=patient,
            sequence=1,
            occurred_us=occurred_us,
            payload=observation(HEART_RATE, 60.0, patient, instant(occurred_us)),
        )

    def _try(self) -> None:
        at = self._clock()
        began = time.monotonic()
        try:
            detail = self._transact(self._event(at), began + self._deadline_seconds)
        except Exception as error:
            detail = f"{type(error).__name__}: {error}"
        done = Try(at, not detail, round(time.monotonic() - began, 3), detail)
        with self._lock:
            self._tries.append(done)

    def _transact(self, event: Event, deadline: float) -> str:
        """Empty when the event came back in time, else what was the matter."""
        self._publisher.submit([event])
        said = "not accepted in time"
        apis: dict[str, EdgeApi] = {}
        try:
            while time.monotonic() < deadline:
                if self._publisher.is_accepted(event.number):
                    region = self._publisher.preferred
                    if region not in apis:
                        apis[region] = EdgeApi(self._urls[region], timeout_seconds=1.0)
                    answer = apis[region].event(event.event_id)
                    if answer.status == 200:
                        return ""
                    said = f"{region}: GET answered {answer.status} {answer.detail}".strip()
                time.sleep(POLL_SECONDS)
        finally:
            for api in apis.values():
                api.close()
        return said
