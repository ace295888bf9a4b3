"""What the deployed alarms of each region would have said during one run, from the lines that were told.

A run is shorter than some alarms' evaluation. What was before it counts as well (not breaching), so that no
alarm fires for what nobody saw. A period that the run's end cuts counts only when it breaches already and
can do nothing else any more: a maximum above its limit stays there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.alarm_evaluation import MORE_PERIODS, OPERATORS, Alarm, Samples, State, datapoints, decide

ONLY_GROWS = ("Maximum", "Sum", "SampleCount")


@dataclass(frozen=True)
class AlarmHistory:
    """`changes`: epoch seconds and state; the first is the run's begin. A change is at a period's end,
    when CloudWatch has all of it."""

    name: str
    changes: tuple[tuple[float, State], ...]
    breaching: bool
    """Whether every period that ended in the run breaches: it would fire if that went on."""
    figures: int
    """How many values of its metric were told."""
    needs_seconds: float
    """How long it must breach to fire."""


def histories(
    alarms: Iterable[Alarm], samples: Samples, *, start: float, end: float
) -> list[AlarmHistory]:
    """Of each alarm, between `start` and `end` (epoch seconds)."""
    return [_history(one, samples, start, end) for one in alarms]


def _history(alarm: Alarm, samples: Samples, start: float, end: float) -> AlarmHistory:
    told = [one for one in samples.get(alarm.series, ()) if start <= one[0] <= end]
    breaches = _breaches(alarm, told, start, end)
    first, last = int(start // alarm.period), int(end // alarm.period)
    # Most of the first period may lie before the run: that nothing was told in it says nothing.
    ended = [
        alarm.missing == "breaching" if breaches[one] is None else breaches[one]
        for one in range(first, last)
        if one > first or breaches[one] is not None
    ]
    if breaches.get(first, False) is None:
        breaches[first] = False
    changes = [(start, State.OK)]
    look = alarm.evaluation_periods + MORE_PERIODS
    for over in range(first + 1, last + (2 if last in breaches else 1)):
        state = decide(alarm, [breaches.get(one, False) for one in range(over - look, over)])
        if state is not changes[-1][1]:
            changes.append((float(over * alarm.period), state))
    return AlarmHistory(
        name=alarm.name,
        changes=tuple(changes),
        breaching=bool(ended) and all(ended),
        figures=len(told),
        needs_seconds=float(alarm.period * alarm.datapoints_to_alarm),
    )


def _breaches(
    alarm: Alarm, told: Sequence[tuple[float, float]], start: float, end: float
) -> dict[int, bool | None]:
    """Of each period that ended in the run, and of the last when it is decided; None: nothing was told."""
    above = OPERATORS[alarm.operator]
    points = datapoints(alarm, told)
    first, last = int(start // alarm.period), int(end // alarm.period)
    found: dict[int, bool | None] = {
        one: above(points[one], alarm.threshold) if one in points else None
        for one in range(first, last)
    }
    grows = alarm.statistic in ONLY_GROWS and alarm.operator.startswith("Greater")
    if grows and last in points and above(points[last], alarm.threshold):
        found[last] = True
    return found
