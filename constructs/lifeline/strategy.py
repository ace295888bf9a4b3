"""What of the standby runs before it is needed: the three strategies that an environment may choose from."""

from __future__ import annotations

from enum import StrEnum


class Strategy(StrEnum):
    """How much of the standby runs. The names are AWS's (Disaster Recovery of Workloads on AWS)."""

    WARM_STANDBY = "warm-standby"
    """Everything runs in both regions; a failover adds event appliers."""
    PILOT_LIGHT = "pilot-light"
    """Stores, bridge, markers and watermark run in both regions (B12); the standby's event applier and query
    API have 0 tasks, and a failover starts them before it opens."""

    @property
    def services_rest(self) -> bool:
        """Whether the standby's event applier and query API have 0 tasks."""
        return self is Strategy.PILOT_LIGHT
