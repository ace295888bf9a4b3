"""When a person must look at what a failover will rest on: lag, what is at risk, keepers, plan, drills."""

from __future__ import annotations

from lifeline.failover.step_schedule import CALL_MINUTES
from lifeline.foundation.alert_topics import Severity
from lifeline.observability.alarms import (
    AT_ONCE,
    FIVE_MINUTES,
    THREE_MINUTES,
    THREE_OF_FIVE_MINUTES,
    TWO_OF_THREE_MINUTES,
    AlarmSpec,
    Evaluation,
    Operator,
)
from lifeline.observability.lifeline_metrics import (
    Store,
    days_since_drill,
    days_to_authority_expiry,
    events_at_risk,
    replication_lag,
    serving_seen,
    takeover_ready,
)
from lifeline.observability.metric_specs import MetricSpec, sum_of
from lifeline.observability.thresholds import FailoverThresholds, LagThresholds
from lifeline.site import Site

HOUR = 3600
LOOPS = {
    "keeper": "Nobody renews, judges or decides here: the other region may take over, or cannot.",
    "probe": "Nobody here looks at the other region: without an opinion this region never takes over.",
    "lag-meter": "Nobody measures how far the copies are behind.",
}
"""The functions that run every minute, and what is missing when one does not."""
LOOPS_ALONE = {
    "keeper": "Nobody renews here: the region stops serving, and no other region takes over.",
    "lag-meter": "Nobody looks when the database's certificate authorities end.",
}
"""The same without a standby (strategy backup only)."""
SILENT = Evaluation(datapoints_to_alarm=8, evaluation_periods=8)
"""A run counts in the minute in which it started, but only when it has ended: after up to three minutes, and
one more until the figure arrives. So the newest three or four minutes are empty while all is well."""


def failover_alarms(
    site: Site, lag: LagThresholds, thresholds: FailoverThresholds
) -> list[AlarmSpec]:
    """Alike in both regions: which one is active changes without a deploy.

    Without a standby (strategy backup only) nothing is replicated and no region is drilled: no such alarm.
    """
    renews = "This region does not renew what it holds; its keeper's report says why."
    takes = "This region would not take over, or does not renew what it holds; its keeper's report says why."
    return [
        takeover_alarm(site, takes if site.has_standby else renews),
        service_alarm(site, "This region's keeper"),
        *(_lag_alarms(site, lag) if site.has_standby else []),
        *_loop_alarms(site),
        *_exercise_alarms(site),
        *([_risk_alarm(site, thresholds)] if site.has_standby else []),
        _plan_alarm(site),
        *([_drill_alarm(site, thresholds)] if site.has_standby else []),
        *_authority_alarms(site),
    ]


def loops_of(site: Site) -> dict[str, str]:
    """The region's functions that run every minute, and what is missing when one does not."""
    return LOOPS if site.has_standby else LOOPS_ALONE


def _plan_alarm(site: Site) -> AlarmSpec:
    return AlarmSpec(
        name="plan-failed",
        description="An execution of the failover plan failed, timed out or was aborted.",
        metric=sum_of(
            failed=plan_metric(site, "ExecutionsFailed"),
            late=plan_metric(site, "ExecutionsTimedOut"),
            aborted=plan_metric(site, "ExecutionsAborted"),
        ),
        operator=Operator.ABOVE,
        threshold=0,
        evaluation=AT_ONCE,
        severity=Severity.CRITICAL,
        runbook="failover-plan",
        not_breaching_because="a plan that does not run says nothing; keeper-silent guards who "
        "starts it.",
    )


def _risk_alarm(site: Site, thresholds: FailoverThresholds) -> AlarmSpec:
    return AlarmSpec(
        name="events-at-risk",
        description=f"More than {thresholds.events_at_risk:,} accepted events lie in one region only.",
        metric=events_at_risk(site),
        operator=Operator.ABOVE,
        threshold=thresholds.events_at_risk,
        severity=Severity.CRITICAL,
        runbook="replication-lag",
    )


def _drill_alarm(site: Site, thresholds: FailoverThresholds) -> AlarmSpec:
    return AlarmSpec(
        name="drill-overdue",
        description=f"No drill on AWS has passed for {thresholds.drill_days} days, or none ever did. One "
        "in the lab does not count: it says nothing of AWS's times.",
        metric=days_since_drill(site),
        operator=Operator.ABOVE,
        threshold=thresholds.drill_days,
        evaluation=Evaluation(datapoints_to_alarm=3, evaluation_periods=3, period_seconds=HOUR),
        severity=Severity.WARNING,
        runbook="drill-overdue",
    )


def _authority_alarms(site: Site) -> list[AlarmSpec]:
    """N17: when the first authority ends, nothing signs in to the database any more."""
    return [
        AlarmSpec(
            name=name,
            description=f"In less than {days} days a certificate authority ends that functions and services "
            "believe: they would sign in to no database.",
            metric=days_to_authority_expiry(site),
            operator=Operator.BELOW,
            threshold=days,
            evaluation=Evaluation(datapoints_to_alarm=3, evaluation_periods=3, period_seconds=HOUR),
            severity=severity,
            runbook="authority-expiring",
        )
        for name, days, severity in (
            ("authority-expiring", 180, Severity.WARNING),
            ("authority-expires-soon", 60, Severity.CRITICAL),
        )
    ]


def witness_alarms(site: Site) -> list[AlarmSpec]:
    """The witness region's: a witness that sees nothing keeps every standby from taking over (R4)."""
    return [
        takeover_alarm(
            site,
            "The witness has no opinion of a region: without it no region takes over by itself.",
        ),
        service_alarm(site, "The witness"),
    ]


def takeover_alarm(site: Site, description: str) -> AlarmSpec:
    """Readiness is a signal, not an absence of alarms (A19): 0 for three minutes, or nothing at all."""
    return AlarmSpec(
        name="takeover-not-ready",
        description=description,
        metric=takeover_ready(site),
        operator=Operator.BELOW,
        threshold=1,
        evaluation=THREE_MINUTES,
        severity=Severity.CRITICAL,
        runbook="takeover-not-ready",
    )


TWO_MINUTES = Evaluation(datapoints_to_alarm=2, evaluation_periods=2)


def service_alarm(site: Site, observer: str) -> AlarmSpec:
    """No region serves, as far as this place sees, and no failover ended that in time (A22)."""
    return AlarmSpec(
        name="nobody-serves",
        description=f"{observer} sees no region that serves, for two minutes: patients' alarms wait at the "
        "edges.",
        metric=serving_seen(site),
        operator=Operator.BELOW,
        threshold=1,
        evaluation=TWO_MINUTES,
        severity=Severity.CRITICAL,
        runbook="nobody-serves",
        not_breaching_because="who has no opinion says nothing; takeover-not-ready fires on silence.",
    )


def loop_metric(site: Site, function: str, name: str) -> MetricSpec:
    """Sum of a Lambda metric of one of `LOOPS`, or of the failover step."""
    return MetricSpec(
        namespace="AWS/Lambda",
        metric_name=name,
        dimensions={"FunctionName": site.names.regional_name(function, "function")},
        statistic="Sum",
    )


def plan_metric(site: Site, name: str) -> MetricSpec:
    """Sum of a Step Functions metric of the region's plan."""
    machine = site.names.regional_name("failover-plan", "state-machine")
    return MetricSpec(
        namespace="AWS/States",
        metric_name=name,
        dimensions={"StateMachineArn": site.arn("states", f"stateMachine:{machine}")},
        statistic="Sum",
    )


def _lag_alarms(site: Site, lag: LagThresholds) -> list[AlarmSpec]:
    """The log and the database page: without them nothing is safe. A cold cache and stale files never
    block a recovery, a late secret is read again: these are notices."""
    return [
        *(
            _lag_alarm(site, store, seconds, severity, evaluation)
            for store in (Store.LOG, Store.DATABASE)
            for severity, seconds, evaluation in (
                (Severity.WARNING, lag.warning_seconds, THREE_MINUTES),
                (Severity.CRITICAL, lag.critical_seconds, TWO_OF_THREE_MINUTES),
            )
        ),
        *(
            _lag_alarm(site, store, seconds, Severity.WARNING, FIVE_MINUTES)
            for store, seconds in (
                (Store.CACHE, lag.critical_seconds),
                (Store.FILES, lag.files_seconds),
                (Store.SECRETS, lag.secrets_seconds),
            )
        ),
    ]


def _lag_alarm(
    site: Site, store: Store, seconds: int, severity: Severity, evaluation: Evaluation
) -> AlarmSpec:
    twice = store in (Store.LOG, Store.DATABASE) and severity is Severity.WARNING
    return AlarmSpec(
        name=f"replication-lag-{store}" + ("-warning" if twice else ""),
        description=f"What came last through the replication of the {store} is older than {seconds} s.",
        metric=replication_lag(site, store),
        operator=Operator.ABOVE,
        threshold=seconds,
        evaluation=evaluation,
        severity=severity,
        runbook="replication-lag",
    )


def _loop_alarms(site: Site) -> list[AlarmSpec]:
    rules = []
    for function, lost in loops_of(site).items():
        rules.append(
            AlarmSpec(
                name=f"{function}-silent",
                description=f"No run of the {function} was seen for eight minutes. {lost}",
                metric=loop_metric(site, function, "Invocations"),
                operator=Operator.BELOW,
                threshold=1,
                evaluation=SILENT,
                severity=Severity.CRITICAL,
                runbook="keeper-or-probe",
            )
        )
        rules.append(
            AlarmSpec(
                name=f"{function}-failing",
                description=f"Runs of the {function} end in an error or are throttled.",
                metric=sum_of(
                    errors=loop_metric(site, function, "Errors"),
                    throttles=loop_metric(site, function, "Throttles"),
                ),
                operator=Operator.ABOVE,
                threshold=0,
                evaluation=THREE_OF_FIVE_MINUTES,
                severity=Severity.WARNING,
                runbook="keeper-or-probe",
                not_breaching_because=f"{function}-silent fires when it is not started at all.",
            )
        )
    return rules


THREE_EXERCISES = Evaluation(
    datapoints_to_alarm=3, evaluation_periods=3, period_seconds=60 * CALL_MINUTES
)
"""Three in a row: a plan's own retries are errors of the same function, and rarely last so long."""


def _exercise_alarms(site: Site) -> list[AlarmSpec]:
    """D12: what the plan's steps read must be readable before a failover needs it."""
    return [
        AlarmSpec(
            name="failover-step-silent",
            description="The failover plan's steps were not exercised for fifteen minutes. Idle for weeks, "
            "their function would refuse a failover's first call.",
            metric=loop_metric(site, "failover-step", "Invocations"),
            operator=Operator.BELOW,
            threshold=1,
            evaluation=THREE_EXERCISES,
            severity=Severity.CRITICAL,
            runbook="keeper-or-probe",
        ),
        AlarmSpec(
            name="failover-step-failing",
            description="What a step of the failover plan reads could not be read, three times in a row: "
            "that step would fail in a failover. The function's log names it.",
            metric=sum_of(
                errors=loop_metric(site, "failover-step", "Errors"),
                throttles=loop_metric(site, "failover-step", "Throttles"),
            ),
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=THREE_EXERCISES,
            severity=Severity.CRITICAL,
            runbook="keeper-or-probe",
            not_breaching_because="failover-step-silent fires when it is not started at all.",
        ),
    ]
