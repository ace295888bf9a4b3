"""When a person must look at a store: what it has left, how far its copy is behind, its backups."""

from __future__ import annotations

from dataclasses import dataclass

from lifeline.foundation.alert_topics import Severity
from lifeline.observability.alarms import (
    AT_ONCE,
    FIVE_MINUTES,
    TEN_MINUTES,
    AlarmSpec,
    Evaluation,
    Operator,
)
from lifeline.observability.metric_sources import (
    BackupsMetricSource,
    BucketsMetricSource,
    CacheMetricSource,
    DatabaseMetricSource,
    FilesMetricSource,
)
from lifeline.observability.metric_specs import AnyMetricSpec, MetricSpec, metric_spec
from lifeline.observability.thresholds import LagThresholds, StoreThresholds
from lifeline.tiers import RecoveryTier

HOUR = 3600
QUARTER_OF_AN_HOUR = 900
BACKED_UP = {"database": ("Aurora", True), "files": ("EFS", False)}
"""By the store's name in alarms: AWS Backup's word for it, and whether it keeps a journal."""


def guarded_by(store: str) -> str:
    """Why silence of a service's own lag is no fault, in the words that the alarm shows."""
    return (
        "AWS publishes this in one role only, and roles change without a deploy; "
        f"replication-lag-{store} measures the same end to end in both and fires on silence."
    )


@dataclass(frozen=True, kw_only=True)
class StoreMetrics:
    """The metrics of a region's stores."""

    database_lag: MetricSpec
    database_rpo_lag: MetricSpec
    database_cpu: MetricSpec
    database_connections: MetricSpec
    database_capacity: MetricSpec
    cache_lag: AnyMetricSpec
    cache_cpu: AnyMetricSpec
    cache_memory: AnyMetricSpec
    cache_evictions: AnyMetricSpec
    files_sync: AnyMetricSpec
    files_io: MetricSpec
    backups_completed: dict[str, MetricSpec]
    """By store: the vault's sum would hide the one that is copied less often (S8)."""
    backups_failed: MetricSpec
    archive_copy_failed: MetricSpec
    archive_copy_latency: MetricSpec
    """Of the peer's archive, in this region."""

    @classmethod
    def of(
        cls,
        *,
        database: DatabaseMetricSource,
        cache: CacheMetricSource,
        files: FilesMetricSource,
        backups: BackupsMetricSource,
        buckets: BucketsMetricSource,
    ) -> StoreMetrics:
        """Read from the constructs."""
        return cls(
            database_lag=MetricSpec.of(database.metric_replication_lag()),
            database_rpo_lag=MetricSpec.of(database.metric_rpo_lag()),
            database_cpu=MetricSpec.of(database.metric_cpu()),
            database_connections=MetricSpec.of(database.metric_connections()),
            database_capacity=MetricSpec.of(database.metric_capacity()),
            cache_lag=metric_spec(cache.metric_replication_lag()),
            cache_cpu=metric_spec(cache.metric_engine_cpu()),
            cache_memory=metric_spec(cache.metric_memory()),
            cache_evictions=metric_spec(cache.metric_evictions()),
            files_sync=metric_spec(files.metric_time_since_last_sync()),
            files_io=MetricSpec.of(files.metric_io_limit()),
            backups_completed={
                name: MetricSpec.of(backups.metric_completed(resource_type))
                for name, (resource_type, _) in BACKED_UP.items()
            },
            backups_failed=MetricSpec.of(backups.metric_failed()),
            archive_copy_failed=MetricSpec.of(buckets.metric_failed("archive")),
            archive_copy_latency=MetricSpec.of(buckets.metric_latency_seconds("archive")),
        )


def store_alarms(
    stores: StoreMetrics, thresholds: StoreThresholds, lag: LagThresholds, tier: RecoveryTier
) -> list[AlarmSpec]:
    """Every store of the region."""
    return [
        *_database(stores, thresholds, lag),
        *_cache(stores, thresholds, lag),
        *_files(stores, thresholds),
        *_backups(stores, tier),
        *_archive_copies(stores),
    ]


def _database(
    stores: StoreMetrics, thresholds: StoreThresholds, lag: LagThresholds
) -> list[AlarmSpec]:
    return [
        AlarmSpec(
            name="database-service-lag",
            description=f"A promotion now would lose more than {lag.critical_seconds} s of transactions.",
            metric=stores.database_rpo_lag,
            operator=Operator.ABOVE,
            threshold=lag.critical_seconds * 1_000,
            severity=Severity.WARNING,
            runbook="replication-lag",
            not_breaching_because=guarded_by("database"),
            role_dependent=True,
        ),
        _scarce(
            "database-cpu",
            f"An instance is above {thresholds.database_cpu_percent} % of its CPU.",
            stores.database_cpu,
            thresholds.database_cpu_percent,
        ),
        _scarce(
            "database-capacity",
            "An instance is at nine tenths of its capacity units: it cannot grow much more.",
            stores.database_capacity,
            thresholds.database_capacity_units,
        ),
        _scarce(
            "database-connections",
            f"More than {thresholds.database_connections} connections are open, eight tenths of all.",
            stores.database_connections,
            thresholds.database_connections,
        ),
    ]


def _cache(
    stores: StoreMetrics, thresholds: StoreThresholds, lag: LagThresholds
) -> list[AlarmSpec]:
    return [
        AlarmSpec(
            name="cache-service-lag",
            description=f"The cache's copy is more than {lag.critical_seconds} s behind.",
            metric=stores.cache_lag,
            operator=Operator.ABOVE,
            threshold=lag.critical_seconds,
            evaluation=FIVE_MINUTES,
            severity=Severity.WARNING,
            runbook="replication-lag",
            not_breaching_because=guarded_by("cache"),
            role_dependent=True,
        ),
        _scarce(
            "cache-cpu",
            f"The cache's engine is above {thresholds.cache_engine_cpu_percent} % of its one core.",
            stores.cache_cpu,
            thresholds.cache_engine_cpu_percent,
        ),
        _scarce(
            "cache-memory",
            f"The cache is more than {thresholds.cache_memory_percent} % full and will soon evict sessions.",
            stores.cache_memory,
            thresholds.cache_memory_percent,
        ),
    ]


def _files(stores: StoreMetrics, thresholds: StoreThresholds) -> list[AlarmSpec]:
    return [
        AlarmSpec(
            name="files-service-lag",
            description=f"The last synchronization ended more than {thresholds.files_sync_seconds} s ago.",
            metric=stores.files_sync,
            operator=Operator.ABOVE,
            threshold=thresholds.files_sync_seconds,
            evaluation=FIVE_MINUTES,
            severity=Severity.WARNING,
            runbook="replication-lag",
            not_breaching_because="AWS publishes this in one role only, and roles change without a deploy; "
            "replication-lag-files asks the service in both regions and fires on silence.",
            role_dependent=True,
        ),
        AlarmSpec(
            name="files-io",
            description=f"The file system is above {thresholds.files_io_limit_percent} % of its operations.",
            metric=stores.files_io,
            operator=Operator.ABOVE,
            threshold=thresholds.files_io_limit_percent,
            evaluation=TEN_MINUTES,
            severity=Severity.WARNING,
            runbook="store-limits",
            not_breaching_because="a file system that nobody uses publishes nothing; its replication is "
            "replication-lag-files' matter.",
        ),
    ]


def _backups(stores: StoreMetrics, tier: RecoveryTier) -> list[AlarmSpec]:
    overdue = []
    for name, (_, keeps_a_journal) in BACKED_UP.items():
        # One may fail, one may run late.
        hours = 2 * tier.backups.hours_between(keeps_a_journal=keeps_a_journal) + 1
        overdue.append(
            AlarmSpec(
                name=f"backup-overdue-{name}",
                description=f"No backup of the {name} was completed for {hours} hours (tier {tier.name}).",
                metric=stores.backups_completed[name],
                operator=Operator.BELOW,
                threshold=1,
                evaluation=Evaluation(
                    datapoints_to_alarm=hours, evaluation_periods=hours, period_seconds=HOUR
                ),
                severity=Severity.CRITICAL,
                runbook="backups",
            )
        )
    return [
        *overdue,
        AlarmSpec(
            name="backup-failed",
            description="A backup job failed.",
            metric=stores.backups_failed,
            operator=Operator.ABOVE,
            threshold=0,
            evaluation=Evaluation(
                datapoints_to_alarm=AT_ONCE.datapoints_to_alarm,
                evaluation_periods=1,
                period_seconds=HOUR,
            ),
            severity=Severity.WARNING,
            runbook="backups",
            not_breaching_because="no failed job, no figure; backup-overdue-database and "
            "backup-overdue-files fire on silence.",
        ),
    ]


def _archive_copies(stores: StoreMetrics) -> list[AlarmSpec]:
    """What S3 copies between the two archives."""
    return [
        AlarmSpec(
            name="archive-copy-failed",
            description="S3 gave up copying objects of this region's archive to the other region's bucket.",
            metric=stores.archive_copy_failed,
            operator=Operator.ABOVE,
            threshold=0,
            # S3 tells of a failure in one minute, and does not try again; objects come minutes apart.
            evaluation=Evaluation(
                datapoints_to_alarm=1, evaluation_periods=1, period_seconds=QUARTER_OF_AN_HOUR
            ),
            severity=Severity.WARNING,
            runbook="archive",
            not_breaching_because="no object that failed, no figure; archive-behind fires when none is "
            "written.",
        ),
        AlarmSpec(
            name="archive-copy-late",
            description="The copy of the other region's archive is more than an hour behind.",
            metric=stores.archive_copy_latency,
            operator=Operator.ABOVE,
            threshold=HOUR,
            # S3 publishes its metrics as it can, and leaves some out.
            evaluation=Evaluation(datapoints_to_alarm=7, evaluation_periods=10),
            severity=Severity.WARNING,
            runbook="archive",
            not_breaching_because="S3 publishes it while it copies; archive-behind of the other region fires "
            "when it writes none. Once the rule that copies is gone nothing fires: archive verify sees that.",
            role_dependent=True,
        ),
    ]


def _scarce(name: str, description: str, metric: AnyMetricSpec, threshold: float) -> AlarmSpec:
    """Something that runs out, watched for ten minutes."""
    return AlarmSpec(
        name=name,
        description=description,
        metric=metric,
        operator=Operator.ABOVE,
        threshold=threshold,
        evaluation=TEN_MINUTES,
        severity=Severity.WARNING,
        runbook="store-limits",
    )
