"""Who a service is: the part of the contract that event applier and query API share."""

from __future__ import annotations

from dataclasses import dataclass

from lifeline.lambdas.contracts.contract import Contract, variable
from lifeline.lambdas.failover.protocol import LEASE_TTL_SECONDS


@dataclass(frozen=True, kw_only=True)
class ServingRegion(Contract):
    """Who a process is, and how long a renewal lets it serve (A1)."""

    region: str = variable("AWS_REGION")
    peer_region: str
    suffix: str
    ttl_seconds: float = LEASE_TTL_SECONDS
