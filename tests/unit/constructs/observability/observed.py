"""A region's measured constructs with hand-made metrics, for tests of alarms and dashboards."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from lifeline.observability.lifeline_metrics import LogLineMetrics
from lifeline.observability.path_metrics import PathMetrics
from lifeline.observability.store_alarms import StoreMetrics
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


def metrics_of(scope: Construct, site: Site) -> tuple[PathMetrics, StoreMetrics]:
    """Of one region."""
    it: Any = Measured()
    lines = LogLineMetrics(scope, "Lines", site=site)
    path = PathMetrics.of(api=it, stream=it, log=it, services=it, lines=lines)
    return path, StoreMetrics.of(database=it, cache=it, files=it, backups=it, buckets=it)
