"""An alarm over a run shorter than its evaluation: it fires for what was seen, and for nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.alarm_evaluation import Alarm, Series, State
from lab.alarm_histories import AlarmHistory, histories

MINUTE = 1_795_248_000.0
"""A whole one."""
SERIES = Series("Lifeline", "M", frozenset())
BAD, FINE = 40.0, 1.0


def history(values: Mapping[int, float], end: float, **changes: Any) -> AlarmHistory:
    """Of an alarm of 2 out of 3; moments in seconds from a whole minute, the run begins at 20."""
    given = {"missing": "breaching", "statistic": "Maximum", "operator": "GreaterThanThreshold"}
    given |= changes
    alarm = Alarm(
        "it",
        SERIES,
        period=60,
        evaluation_periods=3,
        datapoints_to_alarm=2,
        threshold=30.0,
        **given,
    )
    samples = {SERIES: [(MINUTE + at, value) for at, value in values.items()]}
    (found,) = histories([alarm], samples, start=MINUTE + 20, end=MINUTE + end)
    return found


def states(found: AlarmHistory) -> list[tuple[float, State]]:
    return [(at - MINUTE, state) for at, state in found.changes]


def test_it_fires_at_the_end_of_the_second_minute_and_recovers() -> None:
    told = {30: FINE, 70: BAD, 130: BAD, 190: FINE, 250: FINE}
    assert states(history(told, end=301)) == [
        (20, State.OK), (180, State.ALARM), (300, State.OK),
    ]  # fmt: skip


def test_a_minute_that_the_end_cuts_counts_only_when_nothing_can_change_it() -> None:
    told = {30: FINE, 70: BAD, 130: BAD}
    assert states(history(told, end=135))[-1] == (180, State.ALARM)
    # A minimum, or an average, may still come down.
    for statistic in ("Minimum", "Average"):
        assert states(history(told, end=135, statistic=statistic)) == [(20, State.OK)]
    below = {30: BAD, 70: FINE, 130: FINE}
    assert states(history(below, end=135, operator="LessThanThreshold")) == [(20, State.OK)]


def test_what_was_before_the_run_does_not_fire_it() -> None:
    assert states(history({-60: BAD, 10: BAD, 30: BAD, 70: FINE}, end=121)) == [(20, State.OK)]
    assert history({10: BAD}, end=121).figures == 0


def test_silence_is_told_by_the_treatment_of_missing_data() -> None:
    told = {30: FINE}
    assert states(history(told, end=301))[-1][1] is State.ALARM
    assert states(history(told, end=301, missing="notBreaching")) == [(20, State.OK)]


def test_it_is_about_to_fire_when_every_period_breached() -> None:
    assert history({30: BAD, 70: BAD}, end=125).breaching
    assert history({70: BAD}, end=125).breaching
    assert not history({30: FINE, 70: BAD}, end=125).breaching
    assert not history({30: BAD}, end=50).breaching
