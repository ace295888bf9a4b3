"""What `/health` says, from background checks only: a request never waits for anything (A11).

A check that has not succeeded lately is not ok: silence is never health.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.services.shared.log_lines import say
from lifeline.services.shared.serving_guard import AuthorityRow, Permission

FRESH_SECONDS = 5.0


@dataclass
class Check:
    """The newest good answer of one background check, and when it was asked for."""

    value: Any = None
    at: float = float("-inf")

    def fresh(self, now: float) -> bool:
        """Whether the newest good answer is young enough to speak for the present."""
        return now - self.at < FRESH_SECONDS


class RegionHealth:
    """Written by the checking threads, read by requests; single assignments need no lock."""

    def __init__(self, region: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self._region, self._clock = region, clock
        self.ingest = Check()
        self.database = Check()
        self.traffic = Check(value=0)

    def answer(self) -> tuple[int, dict[str, Any]]:
        """HTTP status and body of `/health`.

        Not 200 while the guard refuses although the row names this region: it stopped itself, and whoever may
        take over must see that (A18). `ingest` says apart from it whether events are accepted.
        """
        now = self._clock.monotonic()
        ingest, database = self.ingest.fresh(now), self.database.fresh(now)
        row, permission = self.authority()
        body = {
            "region": self._region,
            "ingest": ingest,
            "database": database,
            "serving": permission is not None and permission.may_serve,
            "epoch": row.epoch if row is not None else 0,
            "traffic_epoch": int(self.traffic.value),
        }
        stopped = row is not None and row.holder == self._region and not body["serving"]
        return (200 if ingest and database and not stopped else 503), body

    def has_traffic(self) -> bool:
        """Whether traffic belongs here: it serves, and the plan of this epoch turned its switch on."""
        row, permission = self.authority()
        if row is None or permission is None or not permission.may_serve:
            return False
        return int(self.traffic.value) >= max(1, row.epoch)

    def serving_epoch(self) -> int | None:
        """The epoch at which this region serves, by the newest look; None while it does not (A1)."""
        row, permission = self.authority()
        if row is None or permission is None or not permission.may_serve:
            return None
        return row.epoch

    def authority(self) -> tuple[AuthorityRow | None, Permission | None]:
        """The row last read and what it permits; nothing when it is not fresh."""
        check = self.database
        if check.value is None or not check.fresh(self._clock.monotonic()):
            return None, None
        row, permission = check.value
        return row, permission


def keep_checking(
    check: Check,
    ask: Callable[[], Any],
    every_seconds: float,
    stopping: threading.Event,
    name: str,
    clock: Clock = SYSTEM_CLOCK,
) -> None:
    """A thread's loop: a good answer replaces the last one, a failure lets it grow old."""
    failing = False
    while not stopping.is_set():
        asked_at = clock.monotonic()
        try:
            check.value = ask()
            check.at = asked_at
            if failing:
                say("check works again", check=name)
            failing = False
        except Exception as error:
            if not failing:
                say("check fails", check=name, error=type(error).__name__)
            failing = True
        clock.wait(stopping, asked_at + every_seconds - clock.monotonic())
