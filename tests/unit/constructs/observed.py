"""A region's measured constructs with hand-made metrics, for tests of alarms and dashboards."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from lifeline.observability.alarms import Rule
from lifeline.observability.failover_alarms import recovery_rules
from lifeline.observability.lifeline_metrics import LogLineMetrics
from lifeline.observability.path_alarms import apply_rules, ingest_rules, log_rules
from lifeline.observability.path_figures import PathFigures
from lifeline.observability.store_alarms import StoreFigures, store_rules
from lifeline.observability.thresholds import (
    LagThresholds,
    LogThresholds,
    PathThresholds,
    RecoveryThresholds,
    StoreThresholds,
)
from lifeline.site import Site


class Measured:
    """Answers every `metric_*` with a metric named after it; `metric_memory` with math, as the cache does."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("metric_"):
            raise AttributeError(name)

        def metric(*of: str) -> cloudwatch.IMetric:
            made = cloudwatch.Metric(
                namespace="Test",
                metric_name="-".join((name.removeprefix("metric_"), *of)),
                dimensions_map={"Name": "it"},
                statistic="p95" if name.endswith("p95") else "Maximum",
            )
            if name != "metric_memory":
                return made
            return cloudwatch.MathExpression(expression="MAX([a])", using_metrics={"a": made})

        return metric


def figures(scope: Construct, site: Site) -> tuple[PathFigures, StoreFigures]:
    """Of one region."""
    it: Any = Measured()
    lines = LogLineMetrics(scope, "Lines", site=site)
    path = PathFigures.of(api=it, stream=it, log=it, services=it, lines=lines)
    return path, StoreFigures.of(database=it, cache=it, files=it, backups=it)


def rules(site: Site, path: PathFigures, stores: StoreFigures) -> list[Rule]:
    """All of a region's, as the Observability stack has them."""
    settings = site.settings
    lag = LagThresholds.of(settings)
    return [
        *ingest_rules(path, PathThresholds(), settings.tier),
        *log_rules(path, LogThresholds()),
        *apply_rules(path, LogThresholds(), PathThresholds()),
        *store_rules(stores, StoreThresholds.of(settings.capacity), lag, settings.tier),
        *recovery_rules(site, lag, RecoveryThresholds.of(settings)),
    ]
