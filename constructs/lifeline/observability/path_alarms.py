"""When a person must look at the way from an edge to the database."""

from __future__ import annotations

from lifeline.foundation.alert_topics import Severity
from lifeline.observability.alarms import (
    AT_ONCE,
    FIVE_MINUTES,
    TEN_MINUTES,
    THREE_OF_FIVE_MINUTES,
    AlarmSpec,
    Evaluation,
    Operator,
)
from lifeline.observability.metric_specs import AnyMetricSpec, MathSpec
from lifeline.observability.path_metrics import PathMetrics
from lifeline.observability.thresholds import LogThresholds, PathThresholds
from lifeline.strategy import Strategy
from lifeline.tiers import RecoveryTier

QUIET = "without a request there is neither latency nor error; the probes ask each API every 5 s."
MARKERS_TELL = "the alarm stream-silent fires when not even markers come."
ROLE = (
    "a standby's event applier applies nothing and so is behind nothing; services-event-applier fires when "
    "no event applier runs, replication-lag-log on silence in either role."
)
FIFTEEN_MINUTES = Evaluation(datapoints_to_alarm=15, evaluation_periods=15)


def ingest_alarms(
    path: PathMetrics, thresholds: PathThresholds, tier: RecoveryTier
) -> list[AlarmSpec]:
    """The API and the edge buffer. The bridge's own page at a quarter of the retention is its own."""
    return [
        AlarmSpec(
            name="api-latency",
            description=f"One request in twenty takes longer than {thresholds.latency_p95_milliseconds} ms.",
            metric=path.latency_p95,
            operator=Operator.ABOVE,
            threshold=thresholds.latency_p95_milliseconds,
            evaluation=FIVE_MINUTES,
            severity=Severity.WARNING,
            runbook="api-slow-or-failing",
            not_breaching_because=QUIET,
        ),
        AlarmSpec(
            name="cache-not-asked",
            description="The cache does not answer in time, so the query API does not ask it: reads are "
            "right and slower.",
            metric=path.cache_breaker,
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=FIFTEEN_MINUTES,
            severity=Severity.WARNING,
            runbook="degraded-stores",
            not_breaching_because="no query API, no figure: services-query-api fires when none runs.",
        ),
        AlarmSpec(
            name="api-errors",
            description=f"More than {thresholds.server_error_percent:g} % of the requests end in a 5xx.",
            metric=MathSpec(
                expression="100 * failed / asked",
                using_metrics={"failed": path.server_errors, "asked": path.requests},
            ),
            operator=Operator.ABOVE,
            threshold=thresholds.server_error_percent,
            evaluation=THREE_OF_FIVE_MINUTES,
            severity=Severity.CRITICAL,
            runbook="api-slow-or-failing",
            not_breaching_because=QUIET,
        ),
        AlarmSpec(
            name="stream-silent",
            description="Not one record in three minutes, though a marker is due every second.",
            metric=path.incoming_records,
            operator=Operator.BELOW,
            threshold=1,
            severity=Severity.CRITICAL,
            runbook="stream-trouble",
        ),
        AlarmSpec(
            name="stream-throttled",
            description="A shard refuses records: edges send them again, later.",
            metric=path.write_throttled,
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=THREE_OF_FIVE_MINUTES,
            severity=Severity.WARNING,
            runbook="stream-trouble",
            not_breaching_because=MARKERS_TELL,
        ),
        AlarmSpec(
            name="stream-late",
            description=f"Events wait longer than the RPO of {tier.rpo_seconds} s for the bridge.",
            metric=path.iterator_age,
            operator=Operator.ABOVE,
            threshold=tier.rpo_seconds * 1_000,
            evaluation=FIVE_MINUTES,
            severity=Severity.WARNING,
            runbook="bridge-behind",
        ),
    ]


def log_alarms(
    path: PathMetrics, thresholds: LogThresholds, strategy: Strategy = Strategy.WARM_STANDBY
) -> list[AlarmSpec]:
    """The brokers and the disk, and what is missing of the other region's records."""
    return [
        AlarmSpec(
            name="log-offline-partitions",
            description="A partition has no leader: nothing is written to it or read from it.",
            metric=path.offline_partitions,
            operator=Operator.ABOVE,
            threshold=0,
            severity=Severity.CRITICAL,
            runbook="log-trouble",
        ),
        *([_hole(path), _silent(path)] if strategy.has_standby else []),
        AlarmSpec(
            name="log-under-replicated",
            description="A partition has fewer copies than it should; below two it takes no record.",
            metric=path.under_replicated_partitions,
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=FIVE_MINUTES,
            severity=Severity.WARNING,
            runbook="log-trouble",
        ),
        AlarmSpec(
            name="log-cpu",
            description=f"A broker is above {thresholds.broker_cpu_percent} % of its CPU.",
            metric=path.broker_cpu,
            operator=Operator.ABOVE,
            threshold=thresholds.broker_cpu_percent,
            evaluation=TEN_MINUTES,
            severity=Severity.WARNING,
            runbook="log-trouble",
        ),
        AlarmSpec(
            name="log-disk",
            description=f"A broker's disk is more than {thresholds.disk_used_percent} % full.",
            metric=path.disk_used,
            operator=Operator.ABOVE,
            threshold=thresholds.disk_used_percent,
            evaluation=FIVE_MINUTES,
            severity=Severity.CRITICAL,
            runbook="log-trouble",
        ),
    ]


def archive_alarms(path: PathMetrics, thresholds: LogThresholds) -> list[AlarmSpec]:
    """What is not archived, and what is kept for it."""
    return [
        AlarmSpec(
            name="archive-behind",
            description=f"Records older than {thresholds.archive_behind_seconds} s are in no object, or "
            "nobody says so.",
            metric=path.archive_behind,
            operator=Operator.ABOVE,
            threshold=thresholds.archive_behind_seconds,
            evaluation=TEN_MINUTES,
            severity=Severity.CRITICAL,
            runbook="archive",
        ),
        AlarmSpec(
            name="archive-gap",
            description="Retention took records that no object has.",
            metric=path.archive_gaps,
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=AT_ONCE,
            severity=Severity.CRITICAL,
            runbook="archive",
            not_breaching_because="the archiver tells it beside how far it is behind; archive-behind fires "
            "on silence.",
        ),
        AlarmSpec(
            name="archive-stopped",
            description="A partition of the log is not archived; the archiver's log names it and says why.",
            metric=path.archive_stopped,
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=TEN_MINUTES,
            severity=Severity.CRITICAL,
            runbook="archive",
            not_breaching_because="the archiver tells it beside how far it is behind; archive-behind fires "
            "on silence.",
        ),
        AlarmSpec(
            name="services-archiver",
            description="No task of the service archiver runs; it runs in both regions always.",
            metric=path.archiver_tasks,
            operator=Operator.BELOW,
            threshold=1,
            severity=Severity.CRITICAL,
            runbook="archive",
        ),
        AlarmSpec(
            name="event-default",
            description="Events lie in no day's partition: the partitions of their days were not made.",
            metric=path.default_partition,
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=TEN_MINUTES,
            severity=Severity.WARNING,
            runbook="archive",
            not_breaching_because=ROLE,
        ),
        AlarmSpec(
            name="old-partitions",
            description="Days past the hot retention stay in the database: the archive does not have them, "
            "or does not say so, or a restore was never ended (lifeline archive accept-gap says which).",
            metric=path.old_partitions,
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=TEN_MINUTES,
            severity=Severity.WARNING,
            runbook="archive",
            not_breaching_because=ROLE,
        ),
    ]


def _hole(path: PathMetrics) -> AlarmSpec:
    return AlarmSpec(
        name="log-hole",
        description="Records of the other region are missing in this region's log: nothing behind them "
        "is called safe.",
        metric=path.log_holes,
        operator=Operator.ABOVE,
        threshold=0,
        evaluation=AT_ONCE,
        severity=Severity.CRITICAL,
        runbook="log-hole",
        not_breaching_because="the query API says it four times a minute; services-query-api fires when "
        "none runs, replication-lag-log when its watermark stands still.",
    )


def _silent(path: PathMetrics) -> AlarmSpec:
    return AlarmSpec(
        name="log-partition-still",
        description="A partition has no marker of a region whose markers reach others: nothing of it becomes "
        "safe. The query API's log names it.",
        metric=path.log_silent,
        operator=Operator.ABOVE,
        threshold=0,
        evaluation=FIVE_MINUTES,
        severity=Severity.CRITICAL,
        runbook="log-hole",
        not_breaching_because="the query API says it beside the holes; services-query-api fires when "
        "none runs.",
    )


def apply_alarms(
    path: PathMetrics, log: LogThresholds, thresholds: PathThresholds, strategy: Strategy
) -> list[AlarmSpec]:
    """Event applier, query API, and what they could not use."""
    behind = [
        AlarmSpec(
            name=f"apply-behind-{severity.name.lower()}",
            description=f"The event applier is more than {messages:,} messages behind the log.",
            metric=path.consumer_lag,
            operator=Operator.ABOVE,
            threshold=messages,
            evaluation=FIVE_MINUTES,
            severity=severity,
            runbook="apply-behind",
            not_breaching_because=ROLE,
        )
        for severity, messages in (
            (Severity.WARNING, log.consumer_warning_messages),
            (Severity.CRITICAL, log.consumer_critical_messages),
        )
    ]
    busy = [
        AlarmSpec(
            name=f"services-{name}-cpu",
            description=f"The service {name} is above {thresholds.service_cpu_percent} % of its CPU.",
            metric=cpu,
            operator=Operator.ABOVE,
            threshold=thresholds.service_cpu_percent,
            evaluation=TEN_MINUTES,
            severity=Severity.WARNING,
            runbook="apply-behind",
            not_breaching_because=f"services-{name} fires when no task runs.",
        )
        for name, cpu in path.service_cpu.items()
    ]
    set_aside = [*_dead_letters(path, thresholds), *_stopped(path), *_odd_events(path)]
    return [*behind, *_tasks(path, strategy), *busy, *set_aside, *_gone(path)]


def _tasks(path: PathMetrics, strategy: Strategy) -> list[AlarmSpec]:
    """No task of a service runs where one must. Where services rest, only the region with traffic has them;
    the small service that says whether traffic is here runs in both."""
    running: dict[str, AnyMetricSpec] = dict(path.running_tasks)
    where = "both services run in both regions always"
    if strategy.services_rest:
        where = "it must run where traffic is"
        running = {
            name: MathSpec(
                expression="IF(here > 0, FILL(running, 0), 1)",
                using_metrics={"here": path.traffic_here, "running": tasks},
            )
            for name, tasks in path.running_tasks.items()
        }
    found = [
        AlarmSpec(
            name=f"services-{name}",
            description=f"No task of the service {name} runs; {where}.",
            metric=tasks,
            operator=Operator.BELOW,
            threshold=1,
            severity=Severity.CRITICAL,
            runbook="apply-behind",
        )
        for name, tasks in running.items()
    ]
    if strategy.services_rest:
        found.append(
            AlarmSpec(
                name="services-watermark",
                description="No task of the service watermark runs: no marker is written, nothing becomes "
                "safe, and `/health` is silent.",
                metric=path.watermark_tasks,
                operator=Operator.BELOW,
                threshold=1,
                severity=Severity.CRITICAL,
                runbook="apply-behind",
            )
        )
    return found


def _dead_letters(path: PathMetrics, thresholds: PathThresholds) -> list[AlarmSpec]:
    return [
        AlarmSpec(
            name="apply-failures",
            description=f"More than {thresholds.apply_failure_percent:g} % of the records could not be "
            "applied and lie in error.dlq.",
            metric=MathSpec(
                expression="100 * bad / came",
                using_metrics={"bad": path.quarantined, "came": path.incoming_records},
            ),
            operator=Operator.ABOVE,
            threshold=thresholds.apply_failure_percent,
            evaluation=THREE_OF_FIVE_MINUTES,
            severity=Severity.CRITICAL,
            runbook="dead-letters",
            not_breaching_because="the event applier says a line for each record it sets aside, else "
            "nothing; stream-silent and services-event-applier fire on silence.",
        ),
        AlarmSpec(
            name="events-rejected",
            description="Every batch for a quarter of an hour held events that had to be refused.",
            metric=path.rejected,
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=FIFTEEN_MINUTES,
            severity=Severity.WARNING,
            runbook="dead-letters",
            not_breaching_because="a batch without a refused event says nothing; stream-late fires when the "
            "bridge stands still.",
        ),
        AlarmSpec(
            name="schema-failures",
            description=f"More than {thresholds.schema_failure_percent:g} % of the records are no events as "
            "their schemas want them.",
            metric=MathSpec(
                expression="100 * bad / came",
                using_metrics={"bad": path.schema_failures, "came": path.incoming_records},
            ),
            operator=Operator.ABOVE,
            threshold=thresholds.schema_failure_percent,
            evaluation=THREE_OF_FIVE_MINUTES,
            severity=Severity.WARNING,
            runbook="dead-letters",
            not_breaching_because="the bridge says a line for a batch with refused events, else nothing; "
            "stream-silent and stream-late fire on silence.",
        ),
        AlarmSpec(
            name="bridge-defects",
            description="The bridge raised while it judged an event, which lies in error.dlq by our fault.",
            metric=path.defects,
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=AT_ONCE,
            severity=Severity.CRITICAL,
            runbook="dead-letters",
            not_breaching_because="a batch without a defect says nothing; stream-late fires when the bridge "
            "stands still.",
        ),
    ]


def _stopped(path: PathMetrics) -> list[AlarmSpec]:
    """B23: told once in each quarter of an hour, so that they recover and page again."""
    return [
        AlarmSpec(
            name=f"{name}-stopped",
            description=f"{who} stands still: it would set aside nearly everything, by our fault.",
            metric=path.stopped[name],
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=AT_ONCE,
            severity=Severity.CRITICAL,
            runbook="breaker",
            not_breaching_because=f"the line is said only while it stands still; {silence} on silence.",
        )
        for name, who, silence in (
            ("bridge", "The bridge", "stream-late and bridge-behind fire"),
            ("apply", "The event applier", "services-event-applier and apply-behind fire"),
        )
    ]


def _gone(path: PathMetrics) -> list[AlarmSpec]:
    """B25, B26: what was to be read is gone. Told once, when it is met: nothing changes it afterwards."""
    return [
        AlarmSpec(
            name="apply-records-gone",
            description="The log begins behind the position of the event applier: records that were perhaps "
            "not applied are gone from it.",
            metric=path.records_gone,
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=AT_ONCE,
            severity=Severity.CRITICAL,
            runbook="records-gone",
            not_breaching_because="the line is said only when the event applier meets it; "
            "services-event-applier fires when none runs.",
        ),
        AlarmSpec(
            name="watermark-rebased",
            description="The log begins behind the position of the watermark's reader, or was made anew: "
            "nothing before its first marker is called safe.",
            metric=path.watermark_rebased,
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=AT_ONCE,
            severity=Severity.CRITICAL,
            runbook="records-gone",
            not_breaching_because="the line is said only when the reader meets it; services-query-api fires "
            "when none runs.",
        ),
    ]


def _odd_events(path: PathMetrics) -> list[AlarmSpec]:
    """C9: events that are stored or kept, and that somebody must look at."""
    silence = "the event applier says a line for each such event, else nothing; services-event-applier fires "
    return [
        AlarmSpec(
            name="events-unexpected",
            description="An event came whose id is stored with another content: one of the two is wrong.",
            metric=path.unexpected,
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=AT_ONCE,
            severity=Severity.CRITICAL,
            runbook="odd-events",
            not_breaching_because=silence + "when none runs.",
        ),
        AlarmSpec(
            name="events-without-vital-signs",
            description="An event alone took the database too long: it is stored and found, and what it says "
            "of vital signs and corrections is not.",
            metric=path.without_vital_signs,
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=AT_ONCE,
            severity=Severity.CRITICAL,
            runbook="odd-events",
            not_breaching_because=silence + "when none runs.",
        ),
        AlarmSpec(
            name="sequences-withheld",
            description="An event's sequence lies far from the others of its patient: it is stored, and its "
            "patient's state goes on without it.",
            metric=path.withheld,
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=AT_ONCE,
            severity=Severity.WARNING,
            runbook="odd-events",
            not_breaching_because=silence + "when none runs.",
        ),
    ]
