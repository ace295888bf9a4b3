"""Figures as log lines in CloudWatch's embedded metric format: publishing them calls nothing.

Not with the Powertools' metrics: those add a dimension `service` that no alarm asks for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from lifeline.lambdas.failover.protocol import SERVING_SEEN, TAKEOVER_READY
from lifeline.lambdas.failover.readiness import Readiness

NAMESPACE = "Lifeline"
LAG = "ReplicationLagSeconds"
SECONDS, COUNT, DAYS = "Seconds", "Count", "None"
_encoded = json.JSONEncoder(separators=(",", ":")).encode
"""`json.dumps` would make an encoder anew for each line."""


class Figure(NamedTuple):
    """One measured value. `store` is a dimension of lags only; `reason` is told beside it, no dimension."""

    name: str
    value: float
    unit: str
    store: str = ""
    reason: str = ""


def lag(store: str, seconds: float) -> Figure:
    """`ReplicationLagSeconds{Store}`. Clocks of two machines differ: a negative age is none."""
    return Figure(LAG, max(0.0, seconds), SECONDS, store)


def takeover_ready(said: Readiness) -> Figure:
    """`TakeoverReady`: 1, or 0 with the reason (A19)."""
    return Figure(TAKEOVER_READY, float(said.ready), COUNT, reason=said.reason)


def serving_seen(seen: bool | None) -> list[Figure]:
    """`ServingSeen`: 1 or 0 (A22). No opinion is no figure."""
    return [] if seen is None else [Figure(SERVING_SEEN, float(seen), COUNT)]


def log_lines(figures: Iterable[Figure], *, suffix: str, now: float) -> list[str]:
    """A line a figure; `now` in epoch seconds."""
    return [_line(one, suffix, now) for one in figures]


def _line(figure: Figure, suffix: str, now: float) -> str:
    dimensions = {"Suffix": suffix}
    if figure.store:
        dimensions["Store"] = figure.store
    metric = {"Name": figure.name, "Unit": figure.unit}
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [metric],
    }
    return _encoded(
        {
            "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]},
            **dimensions,
            figure.name: round(figure.value, 3),
            **({"reason": figure.reason} if figure.reason else {}),
        }
    )
