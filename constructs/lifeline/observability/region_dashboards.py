"""What stands on the two dashboards."""

from __future__ import annotations

from collections.abc import Sequence

from lifeline.foundation.alert_topics import Severity
from lifeline.observability.alarms import Alarms, status_command
from lifeline.observability.dashboards import (
    AlarmStatusWidget,
    GraphWidget,
    LogQueryWidget,
    TextWidget,
    Widget,
)
from lifeline.observability.failover_alarms import loop_metric, loops_of, plan_metric
from lifeline.observability.lifeline_metrics import (
    DrillTarget,
    Store,
    days_since_drill,
    days_since_lab_drill,
    drill_rpo,
    drill_rto,
    events_at_risk,
    implausible_vital_signs,
    incomplete_vital_signs,
    patients_at_risk,
    replication_lag,
    serving_seen,
    takeover_ready,
    vital_signs,
)
from lifeline.observability.metric_specs import MathSpec, MetricSpec
from lifeline.observability.path_metrics import PathMetrics
from lifeline.observability.store_alarms import StoreMetrics
from lifeline.observability.thresholds import LagThresholds, LogThresholds, PathThresholds
from lifeline.site import Site

DECISIONS = (
    "filter message = 'decision' | sort @timestamp desc "
    "| display @timestamp, action, reason | limit 20"
)


def _share(flagged: MetricSpec, site: Site) -> MathSpec:
    return MathSpec(
        expression="100 * flagged / seen",
        using_metrics={"flagged": flagged, "seen": vital_signs(site)},
    )


def region_rows(
    site: Site, *, alarms: Alarms, path: PathMetrics, stores: StoreMetrics
) -> list[Sequence[Widget]]:
    """Ingest, bridge, log, apply, stores of one region, in the order in which an event passes them."""
    log, thresholds = LogThresholds(), PathThresholds()
    return [
        [
            TextWidget(
                text=f"# {site.region.name}, `{site.settings.environment_suffix}`. Does it serve? "
                f"`{_status(site)}`. What next: docs/runbooks/README.md"
            )
        ],
        [
            AlarmStatusWidget(title="Pages", arns=alarms.arns(Severity.CRITICAL)),
            AlarmStatusWidget(title="Notices", arns=alarms.arns(Severity.WARNING)),
        ],
        [
            GraphWidget(
                title="Does anybody serve? Ready to take over? 1 is yes",
                metrics={"served": serving_seen(site), "ready": takeover_ready(site)},
            ),
            *_at_risk(site),
        ],
        [
            GraphWidget(
                title="API: requests a minute",
                metrics={
                    "requests": path.requests,
                    "5xx": path.server_errors,
                    "4xx": path.client_errors,
                },
            ),
            GraphWidget(
                title="API: p95, milliseconds",
                metrics={"p95": path.latency_p95},
                annotations={"notice": thresholds.latency_p95_milliseconds},
            ),
            GraphWidget(
                title="Stream: records a minute",
                metrics={"in": path.incoming_records, "throttled": path.write_throttled},
            ),
        ],
        [
            GraphWidget(
                title="Bridge: age, milliseconds", metrics={"oldest unread": path.iterator_age}
            ),
            GraphWidget(
                title="Log: partitions",
                metrics={
                    "offline": path.offline_partitions,
                    "under-replicated": path.under_replicated_partitions,
                },
            ),
            GraphWidget(
                title="Log: brokers, per cent",
                metrics={"CPU": path.broker_cpu, "disk": path.disk_used},
                annotations={"CPU": log.broker_cpu_percent, "disk": log.disk_used_percent},
            ),
        ],
        [
            GraphWidget(
                title="Apply: messages behind",
                metrics={"behind": path.consumer_lag},
                annotations={
                    "notice": log.consumer_warning_messages,
                    "page": log.consumer_critical_messages,
                },
            ),
            GraphWidget(
                title="Set aside",
                metrics={
                    "quarantined records": path.quarantined,
                    "batches refused": path.rejected,
                    "the bridge's defects": path.defects,
                },
            ),
            GraphWidget(
                title="Services: tasks, CPU in per cent",
                metrics={
                    **{f"{name} tasks": one for name, one in path.running_tasks.items()},
                    **{f"{name} CPU": one for name, one in path.service_cpu.items()},
                },
            ),
        ],
        [
            GraphWidget(
                title="Data quality: per cent",
                metrics={
                    "no event by its schema": MathSpec(
                        expression="100 * bad / came",
                        using_metrics={"bad": path.schema_failures, "came": path.incoming_records},
                    ),
                    "vital sign incomplete": _share(incomplete_vital_signs(site), site),
                    "vital sign not plausible": _share(implausible_vital_signs(site), site),
                },
                annotations={"schema": thresholds.schema_failure_percent},
            ),
            GraphWidget(
                title="Odd events",
                metrics={
                    "same id, other content": path.unexpected,
                    "sequence withheld": path.withheld,
                    "without vital signs": path.without_vital_signs,
                },
            ),
            GraphWidget(
                title="Archive: seconds behind, days kept for it",
                metrics={"behind": path.archive_behind, "days": path.old_partitions},
                annotations={"page": log.archive_behind_seconds},
            ),
        ],
        [
            GraphWidget(
                title="Database: CPU %, capacity units",
                metrics={"CPU": stores.database_cpu, "units": stores.database_capacity},
            ),
            GraphWidget(
                title="Database: connections", metrics={"open": stores.database_connections}
            ),
            *_own_lag(site, stores),
        ],
        [
            GraphWidget(
                title="Cache: per cent, evictions",
                metrics={
                    "memory": stores.cache_memory,
                    "engine": stores.cache_cpu,
                    "evictions": stores.cache_evictions,
                },
            ),
            GraphWidget(
                title="Cache: % of reads answered, not asked",
                metrics={"hits": path.cache_hit_rate, "not asked": path.cache_breaker},
            ),
            GraphWidget(
                title="Files: seconds since sync, % of operations",
                metrics={"sync": stores.files_sync, "operations": stores.files_io},
            ),
            GraphWidget(
                title="Backups: jobs",
                metrics={**stores.backups_completed, "failed": stores.backups_failed},
            ),
        ],
    ]


def _status(site: Site) -> str:
    """What to type first."""
    return status_command(site.settings.environment_suffix, has_standby=site.has_standby)


def _at_risk(site: Site) -> list[Widget]:
    if not site.has_standby:
        return []
    return [
        GraphWidget(
            title="At risk",
            metrics={"events": events_at_risk(site), "patients": patients_at_risk(site)},
        )
    ]


def _own_lag(site: Site, stores: StoreMetrics) -> list[Widget]:
    if not site.has_standby:
        return []
    return [
        GraphWidget(
            title="Database: service's own lag, milliseconds (standby only)",
            metrics={"lag": stores.database_lag, "RPO": stores.database_rpo_lag},
        )
    ]


def failover_rows(site: Site, *, alarms: Alarms, lag: LagThresholds) -> list[Sequence[Widget]]:
    """In the order in which they are asked at night: does it serve, could the other take over, what would
    be missing, then the stores. The own region comes first; both are shown, so that either region's
    dashboard tells the whole story. Without a standby there is one, without copies and drills."""
    both = (site, site.peer) if site.has_standby else (site,)
    return [
        [
            TextWidget(
                text=f"# Does it serve? `{_status(site)}`. What next: docs/runbooks/README.md"
            )
        ],
        [
            AlarmStatusWidget(title="Pages", arns=alarms.arns(Severity.CRITICAL)),
            AlarmStatusWidget(title="Notices", arns=alarms.arns(Severity.WARNING)),
        ],
        [
            LogQueryWidget(
                title=f"Decisions in {one.region.name}",
                log_group=f"/aws/lambda/{one.names.regional_name('keeper', 'function')}",
                query=DECISIONS,
                region=one.region.name,
            )
            for one in both
        ],
        [
            GraphWidget(
                title=f"Does anybody serve? Ready to take over? 1 is yes, seen in {one.region.name}",
                metrics={"served": serving_seen(one), "ready": takeover_ready(one)},
                region=one.region.name,
            )
            for one in (*both, *([] if site.witness is None else [site.witness]))
        ],
        *(_copies_behind(both, lag) if site.has_standby else []),
        [
            GraphWidget(
                title=f"Loops in {one.region.name}, runs a minute",
                metrics={
                    f"{function} {word}": loop_metric(one, function, metric)
                    for function in loops_of(one)
                    for word, metric in (("started", "Invocations"), ("failed", "Errors"))
                },
                region=one.region.name,
            )
            for one in both
        ],
        [
            GraphWidget(
                title=f"Plan in {one.region.name}, executions",
                metrics={
                    "started": plan_metric(one, "ExecutionsStarted"),
                    "succeeded": plan_metric(one, "ExecutionsSucceeded"),
                    "failed": plan_metric(one, "ExecutionsFailed"),
                },
                region=one.region.name,
            )
            for one in both
        ],
        *([_drills(site)] if site.has_standby else []),
    ]


def _copies_behind(both: Sequence[Site], lag: LagThresholds) -> list[Sequence[Widget]]:
    return [
        [
            GraphWidget(
                title=f"At risk, seen in {one.region.name}",
                metrics={"events": events_at_risk(one), "patients": patients_at_risk(one)},
                region=one.region.name,
            )
            for one in both
        ],
        [
            GraphWidget(
                title=f"Lag seen in {one.region.name}, seconds",
                metrics={store.value: replication_lag(one, store) for store in Store},
                annotations={"notice": lag.warning_seconds, "page": lag.critical_seconds},
                region=one.region.name,
            )
            for one in both
        ],
    ]


def _drills(site: Site) -> Sequence[Widget]:
    tier = site.settings.tier
    return [
        GraphWidget(
            title="Days since the last drill that passed",
            metrics={
                "on AWS": days_since_drill(site),
                "in the lab": days_since_lab_drill(site),
            },
            latest=True,
        ),
        *(
            GraphWidget(
                title=f"Drills {where}: RTO and RPO, seconds",
                metrics={"RTO": drill_rto(site, target), "RPO": drill_rpo(site, target)},
                annotations={"RTO's limit": tier.rto_seconds, "RPO's limit": tier.rpo_seconds},
                region=site.settings.home.name,
                history=True,
            )
            for target, where in (
                (DrillTarget.AWS, "on AWS"),
                (DrillTarget.LAB, "in the lab (emulated: no promise about AWS)"),
            )
        ),
    ]
