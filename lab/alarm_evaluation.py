"""The deployed templates' alarms over the metrics that functions really told: what CloudWatch would say.

The emulator keeps alarms and never evaluates them. This does, minute by minute, by the rules of "Configuring
how CloudWatch alarms treat missing data" and "Evaluating an alarm" (Amazon CloudWatch User Guide, "Using
Amazon CloudWatch alarms"; the tables of its example are in the test):
an alarm of M out of N looks at more than N periods; when N or more of them have data, the newest N of these
decide and missing ones do not count; otherwise what is missing fills up to N, as `TreatMissingData` says.
How many more periods it looks at is not documented; the guide's examples show two more.

Metrics are read from lines in embedded metric format; their namespace is `Lifeline`. AWS's own (`AWS/…`,
`ECS/ContainerInsights`) are not told in an emulator, and it runs no metric filters over logs: such alarms
are listed as not provable here, and so are metric math and the treatments `missing` and `ignore`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MORE_PERIODS = 2
TOLD_NAMESPACE = "Lifeline"
FILTERED_NAMESPACE = "Lifeline/"
AWS_OWN = "It stands on AWS's own figures, which no emulator tells."
MATH = "It is metric math over AWS's own figures, which no emulator tells."
FILTERED = "Its figures come from a metric filter over log lines, which the emulator does not run."
UNJUDGED = "Its statistic or its treatment of missing data is not judged here."
OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, limit: value > limit,
    "GreaterThanOrEqualToThreshold": lambda value, limit: value >= limit,
    "LessThanThreshold": lambda value, limit: value < limit,
    "LessThanOrEqualToThreshold": lambda value, limit: value <= limit,
}
STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Maximum": max,
    "Minimum": min,
    "Sum": sum,
    "SampleCount": len,
    "Average": lambda values: sum(values) / len(values),
}

Dimensions = frozenset[tuple[str, str]]


class State(StrEnum):
    """CloudWatch's words; the third, INSUFFICIENT_DATA, is of the treatments that are left out."""

    OK = "OK"
    ALARM = "ALARM"


@dataclass(frozen=True)
class Series:
    """One metric: all that an alarm names it by."""

    namespace: str
    name: str
    dimensions: Dimensions


@dataclass(frozen=True)
class Alarm:
    """An alarm of one metric, as a template has it."""

    name: str
    series: Series
    statistic: str
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    operator: str
    threshold: float
    missing: str
    """`breaching` or `notBreaching`."""


Samples = Mapping[Series, Sequence[tuple[float, float]]]
"""(epoch seconds, value), of each metric."""


def alarms_of(template: Mapping[str, Any]) -> tuple[list[Alarm], dict[str, str]]:
    """The alarms that can be evaluated, and why others cannot, by name."""
    able, unable = [], {}
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::CloudWatch::Alarm":
            continue
        said = resource["Properties"]
        if reason := _not_provable(said):
            unable[str(said["AlarmName"])] = reason
            continue
        able.append(alarm_over(said, series_of(said), said["Statistic"], int(said["Period"])))
    return able, unable


def series_of(metric: Mapping[str, Any]) -> Series:
    """From a template's namespace, name and dimensions."""
    dimensions = frozenset((one["Name"], str(one["Value"])) for one in metric.get("Dimensions", []))
    return Series(metric["Namespace"], metric["MetricName"], dimensions)


def alarm_over(said: Mapping[str, Any], series: Series, statistic: str, period: int) -> Alarm:
    """An alarm with the limits of a template's properties."""
    periods = int(said["EvaluationPeriods"])
    return Alarm(
        name=said["AlarmName"],
        series=series,
        statistic=statistic,
        period=period,
        evaluation_periods=periods,
        datapoints_to_alarm=int(said.get("DatapointsToAlarm", periods)),
        operator=said["ComparisonOperator"],
        threshold=float(said["Threshold"]),
        missing=said["TreatMissingData"],
    )


def _not_provable(said: Mapping[str, Any]) -> str:
    """Why an alarm cannot be evaluated here; empty when it can."""
    namespace = said.get("Namespace", "")
    if not namespace:
        return MATH
    if namespace.startswith(FILTERED_NAMESPACE):
        return FILTERED
    if namespace != TOLD_NAMESPACE:
        return AWS_OWN
    known = said.get("Statistic") in STATISTICS
    if not known or said.get("TreatMissingData") not in ("breaching", "notBreaching"):
        return UNJUDGED
    return ""


def told(lines: Iterable[str]) -> dict[Series, list[tuple[float, float]]]:
    """The figures in log lines of embedded metric format; other lines are passed over."""
    found: dict[Series, list[tuple[float, float]]] = defaultdict(list)
    for line in lines:
        if '"_aws"' not in line:
            continue
        try:
            body = json.loads(line)
        except ValueError:
            continue
        at = body["_aws"]["Timestamp"] / 1000
        for directive in body["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = frozenset((name, str(body[name])) for name in names)
                for metric in directive["Metrics"]:
                    series = Series(directive["Namespace"], metric["Name"], dimensions)
                    found[series].append((at, float(body[metric["Name"]])))
    return found


def history(
    alarm: Alarm, samples: Samples, *, start: float, end: float
) -> list[tuple[float, State]]:
    """The state after each whole period between `start` and `end`, which are epoch seconds.

    Nothing is known of before `start`: the first state is told once all that is looked at lies behind it.
    """
    points = datapoints(alarm, samples.get(alarm.series, ()))
    look = alarm.evaluation_periods + MORE_PERIODS
    first = int(start // alarm.period) + 1
    return [
        (
            float(period * alarm.period),
            evaluate(alarm, [points.get(one) for one in range(period - look, period)]),
        )
        for period in range(first + look, int(end // alarm.period) + 1)
    ]


def evaluate(alarm: Alarm, newest_last: Sequence[float | None]) -> State:
    """The state from the datapoints of the periods that are looked at; None is missing."""
    breaches = OPERATORS[alarm.operator]
    return decide(
        alarm, [None if one is None else breaches(one, alarm.threshold) for one in newest_last]
    )


def decide(alarm: Alarm, newest_last: Sequence[bool | None]) -> State:
    """The state from whether each period breaches; None is missing."""
    breaching = [one for one in newest_last if one is not None]
    lacking = alarm.evaluation_periods - len(breaching)
    if lacking > 0:
        breaching += [alarm.missing == "breaching"] * lacking
    else:
        breaching = breaching[-alarm.evaluation_periods :]
    return State.ALARM if sum(breaching) >= alarm.datapoints_to_alarm else State.OK


def datapoints(alarm: Alarm, samples: Sequence[tuple[float, float]]) -> dict[int, float]:
    """By the number of the period since 1970."""
    values: dict[int, list[float]] = defaultdict(list)
    for at, value in samples:
        values[int(at // alarm.period)].append(value)
    return {period: float(STATISTICS[alarm.statistic](one)) for period, one in values.items()}
