"""Every alarm of one region, with the thresholds that follow from its settings."""

from __future__ import annotations

from lifeline.observability.alarms import AlarmSpec
from lifeline.observability.failover_alarms import failover_alarms
from lifeline.observability.path_alarms import (
    apply_alarms,
    archive_alarms,
    ingest_alarms,
    log_alarms,
)
from lifeline.observability.path_metrics import PathMetrics
from lifeline.observability.store_alarms import StoreMetrics, store_alarms
from lifeline.observability.thresholds import (
    FailoverThresholds,
    LagThresholds,
    LogThresholds,
    PathThresholds,
    StoreThresholds,
)
from lifeline.site import Site


def region_alarms(site: Site, *, path: PathMetrics, stores: StoreMetrics) -> list[AlarmSpec]:
    """Alike in both regions at every epoch. Without a standby none speaks of a copy that falls behind."""
    settings = site.settings
    lag = LagThresholds.of(settings)
    return [
        *ingest_alarms(path, PathThresholds(), settings.tier),
        *log_alarms(path, LogThresholds(), settings.strategy),
        *archive_alarms(path, LogThresholds()),
        *apply_alarms(path, LogThresholds(), PathThresholds(), settings.strategy),
        *_without_copies(
            site, store_alarms(stores, StoreThresholds.of(settings.capacity), lag, settings.tier)
        ),
        *failover_alarms(site, lag, FailoverThresholds.of(settings)),
    ]


def _without_copies(site: Site, specs: list[AlarmSpec]) -> list[AlarmSpec]:
    """Without a standby no store is replicated, and no lag of one is published.

    Buckets are: S3 tells how late their copies are in the other region, where nothing watches (ADR 23).
    """
    return [one for one in specs if site.has_standby or not one.role_dependent]
