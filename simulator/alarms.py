"""The alarms of each place that tell of authority, as CloudWatch would (A19, A22).

Source: CloudWatch User Guide, "Using Amazon CloudWatch alarms": so many one-minute periods in a row, the
largest value of each; `constructs/lifeline/observability/failover_alarms.py` sets them so, and a test
compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lifeline.lambdas.failover.protocol import SERVING_SEEN, TAKEOVER_READY

PERIOD_SECONDS = 60.0


@dataclass(frozen=True)
class Rule:
    """Fires when the metric's largest value is below 1 for `periods` minutes in a row."""

    name: str
    metric: str
    periods: int
    silence_breaches: bool


RULES = (
    Rule("takeover-not-ready", TAKEOVER_READY, 3, silence_breaches=True),
    Rule("nobody-serves", SERVING_SEEN, 2, silence_breaches=False),
)


class PlaceAlarm:
    """One alarm of one place; `tell` is called with its name when it goes from OK to ALARM."""

    def __init__(self, rule: Rule, tell: Callable[[str], None]) -> None:
        self._rule, self._tell = rule, tell
        self._largest: float | None = None
        self._breaching = 0

    def line(self, body: Mapping[str, Any]) -> None:
        """A metric line of a function; other metrics are passed over."""
        if self._rule.metric in body:
            value = float(body[self._rule.metric])
            self._largest = value if self._largest is None else max(self._largest, value)

    def period_ends(self) -> None:
        """A minute is over: judge it."""
        largest, self._largest = self._largest, None
        fine = not self._rule.silence_breaches if largest is None else largest >= 1.0
        self._breaching = 0 if fine else self._breaching + 1
        if self._breaching == self._rule.periods:
            self._tell(self._rule.name)
