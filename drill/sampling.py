"""Once a second while a drill runs: the lease's epoch, the standby's lag, what the edges got accepted."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from drill.edge_api import Address, EdgeApi
from drill.publisher import EdgePublisher
from drill.receipt import entries_of


@dataclass(frozen=True)
class LagSample:
    """How old the newest proven state of the other region's events is here. None: unknown, not zero."""

    at: float
    born_ms: int | None

    @property
    def lag_seconds(self) -> float | None:
        """Now minus that moment."""
        return None if self.born_ms is None else round(self.at - self.born_ms / 1000.0, 3)


@dataclass(frozen=True)
class RateSample:
    """Cumulative counts of all edges at a moment."""

    at: float
    sent: int
    accepted: int
    resent: int
    unsent: int
    safe: int = 0


def rpo_seconds(samples: Sequence[LagSample], lost_at: float) -> float | None:
    """The moment of loss minus the standby's watermark at that moment; None when it was unknown."""
    before = [one for one in samples if one.at <= lost_at]
    if not before or before[-1].born_ms is None:
        return None
    return round(lost_at - before[-1].born_ms / 1000.0, 3)


class Sampler:
    """Samples until `stop`; one thread for each thing, so that a slow one delays no other."""

    def __init__(
        self,
        *,
        read_lease: Callable[[], dict[str, Any]],
        standby_url: Address,
        origin: str,
        edges: Sequence[EdgePublisher],
        read_decisions: Callable[[], list[dict[str, Any]]],
        read_steps: Callable[[str, int], list[dict[str, Any]]],
        note_calls: Callable[[], None],
        count_stored: Callable[[str], int] | None = None,
    ) -> None:
        self._read_lease = read_lease
        self._standby = EdgeApi(standby_url, timeout_seconds=1.0)
        self._origin = origin
        self._edges = edges
        self._read_decisions = read_decisions
        self._read_steps = read_steps
        self._count_stored = count_stored
        self._ended = threading.Event()
        self.epochs: list[int] = []
        self.epoch_times: list[tuple[int, float]] = []
        self.holder = ""
        self.stored = 0
        self.decisions: list[dict[str, Any]] = []
        self.steps: list[dict[str, Any]] = []
        self.lag: list[LagSample] = []
        self.rates: list[RateSample] = []
        self._threads = [
            threading.Thread(target=self._each_second, args=(look,), daemon=True)
            for look in (
                self._look_at_lease,
                self._look_at_lag,
                self._look_at_edges,
                self._look_at_decisions,
                note_calls,
                *([self._look_at_stored] if count_stored else []),
            )
        ]

    def start(self) -> None:
        """Begin at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the looks under way."""
        self._ended.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def _each_second(self, look: Callable[[], None]) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            # A sample that cannot be had is a gap in a plot, not a failed drill.
            with contextlib.suppress(Exception):
                look()
            self._ended.wait(max(0.05, 1.0 - (time.monotonic() - began)))

    def _look_at_lease(self) -> None:
        item = self._read_lease()
        epoch = int(item["epoch"])
        self.holder = str(item.get("holder", ""))
        if not self.epochs or self.epochs[-1] != epoch:
            self.epochs.append(epoch)
            self.epoch_times.append((epoch, time.time()))

    def _look_at_decisions(self) -> None:
        self.decisions = self._read_decisions()
        if len(self.epochs) > 1:
            self.steps = self._read_steps(self.holder, self.epochs[-1])

    def _look_at_stored(self) -> None:
        if self._count_stored is not None and self.holder:
            self.stored = self._count_stored(self.holder)

    def _look_at_lag(self) -> None:
        answer = self._standby.watermark()
        at = time.time()
        born = [one.born_ms for one in entries_of(answer.body) if one.region == self._origin]
        self.lag.append(LagSample(at, min(born) if answer.status == 200 and born else None))

    def _look_at_edges(self) -> None:
        counts = [edge.counts for edge in self._edges]
        self.rates.append(
            RateSample(
                at=time.time(),
                sent=sum(one.sent for one in counts),
                accepted=sum(one.accepted for one in counts),
                resent=sum(one.resent for one in counts),
                unsent=sum(edge.unsent for edge in self._edges),
                safe=sum(one.safe for one in counts),
            )
        )
