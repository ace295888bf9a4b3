"""Figures as log lines in CloudWatch's embedded metric format: publishing them calls nothing.

Not with the Powertools' metrics: those add a dimension `service` that no alarm asks for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from lifeline.lambdas.failover.protocol import SERVING_SEEN, TAKEOVER_READY
from lifeline.lambdas.failover.readiness import Readiness

NAMESPACE = "Lifeline"
LAG = "ReplicationLagSeconds"
SECONDS, COUNT, DAYS = "Seconds", "Count", "None"
_TIME, _VALUE = '"the time"', '"the value"'
"""What stands for them in a line's text."""


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
    text = _text(figure.name, figure.unit, figure.store, figure.reason, suffix)
    return text.replace(_TIME, str(int(now * 1000))).replace(_VALUE, repr(round(figure.value, 3)))


@lru_cache(maxsize=64)
def _text(name: str, unit: str, store: str, reason: str, suffix: str) -> str:
    """A figure's line but for its time and its value: the same in each cycle."""
    dimensions = {"Suffix": suffix}
    if store:
        dimensions["Store"] = store
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit}],
    }
    body = {
        "_aws": {"Timestamp": "the time", "CloudWatchMetrics": [directive]},
        **dimensions,
        name: "the value",
        **({"reason": reason} if reason else {}),
    }
    return json.dumps(body, separators=(",", ":"))
