"""The edge publisher: what a hospital runs. Journal, then send; keep until safe; send again after a loss.

Rules: B1 (receipts and safety), B3 (one unacknowledged event per patient, 207 per record), B12 (either
region takes events at any epoch), C2 (resends are byte-identical). Every wait is bounded.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from drill.edge_api import Address, Answer, EdgeApi
from drill.envelope import Event
from drill.journal import Journal
from drill.outbox import Outbox
from drill.receipt import Receipt, SafeUpTo
from drill.region_monitor import EVERY_SECONDS, RegionMonitor
from drill.safety import SafetyTracker
from drill.traffic import TrafficChoice

LOGGER = logging.getLogger(__name__)

BATCH_EVENTS = 200
LINGER_SECONDS = 0.1
"""A small batch leaves at most this often: fewer requests, at a cost in latency well under the target."""
POST_TIMEOUT_SECONDS = 3.0
BACKOFF_SECONDS = 0.25
NEVER_TAKEN = (400, 413)


@dataclass(frozen=True)
class Counts:
    """What a publisher did so far. `acceptances` counts receipts, so a resent event counts twice."""

    sent: int = 0
    accepted: int = 0
    acceptances: int = 0
    resent: int = 0
    refused: int = 0
    safe: int = 0
    switches: int = 0
    failed_requests: int = 0


class EdgePublisher:
    """`urls` maps regions to addresses, the first being where it starts. `start`, `submit`, `stop`."""

    def __init__(
        self,
        publisher: str,
        journal: Journal,
        urls: Mapping[str, Address],
        *,
        workers: int = 3,
        batch_events: int = BATCH_EVENTS,
        linger_seconds: float = LINGER_SECONDS,
        timeout_seconds: float = POST_TIMEOUT_SECONDS,
        poll_seconds: float = EVERY_SECONDS,
    ) -> None:
        self.publisher = publisher
        self.journal = journal
        self._urls = dict(urls)
        self._batch_events = batch_events
        self._linger_seconds = linger_seconds
        self._timeout_seconds = timeout_seconds
        self._poll_seconds = poll_seconds
        self._changed = threading.Condition(threading.RLock())
        self._outbox = Outbox()
        self._safety = SafetyTracker()
        self._choice = TrafficChoice(list(urls))
        self._incarnations: dict[str, str] = {}
        self._transmitted: set[int] = set()
        self._counts = Counts()
        self._next_small_batch = 0.0
        self.failure = ""
        self._is_warned = False
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._monitors: dict[str, RegionMonitor] = {}
        self._worker_count = workers
        self._take_over_journal()

    @property
    def counts(self) -> Counts:
        """A consistent copy of the counters."""
        with self._changed:
            return self._counts

    @property
    def preferred(self) -> str:
        """The region this edge sends to now."""
        return self._choice.preferred

    @property
    def unsent(self) -> int:
        """How many events wait or are in a request."""
        with self._changed:
            return len(self._outbox) + self._outbox.out

    def start(self) -> None:
        """Start the workers, a monitor for each region and the traffic choice."""
        self._monitors = {
            region: RegionMonitor(region, url, self._on_watermark, every_seconds=self._poll_seconds)
            for region, url in self._urls.items()
        }
        named = [(self._work, f"sender-{index}") for index in range(self._worker_count)]
        named.append((self._choose, "traffic"))
        self._threads = [
            threading.Thread(target=target, name=f"{self.publisher}-{name}", daemon=True)
            for target, name in named
        ]
        for thread in (*self._monitors.values(), *self._threads):
            thread.start()

    def submit(self, events: Sequence[Event]) -> None:
        """Take responsibility for events: durable in the journal on return, then sent. See JournalFull."""
        if not events:
            return
        self.journal.append(events)
        self._warn_at_half()
        with self._changed:
            for event in events:
                self._outbox.add(event.aggregate_id, event.number)
            self._count(sent=len(events))
            self._changed.notify_all()

    def _warn_at_half(self) -> None:
        """Once for each time that the disk fills (B19)."""
        if self.journal.half_full and not self._is_warned:
            LOGGER.warning(
                "%s: the journal takes more than half of its %d bytes: nothing becomes safe, or too slowly",
                self.publisher,
                self.journal.disk_limit_bytes,
            )
        self._is_warned = self.journal.half_full

    def is_accepted(self, number: int) -> bool:
        """Whether a region has acknowledged this event."""
        kept = self.journal.kept.get(number)
        return kept is None or kept.receipt is not None

    def drain(self, deadline_seconds: float) -> bool:
        """Wait until nothing waits and nothing is in a request; False when the deadline comes first."""
        deadline = time.monotonic() + deadline_seconds
        while time.monotonic() < deadline:
            if self.unsent == 0:
                return True
            time.sleep(0.05)
        return self.unsent == 0

    def stop(self) -> None:
        """End all threads and close the journal; what is not accepted stays in it."""
        self._ended.set()
        for monitor in self._monitors.values():
            monitor.end()
        with self._changed:
            self._changed.notify_all()
        for thread in (*self._threads, *self._monitors.values()):
            if thread.is_alive():
                thread.join(timeout=2 * self._timeout_seconds + 2)
        self.journal.close()

    # -- sending -----------------------------------------------------------------------------------

    def _work(self) -> None:
        apis = {
            region: EdgeApi(url, timeout_seconds=self._timeout_seconds)
            for region, url in self._urls.items()
        }
        while not self._ended.is_set():
            region, taken = self._take()
            if not taken:
                continue
            again = {number for _, number in taken}
            try:
                again = self._deliver(apis[region], region, [number for _, number in taken])
            except Exception as error:  # a disk fault, say: the events stay queued, the run sees it
                self.failure = f"{type(error).__name__}: {error}"
            finally:
                with self._changed:
                    self._outbox.done(taken, again)
                    self._changed.notify_all()
            if again:
                self._ended.wait(BACKOFF_SECONDS)
        for api in apis.values():
            api.close()

    def _take(self) -> tuple[str, list[tuple[str, int]]]:
        """A batch and its region, decided in one step; waits a moment when there is none."""
        with self._changed:
            now = time.monotonic()
            ready = self._outbox.ready
            if not ready:
                self._changed.wait(0.5)
                return "", []
            if ready < self._batch_events and now < self._next_small_batch:
                self._changed.wait(self._next_small_batch - now)
                return "", []
            self._next_small_batch = now + self._linger_seconds
            taken = self._outbox.take(self._batch_events)
            return self._choice.preferred, taken

    def _deliver(self, api: EdgeApi, region: str, numbers: list[int]) -> set[int]:
        """Send one request and account for its answer. Returns the numbers that must go again."""
        bodies = self.journal.raws(numbers)
        numbers = list(bodies)
        if not numbers:
            return set()
        with self._changed:
            repeated = [number for number in numbers if number in self._transmitted]
            self._transmitted.update(numbers)
            self._count(resent=len(repeated))
        self.journal.resending(region, repeated)
        answer = api.post_events(list(bodies.values()))
        if answer.status in NEVER_TAKEN:
            return self._refused(api, region, numbers, answer.status)
        receipts = _receipts(answer, numbers)
        if len(receipts) < len(numbers):
            with self._changed:
                self._count(failed_requests=1)
        lost_again = self._accept(region, receipts)
        return (set(numbers) - {number for number, _ in receipts}) | lost_again

    def _refused(self, api: EdgeApi, region: str, numbers: list[int], status: int) -> set[int]:
        """The API took none of them: find the one to blame by halves, so that the others pass."""
        if len(numbers) > 1:
            middle = len(numbers) // 2
            return self._deliver(api, region, numbers[:middle]) | self._deliver(
                api, region, numbers[middle:]
            )
        self.journal.refused(region, numbers[0], status)
        with self._changed:
            self._transmitted.discard(numbers[0])
            self._count(refused=1)
        return set()

    def _accept(self, region: str, receipts: list[tuple[int, Receipt]]) -> set[int]:
        """Account for receipts. Returns those that must go again although a region took them."""
        if not receipts:
            return set()
        with self._changed:
            kept = self.journal.kept
            first_time = sum(1 for n, _ in receipts if n in kept and kept[n].receipt is None)
            self.journal.accepted(receipts)
            for number, receipt in receipts:
                self._safety.add(number, receipt)
            self._count(accepted=first_time, acceptances=len(receipts))
            incarnation = receipts[0][1].incarnation
            if self._incarnations.setdefault(region, incarnation) != incarnation:
                # The stream was made anew: receipts of the one before prove nothing any more (B2).
                self._incarnations[region] = incarnation
                self._send_again(lambda r: r.region == region and r.incarnation != incarnation)
            # Traffic may have moved while the request was under way: then these are the old region's.
            moved = region != self._choice.preferred
            return {number for number, _ in receipts if number in kept} if moved else set()

    # -- what the monitors say ----------------------------------------------------------------------

    def _on_watermark(self, _: str, entries: list[SafeUpTo]) -> None:
        with self._changed:
            settled = self._safety.settle(entries)
            self._count(safe=self.journal.safe(settled))
            self._transmitted.difference_update(settled)

    def _choose(self) -> None:
        """Once a second: look at the monitors' newest answers and follow the traffic switch."""
        while not self._ended.wait(self._poll_seconds):
            answers = {region: monitor.health for region, monitor in self._monitors.items()}
            with self._changed:
                before = self._choice.preferred
                now = self._choice.observe(answers)
                if now != before:
                    self._count(switches=1)
                    self._send_again(partial(_is_elsewhere, now))
                    self._changed.notify_all()

    def _send_again(self, concerns: Callable[[Receipt], bool]) -> None:
        """Queue every accepted, not yet safe event whose newest receipt the condition concerns."""
        for number in sorted(self.journal.kept):
            kept = self.journal.kept[number]
            if kept.receipt is not None and concerns(kept.receipt):
                self._outbox.add(kept.aggregate_id, number)

    def _take_over_journal(self) -> None:
        """After a restart: watch what was accepted, send what was not (perhaps for a second time)."""
        for number in sorted(self.journal.kept):
            kept = self.journal.kept[number]
            self._transmitted.add(number)
            if kept.receipt is None:
                self._outbox.add(kept.aggregate_id, number)
            else:
                self._safety.add(number, kept.receipt)
                self._incarnations[kept.receipt.region] = kept.receipt.incarnation

    def _count(self, **more: int) -> None:
        was = self._counts
        self._counts = replace(was, **{name: getattr(was, name) + n for name, n in more.items()})


def _is_elsewhere(preferred: str, receipt: Receipt) -> bool:
    return receipt.region != preferred


def _receipts(answer: Answer, numbers: Sequence[int]) -> list[tuple[int, Receipt]]:
    """The records an answer says were taken, in request order. Anything unclear is not accepted."""
    results = answer.body.get("results")
    if answer.status not in (202, 207) or not isinstance(results, list):
        return []
    if len(results) != len(numbers):
        return []
    region, incarnation = answer.body.get("region"), answer.body.get("incarnation")
    if not region or not incarnation:
        return []
    found = []
    for number, result in zip(numbers, results, strict=True):
        try:
            if result["status"] == 202:
                sequence = int(result["sequence"])
                receipt = Receipt(str(region), str(incarnation), str(result["shard"]), sequence)
                found.append((number, receipt))
        except (KeyError, TypeError, ValueError):
            continue
    return found
