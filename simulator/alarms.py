"""The alarm `takeover-not-ready` of each place, as CloudWatch would tell it (A19).

Source: CloudWatch User Guide, "Using Amazon CloudWatch alarms": three of three one-minute periods, the
largest value of each, missing data breaching; `constructs/lifeline/observability/failover_alarms.py`
sets it so.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from lifeline.lambdas.failover.protocol import TAKEOVER_READY

PERIOD_SECONDS, PERIODS = 60.0, 3


class ReadinessAlarm:
    """One place's; `tell` is called when it goes from OK to ALARM."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._largest: float | None = None
        self._breaching = 0

    def line(self, text: str) -> None:
        """A log line of a function: embedded metrics are read, anything else is passed over."""
        body = json.loads(text)
        if TAKEOVER_READY in body:
            value = float(body[TAKEOVER_READY])
            self._largest = value if self._largest is None else max(self._largest, value)

    def period_ends(self) -> None:
        """A minute is over: judge it."""
        ready = self._largest is not None and self._largest >= 1.0
        self._largest = None
        self._breaching = 0 if ready else self._breaching + 1
        if self._breaching == PERIODS:
            self._tell()
