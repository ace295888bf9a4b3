"""Looks at one region once a second: is it there, and what does its log hold of the other's events?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from drill.edge_api import Address, Answer, EdgeApi
from drill.receipt import SafeUpTo, entries_of

EVERY_SECONDS = 1.0
STALE_AFTER_SECONDS = 2.5
"""An answer older than this says nothing about now: a monitor stuck in a hung call counts as no answer."""


class RegionMonitor(threading.Thread):
    """One thread for a region, so that a hung region delays nobody's view of the other."""

    def __init__(
        self,
        region: str,
        address: Address,
        on_watermark: Callable[[str, list[SafeUpTo]], None],
        *,
        timeout_seconds: float = 1.0,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        super().__init__(name=f"monitor-{region}", daemon=True)
        self._region = region
        self._api = EdgeApi(address, timeout_seconds=timeout_seconds)
        self._on_watermark = on_watermark
        self._every_seconds = every_seconds
        self._ended = threading.Event()
        self._newest: tuple[float, Answer] = (0.0, Answer(0, {}, "not asked yet"))

    @property
    def health(self) -> Answer:
        """The newest answer of `/health`, or no answer when it is too old to mean anything."""
        at, answer = self._newest
        if time.monotonic() - at > STALE_AFTER_SECONDS:
            return Answer(0, {}, f"no fresh answer: {answer.detail or answer.status}")
        return answer

    def run(self) -> None:
        """Ask until `end` is called."""
        while not self._ended.is_set():
            began = time.monotonic()
            answer = self._api.health()
            self._newest = (time.monotonic(), answer)
            if answer.status:
                watermark = self._api.watermark()
                if watermark.status == 200:
                    self._on_watermark(self._region, entries_of(watermark.body))
            self._ended.wait(max(0.05, self._every_seconds - (time.monotonic() - began)))
        self._api.close()

    def end(self) -> None:
        """Stop after the call under way."""
        self._ended.set()
