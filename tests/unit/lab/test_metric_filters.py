"""Metric filters over log lines: what matches counts, what does not is the default, the rest is refused."""

from __future__ import annotations

from typing import Any

import pytest

from lab.alarm_evaluation import Series
from lab.metric_filters import counted, filters_of

SERIES = Series("Lifeline/test", "Refused", frozenset())


def template(pattern: str, **how: Any) -> dict[str, Any]:
    transformation = {"MetricNamespace": "Lifeline/test", "MetricName": "Refused", **how}
    said = {
        "LogGroupName": "/a/group",
        "FilterPattern": pattern,
        "MetricTransformations": [transformation],
    }
    return {"Resources": {"One": {"Type": "AWS::Logs::MetricFilter", "Properties": said}}}


LINES = [
    (1.0, '{"message": "refused", "records": 3}'),
    (2.0, '{"message": "bridged"}'),
    (3.0, "START RequestId: 1"),
    (4.0, '{"message": "refused"}'),
    (5.0, '["refused"]'),
]


@pytest.mark.parametrize(
    ("how", "figures"),
    [
        ({"MetricValue": "1"}, [(1.0, 1.0), (4.0, 1.0)]),
        ({"MetricValue": "$.records"}, [(1.0, 3.0)]),
        (
            {"MetricValue": "$.records", "DefaultValue": 0},
            [(1.0, 3.0), (2.0, 0.0), (3.0, 0.0), (5.0, 0.0)],
        ),
    ],
)
def test_what_a_filter_counts(how: dict[str, Any], figures: list[tuple[float, float]]) -> None:
    (one,) = filters_of(template('{ $.message = "refused" }', **how))
    assert one.log_group == "/a/group"
    assert counted(one, LINES) == {SERIES: figures}


@pytest.mark.parametrize(
    "pattern", ["", "ERROR", '{ $.message = "a" && $.b = "c" }', "{ $.n > 1 }"]
)
def test_another_pattern_is_refused_in_words(pattern: str) -> None:
    with pytest.raises(ValueError, match="is not known here; allowed is"):
        filters_of(template(pattern, MetricValue="1"))
