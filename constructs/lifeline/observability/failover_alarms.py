"""When a person must look at what a failover will rest on: lag, what is at risk, keepers, plan, drills."""

from __future__ import annotations

from lifeline.foundation.alert_topics import Severity
from lifeline.observability.alarms import (
    AT_ONCE,
    FIVE_MINUTES,
    THREE_MINUTES,
    THREE_OF_FIVE_MINUTES,
    TWO_OF_THREE_MINUTES,
    Lasting,
    Operator,
    Rule,
)
from lifeline.observability.lifeline_metrics import (
    Store,
    days_since_drill,
    events_at_risk,
    replication_lag,
)
from lifeline.observability.series import Series, sum_of
from lifeline.observability.thresholds import LagThresholds, RecoveryThresholds
from lifeline.site import Site

HOUR = 3600
LOOPS = {
    "keeper": "Nobody renews, judges or decides here: the other region may take over, or cannot.",
    "probe": "Nobody here looks at the other region: without an opinion this region never takes over.",
    "lag-meter": "Nobody measures how far the copies are behind.",
}
"""The functions that run every minute, and what is missing when one does not."""
SILENT = Lasting(breaching=8, looked_at=8)
"""A run counts in the minute in which it started, but only when it has ended: after up to three minutes, and
one more until the figure arrives. So the newest three or four minutes are empty while all is well."""


def recovery_rules(site: Site, lag: LagThresholds, limits: RecoveryThresholds) -> list[Rule]:
    """Alike in both regions: which one is active changes without a deploy."""
    return [
        *_lag_rules(site, lag),
        *_loop_rules(site),
        Rule(
            what="events-at-risk",
            says=f"More than {limits.events_at_risk:,} accepted events lie in one region only.",
            measures=events_at_risk(site),
            operator=Operator.ABOVE,
            limit=limits.events_at_risk,
            severity=Severity.CRITICAL,
            runbook="replication-lag",
        ),
        Rule(
            what="plan-failed",
            says="An execution of the recovery plan failed, timed out or was aborted.",
            measures=sum_of(
                failed=plan_series(site, "ExecutionsFailed"),
                late=plan_series(site, "ExecutionsTimedOut"),
                aborted=plan_series(site, "ExecutionsAborted"),
            ),
            operator=Operator.ABOVE,
            limit=0,
            lasting=AT_ONCE,
            severity=Severity.CRITICAL,
            runbook="failover-plan",
            fine_without_data="a plan that does not run says nothing; keeper-silent guards who starts it.",
        ),
        Rule(
            what="drill-overdue",
            says=f"No drill has passed for {limits.drill_days} days, or none ever did.",
            measures=days_since_drill(site),
            operator=Operator.ABOVE,
            limit=limits.drill_days,
            lasting=Lasting(breaching=3, looked_at=3, period_seconds=HOUR),
            severity=Severity.WARNING,
            runbook="drill-overdue",
        ),
    ]


def loop_series(site: Site, function: str, name: str) -> Series:
    """Sum of a Lambda metric of one of `LOOPS`."""
    return Series(
        namespace="AWS/Lambda",
        name=name,
        dimensions={"FunctionName": site.names.regional_name(function, "function")},
        statistic="Sum",
    )


def plan_series(site: Site, name: str) -> Series:
    """Sum of a Step Functions metric of the region's plan."""
    machine = site.names.regional_name("failover-plan", "state-machine")
    return Series(
        namespace="AWS/States",
        name=name,
        dimensions={"StateMachineArn": site.arn("states", f"stateMachine:{machine}")},
        statistic="Sum",
    )


def _lag_rules(site: Site, lag: LagThresholds) -> list[Rule]:
    """The log and the database page: without them nothing is safe. A cold cache and stale files never
    block a recovery (DESIGN.md, section 7), a late secret is read again: these are notices."""
    return [
        *(
            _lag_rule(site, store, seconds, severity, lasting)
            for store in (Store.LOG, Store.DATABASE)
            for severity, seconds, lasting in (
                (Severity.WARNING, lag.warning_seconds, THREE_MINUTES),
                (Severity.CRITICAL, lag.critical_seconds, TWO_OF_THREE_MINUTES),
            )
        ),
        *(
            _lag_rule(site, store, seconds, Severity.WARNING, FIVE_MINUTES)
            for store, seconds in (
                (Store.CACHE, lag.critical_seconds),
                (Store.FILES, lag.files_seconds),
                (Store.SECRETS, lag.secrets_seconds),
            )
        ),
    ]


def _lag_rule(site: Site, store: Store, seconds: int, severity: Severity, lasting: Lasting) -> Rule:
    twice = store in (Store.LOG, Store.DATABASE) and severity is Severity.WARNING
    return Rule(
        what=f"replication-lag-{store}" + ("-warning" if twice else ""),
        says=f"What came last through the replication of the {store} is older than {seconds} s.",
        measures=replication_lag(site, store),
        operator=Operator.ABOVE,
        limit=seconds,
        lasting=lasting,
        severity=severity,
        runbook="replication-lag",
    )


def _loop_rules(site: Site) -> list[Rule]:
    rules = []
    for function, lost in LOOPS.items():
        rules.append(
            Rule(
                what=f"{function}-silent",
                says=f"No run of the {function} was seen for eight minutes. {lost}",
                measures=loop_series(site, function, "Invocations"),
                operator=Operator.BELOW,
                limit=1,
                lasting=SILENT,
                severity=Severity.CRITICAL,
                runbook="keeper-or-probe",
            )
        )
        rules.append(
            Rule(
                what=f"{function}-failing",
                says=f"Runs of the {function} end in an error or are throttled.",
                measures=sum_of(
                    errors=loop_series(site, function, "Errors"),
                    throttles=loop_series(site, function, "Throttles"),
                ),
                operator=Operator.ABOVE,
                limit=0,
                lasting=THREE_OF_FIVE_MINUTES,
                severity=Severity.WARNING,
                runbook="keeper-or-probe",
                fine_without_data=f"{function}-silent fires when it is not started at all.",
            )
        )
    return rules
