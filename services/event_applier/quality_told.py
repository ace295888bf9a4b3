"""How many vital signs came, and how many were flagged, as metrics: the rates of data quality."""

from __future__ import annotations

from lifeline.lambdas.failover.clock import Clock
from lifeline.services.event_applier.store import Applied
from lifeline.services.shared.metric_lines import say_metric

EVERY_SECONDS = 60.0


class QualityTold:
    """Counts between two tellings. An event that comes again is counted again: the rates stay the same."""

    def __init__(self, suffix: str, clock: Clock) -> None:
        self._suffix, self._clock = suffix, clock
        self._counts = self._none()
        self._told_at = clock.monotonic()

    def count(self, done: Applied) -> None:
        """What one transaction met."""
        self._counts["VitalSigns"] += done.vital_signs
        self._counts["IncompleteVitalSigns"] += done.incomplete
        self._counts["ImplausibleVitalSigns"] += done.implausible

    def tell(self) -> None:
        """If it is time, and there is something to tell of: a rate of nothing is none."""
        if self._clock.monotonic() - self._told_at < EVERY_SECONDS:
            return
        self._told_at = self._clock.monotonic()
        if self._counts["VitalSigns"]:
            for name, count in self._counts.items():
                say_metric(name, count, self._suffix)
        self._counts = self._none()

    @staticmethod
    def _none() -> dict[str, int]:
        return dict.fromkeys(("VitalSigns", "IncompleteVitalSigns", "ImplausibleVitalSigns"), 0)
