"""Arithmetic of metrics, period by period: without data there is no result; all else is refused."""

from __future__ import annotations

from typing import Any

import pytest

from lab.alarm_evaluation import Series, State, history
from lab.alarm_math import over_math

BAD, CAME = Series("L", "Bad", frozenset()), Series("K", "Came", frozenset({("Stream", "s")}))


def alarm(expression: str) -> dict[str, Any]:
    def stat(key: str, series: Series) -> dict[str, Any]:
        dimensions = [{"Name": name, "Value": value} for name, value in series.dimensions]
        metric = {
            "Namespace": series.namespace,
            "MetricName": series.name,
            "Dimensions": dimensions,
        }
        return {"Id": key, "MetricStat": {"Metric": metric, "Stat": "Sum", "Period": 60}}

    return {
        "AlarmName": "share",
        "Metrics": [stat("bad", BAD), stat("came", CAME), {"Id": "r", "Expression": expression}],
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 1.0,
        "TreatMissingData": "notBreaching",
    }


def test_a_share_is_computed_where_both_have_data() -> None:
    bad = [(5.0, 1.0), (65.0, 1.0), (66.0, 1.0), (125.0, 9.0), (185.0, 4.0)]
    came = [(1.0, 100.0), (61.0, 50.0), (121.0, 0.0), (241.0, 7.0)]
    made, figures = over_math(alarm("100 * bad / came"), {BAD: bad, CAME: came})
    assert figures == {made.series: [(0.0, 1.0), (60.0, 4.0)]}
    states = dict(history(made, figures, start=-240.0, end=240.0))
    assert (states[60.0], states[120.0]) == (State.OK, State.ALARM)


@pytest.mark.parametrize("expression", ["SUM(METRICS())", "bad > came", "bad / other", "bad ** 2"])
def test_what_is_no_arithmetic_is_refused_in_words(expression: str) -> None:
    with pytest.raises(ValueError, match=r"Cannot evaluate .*; allowed are numbers, \+ - \* /"):
        over_math(alarm(expression), {BAD: [(1.0, 1.0)], CAME: [(1.0, 1.0)]})
