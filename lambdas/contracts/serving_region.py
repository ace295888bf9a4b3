"""Who a region is, and which one it stands by for: what several contracts share."""

from __future__ import annotations

from dataclasses import dataclass

from lifeline.lambdas.contracts.contract import Contract, variable
from lifeline.lambdas.failover.protocol import LEASE_TTL_SECONDS, NO_STANDBY


@dataclass(frozen=True, kw_only=True)
class ServingRegion(Contract):
    """Who a process is, and how long a renewal lets it serve (A1). `peer_region` may be `NO_STANDBY`."""

    region: str = variable("AWS_REGION")
    peer_region: str
    suffix: str
    ttl_seconds: float = LEASE_TTL_SECONDS

    @property
    def has_standby(self) -> bool:
        """Whether another region can become active."""
        return self.peer_region != NO_STANDBY
