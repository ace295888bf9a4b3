"""Metrics are by the minute with the statistic that fits them, and otherwise as the user says."""

from __future__ import annotations

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch

from lifeline.data.session_cache import SessionCache
from lifeline.streaming.edge_stream import EdgeStream
from lifeline.streaming.replicated_log import ReplicatedLog
from tests.unit.constructs.conftest import MakeStack

FIVE = cdk.Duration.minutes(5)


def test_a_published_metric_takes_every_option(make_stack: MakeStack) -> None:
    made = make_stack()
    stream = EdgeStream(made.stack, "Edge", keys=made.keys)
    chosen = stream.metric_iterator_age(
        statistic="p50", period=FIVE, label="age", color="#000000", region="ca-west-1"
    )
    assert (chosen.statistic, chosen.period.to_minutes(), chosen.label) == ("p50", 5, "age")
    assert (chosen.color, chosen.region) == ("#000000", "ca-west-1")
    usual = stream.metric_iterator_age()
    assert (usual.statistic, usual.period.to_minutes()) == ("Maximum", 1)


def test_a_computed_metric_takes_period_and_label_down_to_its_parts(make_stack: MakeStack) -> None:
    made = make_stack()
    cache = SessionCache(made.stack, "Cache", vpc=made.network().vpc, keys=made.keys)
    chosen = cache.metric_engine_cpu(period=FIVE, label="busiest")
    assert isinstance(chosen, cloudwatch.MathExpression)
    assert (chosen.period.to_minutes(), chosen.label) == (5, "busiest")
    parts = list(chosen.using_metrics.values())
    assert len(parts) > 1
    for one in parts:
        assert isinstance(one, cloudwatch.Metric)
        assert one.period.to_minutes() == 5


@pytest.mark.parametrize("name", ["metric_cpu", "metric_disk_used"])
def test_a_query_takes_period_and_label(make_stack: MakeStack, name: str) -> None:
    made = make_stack()
    log = ReplicatedLog(made.stack, "Log", vpc=made.network().vpc, keys=made.keys)
    chosen = getattr(log, name)(period=FIVE, label="log")
    assert (chosen.period.to_minutes(), chosen.label) == (5, "log")
