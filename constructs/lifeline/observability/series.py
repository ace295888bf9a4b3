"""The metric layer: one CloudWatch series, or arithmetic over several, as plain values.

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
class Series:
    """One series of one region. `dimensions` are those it is published with, no more and no fewer."""

    namespace: str
    name: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    statistic: str = "Maximum"
    """`Average`, `Maximum`, `Minimum`, `Sum`, `SampleCount`, or a percentile such as `p95`."""

    @classmethod
    def of(cls, metric: cloudwatch.Metric) -> Series:
        """What a construct's `metric_*` method returned; `measure_of` takes math as well."""
        return cls(
            namespace=metric.namespace,
            name=metric.metric_name,
            dimensions=dict(metric.dimensions or {}),
            statistic=metric.statistic,
        )

    @property
    def is_percentile(self) -> bool:
        """Whether CloudWatch calls the statistic an extended one."""
        return self.statistic not in SERVICE_STATISTICS


@dataclass(frozen=True, kw_only=True)
class Expression:
    """Metric math over `series` by id, e.g. `100 * bad / all`. Ids begin with a lower-case letter.

    A query (`SELECT …`) finds its series itself; it may be a part of an expression, under an id.
    """

    text: str
    series: Mapping[str, Series | Expression] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wrong = [one for one in self.series if not (one.isidentifier() and one[0].islower())]
        if wrong or not (self.series or self.is_query):
            raise ValueError(
                f"Bad ids {wrong or 'none'} in the expression {self.text!r}; allowed is at least one "
                "identifier that begins with a lower-case letter."
            )

    @property
    def is_query(self) -> bool:
        """Whether CloudWatch finds the series each time it evaluates."""
        return self.text.startswith("SELECT ")

    def with_ids(self, renamed: Mapping[str, str]) -> Expression:
        """The same with other ids, for a graph that shows several expressions."""
        text = ID.sub(lambda found: renamed.get(found[0], found[0]), self.text)
        text = text.replace("METRICS()", f"[{', '.join(renamed[one] for one in self.series)}]")
        return Expression(text=text, series={renamed[key]: one for key, one in self.series.items()})


Measure = Series | Expression


def measure_of(metric: cloudwatch.IMetric) -> Measure:
    """What a construct's `metric_*` method returned, be it a series or math over some."""
    if isinstance(metric, cloudwatch.MathExpression):
        used = {key: measure_of(one) for key, one in (metric.using_metrics or {}).items()}
        return _flat(metric.expression, used)
    if isinstance(metric, cloudwatch.Metric):
        return Series.of(metric)
    raise ValueError(
        f"Cannot read a metric of {type(metric).__name__}; allowed are Metric and math."
    )


def _flat(text: str, used: Mapping[str, Measure]) -> Expression:
    """Expressions over expressions as one. The CDK refuses an id that means two things at any depth."""
    series: dict[str, Measure] = {}
    inner: dict[str, str] = {}
    for key, one in used.items():
        if isinstance(one, Series) or one.is_query:
            series[key] = one
            continue
        inner[key] = f"({one.text})"
        series |= one.series
    return Expression(text=ID.sub(lambda found: inner.get(found[0], found[0]), text), series=series)


def sum_of(**series: Series) -> Expression:
    """The sum of those that have data; none has data: no data. Sparse counters need it."""
    return Expression(text="SUM(METRICS())", series=series)
