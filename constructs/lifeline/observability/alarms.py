"""The alarm layer: an `AlarmSpec` says when a person must look; `Alarms` makes it CloudWatch's.

A spec states operator, threshold, evaluation, severity, what missing data mean, and the runbook. Without
data an alarm fires (`BREACHING`): silence is never health. A spec that does otherwise says why in words
that stand in the alarm itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aws_cdk import IResolvable
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.alert_topics import AlertTargets, Severity, topic_arn_for
from lifeline.lambdas.failover.protocol import NO_STANDBY
from lifeline.observability.metric_specs import AnyMetricSpec, MathSpec, MetricSpec
from lifeline.site import Site

MINUTE = 60
DAY = 24 * 60 * MINUTE
RUNBOOKS = "docs/runbooks"


class Operator(StrEnum):
    """How the metric stands to the threshold when the alarm fires."""

    ABOVE = "GreaterThanThreshold"
    AT_LEAST = "GreaterThanOrEqualToThreshold"
    BELOW = "LessThanThreshold"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """`datapoints_to_alarm` of the last `evaluation_periods`, of `period_seconds` each, must breach.

    Raises ValueError for more datapoints than periods, or a period that alarms do not take.
    """

    datapoints_to_alarm: int = 3
    evaluation_periods: int = 3
    period_seconds: int = MINUTE

    def __post_init__(self) -> None:
        if not 1 <= self.datapoints_to_alarm <= self.evaluation_periods:
            raise ValueError(
                f"{self.datapoints_to_alarm} datapoints of {self.evaluation_periods} periods cannot alarm; "
                "allowed are 1 to all."
            )
        if self.period_seconds % MINUTE or not MINUTE <= self.period_seconds <= DAY:
            raise ValueError(
                f"Bad period {self.period_seconds} s; allowed are whole minutes up to a day."
            )


THREE_MINUTES = Evaluation()
TWO_OF_THREE_MINUTES = Evaluation(datapoints_to_alarm=2, evaluation_periods=3)
FIVE_MINUTES = Evaluation(datapoints_to_alarm=5, evaluation_periods=5)
THREE_OF_FIVE_MINUTES = Evaluation(datapoints_to_alarm=3, evaluation_periods=5)
TEN_MINUTES = Evaluation(datapoints_to_alarm=10, evaluation_periods=10)
AT_ONCE = Evaluation(datapoints_to_alarm=1, evaluation_periods=1)


def status_command(suffix: str, *, has_standby: bool) -> str:
    """What whoever is woken types first."""
    regions = "" if has_standby else f" --recovery {NO_STANDBY} --witness none"
    return f"lifeline status --suffix {suffix}{regions}"


@dataclass(frozen=True, kw_only=True)
class AlarmSpec:
    """One alarm of one region, named `{name}-{suffix}`.

    `not_breaching_because`: why no data is no fault here, and what notices a real silence; None: it is one.
    """

    name: str
    description: str
    metric: AnyMetricSpec
    operator: Operator
    threshold: float
    severity: Severity
    runbook: str
    """The page's name under docs/runbooks, without `.md`."""
    evaluation: Evaluation = THREE_MINUTES
    not_breaching_because: str | None = None
    role_dependent: bool = False
    """Whether AWS has this lag in one runtime role only: then our own lag, which both have, is the guard."""

    @property
    def treat_missing_data(self) -> str:
        """CloudWatch's value for what missing data mean."""
        return "breaching" if self.not_breaching_because is None else "notBreaching"

    def description_for(self, suffix: str, *, has_standby: bool = True) -> str:
        """What the page shows: severity, description, runbook; where it wakes somebody, what to type."""
        silence = (
            "It fires without data, too."
            if self.not_breaching_because is None
            else f"It stays silent without data: {self.not_breaching_because}"
        )
        look = f" Type next: {status_command(suffix, has_standby=has_standby)}."
        return (
            f"{self.severity.name}: {self.description} {silence}"
            f"{look if self.severity is Severity.CRITICAL else ''} Runbook: {RUNBOOKS}/{self.runbook}.md"
        )


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
        specs: Iterable[AlarmSpec],
        alert_topics: AlertTargets | None = None,
        composite: str | None = None,
        critical_elsewhere: Sequence[str] = (),
        actions_enabled: bool | IResolvable = True,
    ) -> None:
        """`alert_topics`: who is told; by default the application's topics, in a plain stack nobody.
        `composite`: the name of one more alarm, which fires while any critical one does; None: none.
        `critical_elsewhere`: names, without the suffix, of the region's critical alarms that another
        construct makes: they count in the composite and are listed; they must be there before.
        `actions_enabled`: false, or a token that resolves to it, and nobody is told at all.
        """
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self._site, self._alert_topics = site, alert_topics
        self._actions_enabled = actions_enabled
        self._critical_elsewhere = tuple(critical_elsewhere)
        self.specs = tuple(specs)
        self._refuse_duplicate_names()
        made = {spec.name: self._alarm(spec) for spec in self.specs}
        if composite is not None:
            self._composite(composite, made)

    def arns(self, severity: Severity | None = None) -> list[str]:
        """Literal ARNs, of all or of one severity, in the order of the specs; those made elsewhere last."""
        names = [one.name for one in self.specs if severity is None or one.severity is severity]
        if severity in (None, Severity.CRITICAL):
            names += self._critical_elsewhere
        return [
            self._site.arn("cloudwatch", f"alarm:{self._site.names.regional_name(name)}")
            for name in names
        ]

    def _refuse_duplicate_names(self) -> None:
        names = [*(spec.name for spec in self.specs), *self._critical_elsewhere]
        duplicates = sorted({name for name in names if names.count(name) > 1})
        if duplicates:
            raise ValueError(
                f"Two alarms have the name {', '.join(duplicates)}; allowed is one each."
            )

    def _composite(self, name: str, made: Mapping[str, cloudwatch.CfnAlarm]) -> None:
        """One state for the region. It tells nobody: each critical alarm pages by itself."""
        critical = [spec.name for spec in self.specs if spec.severity is Severity.CRITICAL]
        names = [
            self._site.names.regional_name(one) for one in (*critical, *self._critical_elsewhere)
        ]
        composite = cloudwatch.CfnCompositeAlarm(
            self,
            "Composite",
            alarm_name=self._site.names.regional_name(name),
            alarm_description="A critical alarm of this region fires; it pages by itself. "
            f"Runbook: {RUNBOOKS}/README.md",
            alarm_rule=" OR ".join(f'ALARM("{one}")' for one in names),
        )
        for one in critical:
            # The rule names them: they are made before it, and go after it.
            composite.node.add_dependency(made[one])

    def _alarm(self, spec: AlarmSpec) -> cloudwatch.CfnAlarm:
        evaluation = spec.evaluation
        topic_arn = topic_arn_for(self._site, spec.severity, self._alert_topics)
        alarm = cloudwatch.CfnAlarm(
            self,
            "".join(word.capitalize() for word in spec.name.split("-")),
            alarm_name=self._site.names.regional_name(spec.name),
            alarm_description=spec.description_for(
                self._site.settings.environment_suffix, has_standby=self._site.has_standby
            ),
            comparison_operator=spec.operator.value,
            threshold=spec.threshold,
            evaluation_periods=evaluation.evaluation_periods,
            datapoints_to_alarm=evaluation.datapoints_to_alarm,
            treat_missing_data=spec.treat_missing_data,
            actions_enabled=self._actions_enabled,
            alarm_actions=None if topic_arn is None else [topic_arn],
            **_metric_properties(spec.metric, evaluation.period_seconds),
        )
        if spec.role_dependent and spec.not_breaching_because is not None:
            acknowledge(
                alarm,
                "LifelineContinuity-LagAlarmIgnoresMissingData",
                reason=spec.not_breaching_because,
            )
        return alarm


def _metric_properties(metric: AnyMetricSpec, period_seconds: int) -> dict[str, Any]:
    if isinstance(metric, MetricSpec):
        statistic = "extended_statistic" if metric.is_percentile else "statistic"
        return {
            "namespace": metric.namespace,
            "metric_name": metric.metric_name,
            "dimensions": _dimensions(metric),
            "period": period_seconds,
            statistic: metric.statistic,
        }
    inputs = [_input(key, one, period_seconds) for key, one in metric.using_metrics.items()]
    return {"metrics": [*inputs, _math("result", metric, period_seconds, returned=True)]}


def _input(
    key: str, one: AnyMetricSpec, period_seconds: int
) -> cloudwatch.CfnAlarm.MetricDataQueryProperty:
    if not isinstance(one, MetricSpec):
        return _math(key, one, period_seconds, returned=False)
    return cloudwatch.CfnAlarm.MetricDataQueryProperty(
        id=key,
        return_data=False,
        metric_stat=cloudwatch.CfnAlarm.MetricStatProperty(
            metric=cloudwatch.CfnAlarm.MetricProperty(
                namespace=one.namespace, metric_name=one.metric_name, dimensions=_dimensions(one)
            ),
            period=period_seconds,
            stat=one.statistic,
        ),
    )


def _math(
    key: str, one: MathSpec, period_seconds: int, *, returned: bool
) -> cloudwatch.CfnAlarm.MetricDataQueryProperty:
    """A query says its own period; other math has that of its metrics."""
    return cloudwatch.CfnAlarm.MetricDataQueryProperty(
        id=key,
        expression=one.expression,
        period=period_seconds if one.is_query else None,
        return_data=returned,
    )


def _dimensions(metric: MetricSpec) -> list[cloudwatch.CfnAlarm.DimensionProperty]:
    return [
        cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value)
        for name, value in sorted(metric.dimensions.items())
    ]
