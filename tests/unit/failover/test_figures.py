"""A figure as a line in CloudWatch's embedded metric format (A19, A22)."""

from __future__ import annotations

import json

from lifeline.lambdas.failover.figures import Figure, lag, log_lines, serving_seen, takeover_ready
from lifeline.lambdas.failover.readiness import Readiness


def test_a_figure_is_a_line_with_its_dimensions_and_its_moment() -> None:
    (line,) = log_lines([lag("log", 1.23456)], suffix="dev", now=1_700_000_000.5)
    assert json.loads(line) == {
        "_aws": {
            "Timestamp": 1_700_000_000_500,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Lifeline",
                    "Dimensions": [["Suffix", "Store"]],
                    "Metrics": [{"Name": "ReplicationLagSeconds", "Unit": "Seconds"}],
                }
            ],
        },
        "Suffix": "dev",
        "Store": "log",
        "ReplicationLagSeconds": 1.235,
    }
    assert " " not in line


def test_a_reason_stands_beside_the_value_and_is_no_dimension() -> None:
    (line,) = log_lines([takeover_ready(Readiness(False, "paused", {}))], suffix="dev", now=1.0)
    body = json.loads(line)
    assert (body["TakeoverReady"], body["reason"]) == (0.0, "paused")
    assert body["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Suffix"]]
    assert "reason" not in json.loads(log_lines(serving_seen(True), suffix="dev", now=1.0)[0])


def test_no_opinion_is_no_figure_and_a_negative_age_is_none() -> None:
    assert serving_seen(None) == []
    assert serving_seen(True) == [Figure("ServingSeen", 1.0, "Count")]
    assert serving_seen(False) == [Figure("ServingSeen", 0.0, "Count")]
    assert lag("log", -3.0).value == 0.0
