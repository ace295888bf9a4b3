"""What of the standby runs before it is needed: the strategies that an environment may choose from."""

from __future__ import annotations

from enum import StrEnum


class Strategy(StrEnum):
    """How much of the standby runs. The names are AWS's (Disaster Recovery of Workloads on AWS)."""

    WARM_STANDBY = "warm-standby"
    """Everything runs in both regions; a failover adds event appliers."""
    PILOT_LIGHT = "pilot-light"
    """Stores, bridge, markers and watermark run in both regions (B12); the standby's event applier and query
    API have 0 tasks, and a failover starts them before it opens."""
    BACKUP_ONLY = "backup-only"
    """No standby: the other region keeps copies of backups and buckets, and runs nothing. When home is lost,
    a person makes a new environment and restores into it, which takes hours."""

    @property
    def services_rest(self) -> bool:
        """Whether the standby's event applier and query API have 0 tasks."""
        return self is Strategy.PILOT_LIGHT

    @property
    def has_standby(self) -> bool:
        """Whether the recovery region can become active."""
        return self is not Strategy.BACKUP_ONLY
