"""Whether anybody serves, as one observer sees it: yes, no, or no opinion (A22). Pure.

Three places look: each region's keeper and the witness's probe. A region that is lost says nothing, and one
that stopped itself may have lost its keeper, too: one of the three is left to tell a person.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from lifeline.lambdas.failover.decision import DatabaseView, Observation
from lifeline.lambdas.failover.health import Health
from lifeline.lambdas.failover.lease import NO_HOLDER
from lifeline.lambdas.failover.policy import Policy

PROBED = {Health.HEALTHY: True, Health.UNHEALTHY: False}
"""What the probe of the other region says of it. An UNKNOWN says nothing."""


class RegionAnswer(NamedTuple):
    """What a region's `/health` said, or that it did not answer."""

    healthy: bool = False
    serving: bool = False
    activated: bool = True
    """Not while its database answers and names no epoch: then nobody was ever made active."""

    @classmethod
    def of(cls, status: int, body: Mapping[str, Any]) -> RegionAnswer:
        """From the answer of the query API."""
        new = body.get("database") is True and body.get("epoch") == 0
        return cls(status == 200, body.get("serving") is True, not new)


def seen_by_keeper(seen: Observation, policy: Policy, *, renewed_row: bool) -> bool | None:
    """`renewed_row`: this cycle told the own services that they may serve (A1). None: no opinion.

    A lease of the other region that moves counts as served: while a plan of its runs, that region's own
    keeper says that nobody serves.
    """
    if renewed_row:
        return True
    lease, row = seen.lease, seen.database
    if lease is None:
        return None if row is None else _seen_by_row(seen, row)
    if lease.holder in (seen.region, NO_HOLDER):
        return False
    if Health.HEALTHY in (seen.own_probe, seen.witness_probe):
        return True
    if seen.unmoved_seconds is None:
        return None
    return seen.unmoved_seconds < policy.expiry_seconds


def _seen_by_row(seen: Observation, row: DatabaseView) -> bool | None:
    """Without the lease: the database's row says whose health it is that the probe sees (A18)."""
    if row.holder == seen.region:
        # It may not serve, and without the witness nobody else was made active. A replica knows less.
        return None if row.in_recovery else False
    return PROBED.get(seen.own_probe) if row.holder else None


def seen_by_witness(
    regions: Collection[str], answers: Mapping[str, RegionAnswer | None]
) -> bool | None:
    """`answers`: of each region that was asked; None where the observer has no opinion of it."""
    known = [one for one in answers.values() if one is not None]
    if any(one.serving for one in known):
        return True
    if len(known) < len(regions) or not all(one.activated for one in known):
        return None
    return False
