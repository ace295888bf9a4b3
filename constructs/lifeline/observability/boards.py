"""What stands on the two dashboards."""

from __future__ import annotations

from collections.abc import Sequence

from lifeline.foundation.alert_topics import Severity
from lifeline.observability.alarms import Alarms
from lifeline.observability.dashboards import AlarmList, LogTable, Note, Panel, Widget
from lifeline.observability.failover_alarms import LOOPS, loop_series, plan_series
from lifeline.observability.lifeline_metrics import (
    Store,
    days_since_drill,
    drill_rpo,
    drill_rto,
    events_at_risk,
    patients_at_risk,
    replication_lag,
)
from lifeline.observability.path_figures import PathFigures
from lifeline.observability.store_alarms import StoreFigures
from lifeline.observability.thresholds import LagThresholds, LogThresholds, PathThresholds
from lifeline.site import Site

DECISIONS = (
    "filter message = 'decision' | sort @timestamp desc "
    "| display @timestamp, action, reason | limit 20"
)


def region_rows(
    site: Site, *, alarms: Alarms, path: PathFigures, stores: StoreFigures
) -> list[Sequence[Widget]]:
    """Ingest, bridge, log, apply, stores of one region, in the order in which an event passes them."""
    log, limits = LogThresholds(), PathThresholds()
    return [
        [
            Note(
                text=f"# {site.region.name}, `{site.settings.environment_suffix}`. Pages: docs/runbooks"
            )
        ],
        [
            AlarmList(title="Pages", arns=alarms.arns(Severity.CRITICAL)),
            AlarmList(title="Notices", arns=alarms.arns(Severity.WARNING)),
        ],
        [
            Panel(
                title="API: requests a minute",
                lines={
                    "requests": path.requests,
                    "5xx": path.server_errors,
                    "4xx": path.client_errors,
                },
            ),
            Panel(
                title="API: p95, milliseconds",
                lines={"p95": path.latency_p95},
                limits={"notice": limits.latency_p95_milliseconds},
            ),
            Panel(
                title="Stream: records a minute",
                lines={"in": path.incoming_records, "throttled": path.write_throttled},
            ),
        ],
        [
            Panel(title="Bridge: age, milliseconds", lines={"oldest unread": path.iterator_age}),
            Panel(
                title="Log: partitions",
                lines={
                    "offline": path.offline_partitions,
                    "under-replicated": path.under_replicated_partitions,
                },
            ),
            Panel(
                title="Log: brokers, per cent",
                lines={"processor": path.broker_cpu, "disk": path.disk_used},
                limits={"processor": log.broker_cpu_percent, "disk": log.disk_used_percent},
            ),
        ],
        [
            Panel(
                title="Apply: messages behind",
                lines={"behind": path.consumer_lag},
                limits={
                    "notice": log.consumer_warning_messages,
                    "page": log.consumer_critical_messages,
                },
            ),
            Panel(
                title="Set aside",
                lines={"quarantined records": path.quarantined, "batches refused": path.rejected},
            ),
            Panel(
                title="Services: tasks, processors in per cent",
                lines={
                    **{f"{name} tasks": one for name, one in path.running_tasks.items()},
                    **{f"{name} processors": one for name, one in path.service_cpu.items()},
                },
            ),
        ],
        [
            Panel(
                title="Database: processor %, capacity units",
                lines={"processor": stores.database_cpu, "units": stores.database_capacity},
            ),
            Panel(title="Database: connections", lines={"open": stores.database_connections}),
            Panel(
                title="Database: service's own lag, milliseconds (standby only)",
                lines={"lag": stores.database_lag, "RPO": stores.database_rpo_lag},
            ),
        ],
        [
            Panel(
                title="Cache: per cent, evictions",
                lines={
                    "memory": stores.cache_memory,
                    "engine": stores.cache_cpu,
                    "evictions": stores.cache_evictions,
                },
            ),
            Panel(
                title="Files: seconds since sync, % of operations",
                lines={"sync": stores.files_sync, "operations": stores.files_io},
            ),
            Panel(
                title="Backups: jobs",
                lines={"completed": stores.backups_completed, "failed": stores.backups_failed},
            ),
        ],
    ]


def recovery_rows(site: Site, *, alarms: Alarms, lag: LagThresholds) -> list[Sequence[Widget]]:
    """Who decides what and why, how far each copy is behind, what a loss now would cost. The own region
    comes first; both are shown, so that either region's dashboard tells the whole story."""
    both = (site, site.peer)
    return [
        [
            Note(
                text="# Recovery. Who holds the lease: `lifeline authority show --suffix "
                f"{site.settings.environment_suffix}`. Why it held: docs/runbooks/holds.md"
            )
        ],
        [AlarmList(title="Alarms of this region", arns=alarms.arns())],
        [
            LogTable(
                title=f"Decisions in {one.region.name}",
                log_group=f"/aws/lambda/{one.names.regional_name('keeper', 'function')}",
                query=DECISIONS,
                region=one.region.name,
            )
            for one in both
        ],
        [
            Panel(
                title=f"Lag seen in {one.region.name}, seconds",
                lines={store.value: replication_lag(one, store) for store in Store},
                limits={"notice": lag.warning_seconds, "page": lag.critical_seconds},
                region=one.region.name,
            )
            for one in both
        ],
        [
            Panel(
                title=f"At risk, seen in {one.region.name}",
                lines={"events": events_at_risk(one), "patients": patients_at_risk(one)},
                region=one.region.name,
            )
            for one in both
        ],
        [
            Panel(
                title=f"Loops in {one.region.name}, runs a minute",
                lines={
                    f"{function} {word}": loop_series(one, function, metric)
                    for function in LOOPS
                    for word, metric in (("started", "Invocations"), ("failed", "Errors"))
                },
                region=one.region.name,
            )
            for one in both
        ],
        [
            Panel(
                title=f"Plan in {one.region.name}, executions",
                lines={
                    "started": plan_series(one, "ExecutionsStarted"),
                    "succeeded": plan_series(one, "ExecutionsSucceeded"),
                    "failed": plan_series(one, "ExecutionsFailed"),
                },
                region=one.region.name,
            )
            for one in both
        ],
        [
            Panel(
                title="Days since the last drill that passed",
                lines={"days": days_since_drill(site)},
                latest=True,
            ),
            Panel(
                title="Last drill: RTO and RPO, seconds",
                lines={"RTO": drill_rto(site), "RPO": drill_rpo(site)},
                region=site.settings.home.name,
                latest=True,
            ),
        ],
    ]
