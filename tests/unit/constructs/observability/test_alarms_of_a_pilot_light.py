"""A service that rests in the standby pages nobody there, and everybody where traffic is."""

from __future__ import annotations

from lifeline.observability.metric_specs import MathSpec
from lifeline.observability.path_alarms import apply_alarms
from lifeline.observability.thresholds import LogThresholds, PathThresholds
from lifeline.strategy import Strategy
from tests.unit.constructs.conftest import MakeStack
from tests.unit.constructs.observability.observed import metrics_of


def test_tasks_are_missed_where_traffic_is(make_stack: MakeStack) -> None:
    made = make_stack()
    path, _stores = metrics_of(made.stack, made.site)
    specs = {
        one.name: one
        for one in apply_alarms(path, LogThresholds(), PathThresholds(), Strategy.PILOT_LIGHT)
    }
    for name in ("event-applier", "query-api"):
        metric = specs[f"services-{name}"].metric
        assert isinstance(metric, MathSpec)
        assert metric.expression == "IF(here > 0, FILL(running, 0), 1)"
        assert metric.using_metrics["here"] == path.traffic_here
        assert metric.using_metrics["running"] == path.running_tasks[name]
        assert specs[f"services-{name}"].not_breaching_because is None
    assert specs["services-watermark"].metric == path.watermark_tasks


def test_a_warm_standbys_tasks_are_missed_in_both_regions(make_stack: MakeStack) -> None:
    made = make_stack()
    path, _stores = metrics_of(made.stack, made.site)
    specs = {
        one.name: one
        for one in apply_alarms(path, LogThresholds(), PathThresholds(), Strategy.WARM_STANDBY)
    }
    assert specs["services-query-api"].metric == path.running_tasks["query-api"]
    assert "services-watermark" not in specs
