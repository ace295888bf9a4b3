"""The metric layer: one CloudWatch metric, or metric math over several, as plain values.

Constructs publish `cloudwatch.Metric`; alarms and dashboards take them apart once, here, as reading a
`Metric` through jsii costs a millisecond each time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import aws_cloudwatch as cloudwatch

ID = re.compile(r"\b[a-z][A-Za-z0-9_]*\b")
SERVICE_STATISTICS = ("Average", "Maximum", "Minimum", "Sum", "SampleCount")


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """One metric of one region. `dimensions` are those it is published with, no more and no fewer."""

    namespace: str
    metric_name: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    statistic: str = "Maximum"
    """`Average`, `Maximum`, `Minimum`, `Sum`, `SampleCount`, or a percentile such as `p95`."""

    @classmethod
    def of(cls, metric: cloudwatch.Metric) -> MetricSpec:
        """What a construct's `metric_*` method returned; `metric_spec` takes math as well."""
        return cls(
            namespace=metric.namespace,
            metric_name=metric.metric_name,
            dimensions=dict(metric.dimensions or {}),
            statistic=metric.statistic,
        )

    @property
    def is_percentile(self) -> bool:
        """Whether CloudWatch calls the statistic an extended one."""
        return self.statistic not in SERVICE_STATISTICS


@dataclass(frozen=True, kw_only=True)
class MathSpec:
    """Metric math over `using_metrics` by id, e.g. `100 * bad / all`. Ids begin with a lower-case letter.

    A query (`SELECT …`) finds its metrics itself; it may be a part of an expression, under an id.
    """

    expression: str
    using_metrics: Mapping[str, MetricSpec | MathSpec] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wrong = [one for one in self.using_metrics if not (one.isidentifier() and one[0].islower())]
        if wrong or not (self.using_metrics or self.is_query):
            raise ValueError(
                f"Bad ids {wrong or 'none'} in the expression {self.expression!r}; allowed is at least one "
                "identifier that begins with a lower-case letter."
            )

    @property
    def is_query(self) -> bool:
        """Whether CloudWatch finds the metrics each time it evaluates."""
        return self.expression.startswith("SELECT ")

    def with_ids(self, renamed: Mapping[str, str]) -> MathSpec:
        """The same with other ids, for a graph that shows several expressions."""
        text = ID.sub(lambda found: renamed.get(found[0], found[0]), self.expression)
        text = text.replace(
            "METRICS()", f"[{', '.join(renamed[one] for one in self.using_metrics)}]"
        )
        return MathSpec(
            expression=text,
            using_metrics={renamed[key]: one for key, one in self.using_metrics.items()},
        )


AnyMetricSpec = MetricSpec | MathSpec


def metric_spec(metric: cloudwatch.IMetric) -> AnyMetricSpec:
    """What a construct's `metric_*` method returned, be it one metric or math over some."""
    if isinstance(metric, cloudwatch.MathExpression):
        used = {key: metric_spec(one) for key, one in (metric.using_metrics or {}).items()}
        return _flat(metric.expression, used)
    if isinstance(metric, cloudwatch.Metric):
        return MetricSpec.of(metric)
    raise ValueError(
        f"Cannot read a metric of {type(metric).__name__}; allowed are Metric and math."
    )


def _flat(text: str, used: Mapping[str, AnyMetricSpec]) -> MathSpec:
    """Expressions over expressions as one. The CDK refuses an id that means two things at any depth."""
    metrics: dict[str, AnyMetricSpec] = {}
    inner: dict[str, str] = {}
    for key, one in used.items():
        if isinstance(one, MetricSpec) or one.is_query:
            metrics[key] = one
            continue
        inner[key] = f"({one.expression})"
        metrics |= one.using_metrics
    return MathSpec(
        expression=ID.sub(lambda found: inner.get(found[0], found[0]), text), using_metrics=metrics
    )


def sum_of(**metrics: MetricSpec) -> MathSpec:
    """The sum of those that have data; none has data: no data. Sparse counters need it."""
    return MathSpec(expression="SUM(METRICS())", using_metrics=metrics)
