"""The numbers of the alarms, each with its unit.

Those without another source are the customer's requirements.
"""

from __future__ import annotations

from dataclasses import dataclass

from lifeline.capacity import CapacityPlan
from lifeline.data.database_parameters import MAX_CONNECTIONS
from lifeline.settings import Settings


@dataclass(frozen=True, kw_only=True)
class LagThresholds:
    """Seconds of replication lag. The critical one is the setting `lagAlarmSeconds` (30), the warning
    comes at half of it; settings refuse one above the tier's RPO."""

    warning_seconds: int
    critical_seconds: int
    files_seconds: int = 2 * 15 * 60
    """EFS promises 15 minutes for most file systems; at twice that it is broken, not slow."""
    secrets_seconds: int = 60 * 60
    """A replica secret follows in seconds; what is written once an hour at most is late after one."""

    @classmethod
    def of(cls, settings: Settings) -> LagThresholds:
        """From the environment's settings."""
        critical = settings.lag_alarm_seconds
        return cls(warning_seconds=max(1, critical // 2), critical_seconds=critical)


@dataclass(frozen=True, kw_only=True)
class LogThresholds:
    """Of the log and of who reads it. Source: the requirements; the disk's: MSK's best practices."""

    consumer_warning_messages: int = 1_000
    consumer_critical_messages: int = 10_000
    broker_cpu_percent: int = 70
    disk_used_percent: int = 85
    archive_behind_seconds: int = 15 * 60
    """Three objects late; the log keeps days."""


@dataclass(frozen=True, kw_only=True)
class PathThresholds:
    """Of the way from an edge to the database. Source: the customer's requirements."""

    latency_p95_milliseconds: int = 200
    server_error_percent: float = 1.0
    apply_failure_percent: float = 1.0
    schema_failure_percent: float = 0.1
    service_cpu_percent: int = 85


@dataclass(frozen=True, kw_only=True)
class StoreThresholds:
    """Of what a store has left. Shares of a limit; the numbers are the providers' own advice."""

    database_cpu_percent: int = 80
    database_capacity_units: float
    database_connections: int
    cache_engine_cpu_percent: int = 80
    cache_memory_percent: int = 80
    files_sync_seconds: int = 15 * 60
    files_io_limit_percent: int = 90

    @classmethod
    def of(cls, capacity: CapacityPlan) -> StoreThresholds:
        """Nine tenths of the capacity units, eight tenths of the connections."""
        return cls(
            database_capacity_units=0.9 * capacity.max_acus,
            database_connections=int(0.8 * MAX_CONNECTIONS),
        )


@dataclass(frozen=True, kw_only=True)
class FailoverThresholds:
    """Of the recovery itself."""

    events_at_risk: int
    """What arrives within the critical lag at the planned peak: counted at the mean, a healthy log would
    be an alarm at every peak. At the mean the lag in seconds is the sharper one."""
    drill_days: int = 90

    @classmethod
    def of(cls, settings: Settings) -> FailoverThresholds:
        """From the environment's settings."""
        rate = settings.capacity.peak_events_per_second
        return cls(events_at_risk=max(1, round(rate * settings.lag_alarm_seconds)))
