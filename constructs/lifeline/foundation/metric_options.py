"""What a user may choose of a metric: the CDK's `MetricOptions`, as keyword arguments of every `metric_*`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict, Unpack

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch


class MathOptions(TypedDict, total=False):
    """Of a metric that is computed from others (`MathExpressionOptions` of the CDK)."""

    period: Duration
    label: str
    color: str


class MetricOptions(MathOptions, total=False):
    """Of a metric that a service publishes."""

    statistic: str
    unit: cloudwatch.Unit
    dimensions_map: Mapping[str, str]
    account: str
    region: str


def metric(
    namespace: str,
    name: str,
    dimensions: Mapping[str, str],
    *,
    default_statistic: str,
    default_period: Duration | None = None,
    **options: Unpack[MetricOptions],
) -> cloudwatch.Metric:
    """The metric by the minute, or as `options` say."""
    chosen: MetricOptions = {
        "statistic": default_statistic,
        "dimensions_map": dimensions,
        **options,
    }
    if "period" not in chosen:
        chosen["period"] = default_period or Duration.minutes(1)
    return cloudwatch.Metric(namespace=namespace, metric_name=name, **chosen)


def computed(
    expression: str,
    *,
    default_label: str,
    using: Mapping[str, cloudwatch.IMetric] | None = None,
    **options: Unpack[MathOptions],
) -> cloudwatch.MathExpression:
    """The expression over `using` by the minute, or as `options` say."""
    chosen: MathOptions = {"label": default_label, **options}
    if "period" not in chosen:
        chosen["period"] = Duration.minutes(1)
    return cloudwatch.MathExpression(
        expression=expression, using_metrics=dict(using or {}), **chosen
    )
