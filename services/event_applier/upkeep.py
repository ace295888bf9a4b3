"""What has time: old days of `event`, and rows that answer nothing any more, once an hour.

It runs beside the applying: neither a slow archive's table nor a lock that is waited for delays an event. It
has a thread and a connection of its own, and begins a minute after the first event was applied.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from lifeline.lambdas.failover.clock import Clock
from lifeline.services.event_applier.event_sources import is_there
from lifeline.services.event_applier.old_partitions import OldPartitions
from lifeline.services.shared.database import Connection
from lifeline.services.shared.log_lines import say
from lifeline.services.shared.metric_lines import say_metric

FIRST_SECONDS = 60.0
EVERY_SECONDS = 3_600.0
TELL_SECONDS = 15.0
MOST_PARTS = 1_000
"""Of 10,000 rows, an hour: 240 million a day, more than all the values of a day that the plan is for."""


class Upkeep:
    """`connected` opens a connection; `applies` says whether this task applies events right now."""

    def __init__(
        self,
        connected: Callable[[], Connection],
        applies: Callable[[], bool],
        old: OldPartitions,
        suffix: str,
        clock: Clock,
    ) -> None:
        self._connected, self._applies, self._old = connected, applies, old
        self._suffix, self._clock = suffix, clock
        self._due: float | None = None

    def run(self, stopping: threading.Event) -> None:
        """Until stopping. Nothing that fails ends it."""
        while not stopping.is_set():
            self.turn()
            self._clock.wait(stopping, TELL_SECONDS)

    def turn(self) -> None:
        """One look at the time. A task that does not apply does nothing, and begins anew when it does."""
        if not self._applies():
            self._due = None
            return
        now = self._clock.monotonic()
        if self._due is None:
            self._due = now + FIRST_SECONDS
        if now >= self._due:
            self._due = now + EVERY_SECONDS
            self._keep_up()
        if self._old.overdue is not None:
            say_metric("OldPartitions", self._old.overdue, self._suffix)
        if self._old.in_default is not None:
            say_metric("DefaultPartitionEvents", self._old.in_default, self._suffix)

    def _keep_up(self) -> None:
        try:
            with self._connected() as connection:
                self._old.keep_up(connection)
                if is_there(connection):
                    self._forget(connection)
        except Exception as error:  # whatever it is: a thread that ends is never replaced
            say("not kept up", function="old partitions", error=type(error).__name__)

    def _forget(self, connection: Connection) -> None:
        """All that is old, a transaction for each part; what a task has no time for is the next one's."""
        for _ in range(MOST_PARTS):
            row = connection.execute("SELECT forget_old_rows()").fetchone()
            if not row or not row[0]:
                return
        say("rows that answer nothing any more are left", parts=MOST_PARTS)
