"""When a person must look at a store: what it has left, how far its copy is behind, its backups."""

from __future__ import annotations

from dataclasses import dataclass

from lifeline.foundation.alert_topics import Severity
from lifeline.observability.alarms import (
    AT_ONCE,
    FIVE_MINUTES,
    TEN_MINUTES,
    Lasting,
    Operator,
    Rule,
)
from lifeline.observability.measured import (
    MeasuredBackups,
    MeasuredCache,
    MeasuredDatabase,
    MeasuredFiles,
)
from lifeline.observability.series import Measure, Series, measure_of
from lifeline.observability.thresholds import LagThresholds, StoreThresholds
from lifeline.tiers import RecoveryTier

HOUR = 3600


def guarded_by(store: str) -> str:
    """Why silence of a service's own lag is no fault, in the words that the alarm shows."""
    return (
        "AWS publishes this in one role only, and roles change without a deploy; "
        f"replication-lag-{store} measures the same end to end in both and fires on silence."
    )


@dataclass(frozen=True, kw_only=True)
class StoreFigures:
    """The series of a region's stores."""

    database_lag: Series
    database_rpo_lag: Series
    database_cpu: Series
    database_connections: Series
    database_capacity: Series
    cache_lag: Measure
    cache_cpu: Measure
    cache_memory: Measure
    cache_evictions: Measure
    files_sync: Measure
    files_io: Series
    backups_completed: Series
    backups_failed: Series

    @classmethod
    def of(
        cls,
        *,
        database: MeasuredDatabase,
        cache: MeasuredCache,
        files: MeasuredFiles,
        backups: MeasuredBackups,
    ) -> StoreFigures:
        """Read from the constructs."""
        return cls(
            database_lag=Series.of(database.metric_replication_lag()),
            database_rpo_lag=Series.of(database.metric_rpo_lag()),
            database_cpu=Series.of(database.metric_cpu()),
            database_connections=Series.of(database.metric_connections()),
            database_capacity=Series.of(database.metric_capacity()),
            cache_lag=measure_of(cache.metric_replication_lag()),
            cache_cpu=measure_of(cache.metric_engine_cpu()),
            cache_memory=measure_of(cache.metric_memory()),
            cache_evictions=measure_of(cache.metric_evictions()),
            files_sync=measure_of(files.metric_time_since_last_sync()),
            files_io=Series.of(files.metric_io_limit()),
            backups_completed=Series.of(backups.metric_completed()),
            backups_failed=Series.of(backups.metric_failed()),
        )


def store_rules(
    stores: StoreFigures, limits: StoreThresholds, lag: LagThresholds, tier: RecoveryTier
) -> list[Rule]:
    """Every store of the region."""
    return [
        *_database(stores, limits, lag),
        *_cache(stores, limits, lag),
        *_files(stores, limits),
        *_backups(stores, tier),
    ]


def _database(stores: StoreFigures, limits: StoreThresholds, lag: LagThresholds) -> list[Rule]:
    return [
        Rule(
            what="database-service-lag",
            says=f"A promotion now would lose more than {lag.critical_seconds} s of transactions.",
            measures=stores.database_rpo_lag,
            operator=Operator.ABOVE,
            limit=lag.critical_seconds * 1_000,
            severity=Severity.WARNING,
            runbook="replication-lag",
            fine_without_data=guarded_by("database"),
            role_dependent=True,
        ),
        _scarce(
            "database-cpu",
            f"An instance is above {limits.database_cpu_percent} % of its processor.",
            stores.database_cpu,
            limits.database_cpu_percent,
        ),
        _scarce(
            "database-capacity",
            "An instance is at nine tenths of its capacity units: it cannot grow much more.",
            stores.database_capacity,
            limits.database_capacity_units,
        ),
        _scarce(
            "database-connections",
            f"More than {limits.database_connections} connections are open, eight tenths of all.",
            stores.database_connections,
            limits.database_connections,
        ),
    ]


def _cache(stores: StoreFigures, limits: StoreThresholds, lag: LagThresholds) -> list[Rule]:
    return [
        Rule(
            what="cache-service-lag",
            says=f"The cache's copy is more than {lag.critical_seconds} s behind.",
            measures=stores.cache_lag,
            operator=Operator.ABOVE,
            limit=lag.critical_seconds,
            lasting=FIVE_MINUTES,
            severity=Severity.WARNING,
            runbook="replication-lag",
            fine_without_data=guarded_by("cache"),
            role_dependent=True,
        ),
        _scarce(
            "cache-cpu",
            f"The cache's engine is above {limits.cache_engine_cpu_percent} % of its one processor.",
            stores.cache_cpu,
            limits.cache_engine_cpu_percent,
        ),
        _scarce(
            "cache-memory",
            f"The cache is more than {limits.cache_memory_percent} % full and will soon evict sessions.",
            stores.cache_memory,
            limits.cache_memory_percent,
        ),
    ]


def _files(stores: StoreFigures, limits: StoreThresholds) -> list[Rule]:
    return [
        Rule(
            what="files-service-lag",
            says=f"The last synchronization ended more than {limits.files_sync_seconds} s ago.",
            measures=stores.files_sync,
            operator=Operator.ABOVE,
            limit=limits.files_sync_seconds,
            lasting=FIVE_MINUTES,
            severity=Severity.WARNING,
            runbook="replication-lag",
            fine_without_data="AWS publishes this in one role only, and roles change without a deploy; "
            "replication-lag-files asks the service in both regions and fires on silence.",
            role_dependent=True,
        ),
        Rule(
            what="files-io",
            says=f"The file system is above {limits.files_io_limit_percent} % of its operations.",
            measures=stores.files_io,
            operator=Operator.ABOVE,
            limit=limits.files_io_limit_percent,
            lasting=TEN_MINUTES,
            severity=Severity.WARNING,
            runbook="store-limits",
            fine_without_data="a file system that nobody uses publishes nothing; its replication is "
            "replication-lag-files' matter.",
        ),
    ]


def _backups(stores: StoreFigures, tier: RecoveryTier) -> list[Rule]:
    hours = 2 * tier.backups.hours_between_snapshots + 1  # one may fail, one may run late
    return [
        Rule(
            what="backup-overdue",
            says=f"No backup was completed for {hours} hours (tier {tier.name}).",
            measures=stores.backups_completed,
            operator=Operator.BELOW,
            limit=1,
            lasting=Lasting(breaching=hours, looked_at=hours, period_seconds=HOUR),
            severity=Severity.CRITICAL,
            runbook="backups",
        ),
        Rule(
            what="backup-failed",
            says="A backup job failed.",
            measures=stores.backups_failed,
            operator=Operator.ABOVE,
            limit=0,
            lasting=Lasting(breaching=AT_ONCE.breaching, looked_at=1, period_seconds=HOUR),
            severity=Severity.WARNING,
            runbook="backups",
            fine_without_data="no failed job, no figure; backup-overdue fires on silence.",
        ),
    ]


def _scarce(what: str, says: str, measures: Measure, limit: float) -> Rule:
    """Something that runs out, watched for ten minutes."""
    return Rule(
        what=what,
        says=says,
        measures=measures,
        operator=Operator.ABOVE,
        limit=limit,
        lasting=TEN_MINUTES,
        severity=Severity.WARNING,
        runbook="store-limits",
    )
