"""The alarm layer: a rule says when a person must look; `Alarms` makes it CloudWatch's.

A rule states its operator, its limit, how long, how severe, what without data, and the runbook. Without
data an alarm fires (`BREACHING`): silence is never health. A rule that does otherwise says why in words
that stand in the alarm itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.alert_topics import AlertTopics, Severity
from lifeline.observability.series import Expression, Measure, Series
from lifeline.site import Site

MINUTE = 60
DAY = 24 * 60 * MINUTE
RUNBOOKS = "docs/runbooks"


class Operator(StrEnum):
    """How the figure stands to the limit when the alarm fires."""

    ABOVE = "GreaterThanThreshold"
    AT_LEAST = "GreaterThanOrEqualToThreshold"
    BELOW = "LessThanThreshold"


@dataclass(frozen=True, kw_only=True)
class Lasting:
    """`breaching` of the last `looked_at` periods of `period_seconds` must be over the limit.

    Raises ValueError for more breaching periods than looked at, or a period that alarms do not take.
    """

    breaching: int = 3
    looked_at: int = 3
    period_seconds: int = MINUTE

    def __post_init__(self) -> None:
        if not 1 <= self.breaching <= self.looked_at:
            raise ValueError(
                f"{self.breaching} of {self.looked_at} periods cannot breach; allowed are 1 to all."
            )
        if self.period_seconds % MINUTE or not MINUTE <= self.period_seconds <= DAY:
            raise ValueError(
                f"Bad period {self.period_seconds} s; allowed are whole minutes up to a day."
            )


THREE_MINUTES = Lasting()
TWO_OF_THREE_MINUTES = Lasting(breaching=2, looked_at=3)
FIVE_MINUTES = Lasting(breaching=5, looked_at=5)
THREE_OF_FIVE_MINUTES = Lasting(breaching=3, looked_at=5)
TEN_MINUTES = Lasting(breaching=10, looked_at=10)
AT_ONCE = Lasting(breaching=1, looked_at=1)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One alarm of one region, named `{what}-{suffix}`.

    `fine_without_data`: why no data is no fault here, and what notices a real silence; None: it is one.
    """

    what: str
    says: str
    measures: Measure
    operator: Operator
    limit: float
    severity: Severity
    runbook: str
    """The page's name under docs/runbooks, without `.md`."""
    lasting: Lasting = THREE_MINUTES
    fine_without_data: str | None = None
    role_dependent: bool = False
    """Whether AWS has this lag in one runtime role only: then our own lag, which both have, is the guard."""

    @property
    def missing_data(self) -> str:
        """CloudWatch's word for what no data means."""
        return "breaching" if self.fine_without_data is None else "notBreaching"

    @property
    def description(self) -> str:
        """What the page says: how bad, what, what to read."""
        silence = (
            "No data fires it as well."
            if self.fine_without_data is None
            else f"No data is fine: {self.fine_without_data}"
        )
        return f"{self.severity.name}: {self.says} {silence} Runbook: {RUNBOOKS}/{self.runbook}.md"


class Alarms(Construct):
    """The alarms of one region, each told to the topic of its severity.

    Covers: a fault that nobody would see before it costs data. Does not cover: the loss of the region
    with its alarms; the other region's lag alarms then fire, without data.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        rules: Iterable[Rule],
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self._site = site
        self.rules = tuple(rules)
        self._refuse_twins()
        for rule in self.rules:
            self._alarm(rule)

    def arns(self, severity: Severity | None = None) -> list[str]:
        """Literal ARNs, of all or of one severity, in the order of the rules."""
        return [
            self._site.arn("cloudwatch", f"alarm:{self._site.names.regional_name(rule.what)}")
            for rule in self.rules
            if severity is None or rule.severity is severity
        ]

    def _refuse_twins(self) -> None:
        names = [rule.what for rule in self.rules]
        twins = sorted({name for name in names if names.count(name) > 1})
        if twins:
            raise ValueError(f"Two alarms have the name {', '.join(twins)}; allowed is one each.")

    def _alarm(self, rule: Rule) -> None:
        lasting = rule.lasting
        alarm = cloudwatch.CfnAlarm(
            self,
            "".join(word.capitalize() for word in rule.what.split("-")),
            alarm_name=self._site.names.regional_name(rule.what),
            alarm_description=rule.description,
            comparison_operator=rule.operator.value,
            threshold=rule.limit,
            evaluation_periods=lasting.looked_at,
            datapoints_to_alarm=lasting.breaching,
            treat_missing_data=rule.missing_data,
            actions_enabled=True,
            alarm_actions=[AlertTopics.arn(self._site, rule.severity)],
            **_measured(rule.measures, lasting.period_seconds),
        )
        if rule.role_dependent and rule.fine_without_data is not None:
            acknowledge(
                alarm,
                "LifelineContinuity-LagAlarmIgnoresMissingData",
                reason=rule.fine_without_data,
            )


def _measured(measures: Measure, period_seconds: int) -> dict[str, Any]:
    if isinstance(measures, Series):
        statistic = "extended_statistic" if measures.is_percentile else "statistic"
        return {
            "namespace": measures.namespace,
            "metric_name": measures.name,
            "dimensions": _dimensions(measures),
            "period": period_seconds,
            statistic: measures.statistic,
        }
    inputs = [_input(key, one, period_seconds) for key, one in measures.series.items()]
    return {"metrics": [*inputs, _math("result", measures, period_seconds, returned=True)]}


def _input(
    key: str, one: Measure, period_seconds: int
) -> cloudwatch.CfnAlarm.MetricDataQueryProperty:
    if not isinstance(one, Series):
        return _math(key, one, period_seconds, returned=False)
    return cloudwatch.CfnAlarm.MetricDataQueryProperty(
        id=key,
        return_data=False,
        metric_stat=cloudwatch.CfnAlarm.MetricStatProperty(
            metric=cloudwatch.CfnAlarm.MetricProperty(
                namespace=one.namespace, metric_name=one.name, dimensions=_dimensions(one)
            ),
            period=period_seconds,
            stat=one.statistic,
        ),
    )


def _math(
    key: str, one: Expression, period_seconds: int, *, returned: bool
) -> cloudwatch.CfnAlarm.MetricDataQueryProperty:
    """A query says its own period; other math has that of its series."""
    return cloudwatch.CfnAlarm.MetricDataQueryProperty(
        id=key,
        expression=one.text,
        period=period_seconds if one.is_query else None,
        return_data=returned,
    )


def _dimensions(series: Series) -> list[cloudwatch.CfnAlarm.DimensionProperty]:
    return [
        cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value)
        for name, value in sorted(series.dimensions.items())
    ]
