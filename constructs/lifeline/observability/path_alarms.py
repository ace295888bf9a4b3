"""When a person must look at the way from an edge to the database."""

from __future__ import annotations

from lifeline.foundation.alert_topics import Severity
from lifeline.observability.alarms import (
    FIVE_MINUTES,
    TEN_MINUTES,
    THREE_OF_FIVE_MINUTES,
    Lasting,
    Operator,
    Rule,
)
from lifeline.observability.path_figures import PathFigures
from lifeline.observability.series import Expression
from lifeline.observability.thresholds import LogThresholds, PathThresholds
from lifeline.tiers import RecoveryTier

QUIET = "without a request there is neither latency nor error; the probes ask each API every 5 s."
MARKERS_TELL = "the alarm stream-silent fires when not even markers come."
ROLE = (
    "a standby's processor applies nothing and so is behind nothing; services-processor fires when no "
    "processor runs, replication-lag-log on silence in either role."
)
FIFTEEN_MINUTES = Lasting(breaching=15, looked_at=15)


def ingest_rules(path: PathFigures, limits: PathThresholds, tier: RecoveryTier) -> list[Rule]:
    """The API and the edge buffer. The bridge's own page at a quarter of the retention is its own."""
    return [
        Rule(
            what="api-latency",
            says=f"One request in twenty takes longer than {limits.latency_p95_milliseconds} ms.",
            measures=path.latency_p95,
            operator=Operator.ABOVE,
            limit=limits.latency_p95_milliseconds,
            lasting=FIVE_MINUTES,
            severity=Severity.WARNING,
            runbook="api-slow-or-failing",
            fine_without_data=QUIET,
        ),
        Rule(
            what="api-errors",
            says=f"More than {limits.server_error_percent:g} % of the requests end in a 5xx.",
            measures=Expression(
                text="100 * failed / asked",
                series={"failed": path.server_errors, "asked": path.requests},
            ),
            operator=Operator.ABOVE,
            limit=limits.server_error_percent,
            lasting=THREE_OF_FIVE_MINUTES,
            severity=Severity.CRITICAL,
            runbook="api-slow-or-failing",
            fine_without_data=QUIET,
        ),
        Rule(
            what="stream-silent",
            says="Not one record in three minutes, though a marker is due every second.",
            measures=path.incoming_records,
            operator=Operator.BELOW,
            limit=1,
            severity=Severity.CRITICAL,
            runbook="stream-trouble",
        ),
        Rule(
            what="stream-throttled",
            says="A shard refuses records: edges send them again, later.",
            measures=path.write_throttled,
            operator=Operator.ABOVE,
            limit=0,
            lasting=THREE_OF_FIVE_MINUTES,
            severity=Severity.WARNING,
            runbook="stream-trouble",
            fine_without_data=MARKERS_TELL,
        ),
        Rule(
            what="stream-late",
            says=f"Events wait longer than the RPO of {tier.rpo_seconds} s for the bridge.",
            measures=path.iterator_age,
            operator=Operator.ABOVE,
            limit=tier.rpo_seconds * 1_000,
            lasting=FIVE_MINUTES,
            severity=Severity.WARNING,
            runbook="bridge-behind",
        ),
    ]


def log_rules(path: PathFigures, limits: LogThresholds) -> list[Rule]:
    """The brokers and the disk."""
    return [
        Rule(
            what="log-offline-partitions",
            says="A partition has no leader: nothing is written to it or read from it.",
            measures=path.offline_partitions,
            operator=Operator.ABOVE,
            limit=0,
            severity=Severity.CRITICAL,
            runbook="log-trouble",
        ),
        Rule(
            what="log-under-replicated",
            says="A partition has fewer copies than it should; below two it takes no record.",
            measures=path.under_replicated_partitions,
            operator=Operator.ABOVE,
            limit=0,
            lasting=FIVE_MINUTES,
            severity=Severity.WARNING,
            runbook="log-trouble",
        ),
        Rule(
            what="log-cpu",
            says=f"A broker is above {limits.broker_cpu_percent} % of its processor.",
            measures=path.broker_cpu,
            operator=Operator.ABOVE,
            limit=limits.broker_cpu_percent,
            lasting=TEN_MINUTES,
            severity=Severity.WARNING,
            runbook="log-trouble",
        ),
        Rule(
            what="log-disk",
            says=f"A broker's disk is more than {limits.disk_used_percent} % full.",
            measures=path.disk_used,
            operator=Operator.ABOVE,
            limit=limits.disk_used_percent,
            lasting=FIVE_MINUTES,
            severity=Severity.CRITICAL,
            runbook="log-trouble",
        ),
    ]


def apply_rules(path: PathFigures, log: LogThresholds, limits: PathThresholds) -> list[Rule]:
    """The processor, `serve`, and what they could not use."""
    behind = [
        Rule(
            what=f"apply-behind-{severity.name.lower()}",
            says=f"The processor is more than {messages:,} messages behind the log.",
            measures=path.consumer_lag,
            operator=Operator.ABOVE,
            limit=messages,
            lasting=FIVE_MINUTES,
            severity=severity,
            runbook="apply-behind",
            fine_without_data=ROLE,
        )
        for severity, messages in (
            (Severity.WARNING, log.consumer_warning_messages),
            (Severity.CRITICAL, log.consumer_critical_messages),
        )
    ]
    tasks = [
        Rule(
            what=f"services-{name}",
            says=f"No task of the service {name} runs; both services run in both regions always.",
            measures=running,
            operator=Operator.BELOW,
            limit=1,
            severity=Severity.CRITICAL,
            runbook="apply-behind",
        )
        for name, running in path.running_tasks.items()
    ]
    busy = [
        Rule(
            what=f"services-{name}-cpu",
            says=f"The service {name} is above {limits.service_cpu_percent} % of its processors.",
            measures=cpu,
            operator=Operator.ABOVE,
            limit=limits.service_cpu_percent,
            lasting=TEN_MINUTES,
            severity=Severity.WARNING,
            runbook="apply-behind",
            fine_without_data=f"services-{name} fires when no task runs.",
        )
        for name, cpu in path.service_cpu.items()
    ]
    return [*behind, *tasks, *busy, *_dead_letters(path, limits)]


def _dead_letters(path: PathFigures, limits: PathThresholds) -> list[Rule]:
    return [
        Rule(
            what="apply-failures",
            says=f"More than {limits.apply_failure_percent:g} % of the records could not be applied "
            "and lie in error.dlq.",
            measures=Expression(
                text="100 * bad / came",
                series={"bad": path.quarantined, "came": path.incoming_records},
            ),
            operator=Operator.ABOVE,
            limit=limits.apply_failure_percent,
            lasting=THREE_OF_FIVE_MINUTES,
            severity=Severity.CRITICAL,
            runbook="dead-letters",
            fine_without_data="the processor says a line for each record it sets aside, else nothing; "
            "stream-silent and services-processor fire on silence.",
        ),
        Rule(
            what="events-rejected",
            says="Every batch for a quarter of an hour held events that had to be refused.",
            measures=path.rejected,
            operator=Operator.ABOVE,
            limit=0,
            lasting=FIFTEEN_MINUTES,
            severity=Severity.WARNING,
            runbook="dead-letters",
            fine_without_data="a batch without a refused event says nothing; stream-late fires when the "
            "bridge stands still.",
        ),
    ]
