"""What a region's keeper says of itself each cycle: an item in its own table that `lifeline status` reads.

Nothing decides by it. Times are epoch seconds of the region's own clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from lifeline.lambdas.failover.decision import Decision, Observation
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.readiness import Readiness


@dataclass(frozen=True, kw_only=True)
class KeeperReport:
    """One cycle. `renewed_row`: it told its database that the region may serve for another ttl (A1).

    `seen` is (epoch, renewals) of the lease; `unmoved_seconds` how long a standby saw the lease stand still;
    `plan_budget_seconds` what a failover by the region's plan may take, 0 where it is not said.
    None is not known.
    """

    at: float
    region: str
    action: str
    reason: str
    ready: bool
    ready_reason: str
    ready_evidence: Mapping[str, Any] = field(default_factory=dict)
    seen: tuple[int, int] | None = None
    renewed_row: bool = False
    unmoved_seconds: float | None = None
    own_probe: str = ""
    witness_probe: str = ""
    loss_seconds: float | None = None
    allowed_seconds: float | None = None
    plan_budget_seconds: int = 0

    @classmethod
    def of(
        cls,
        observation: Observation,
        decision: Decision,
        said: Readiness,
        policy: Policy,
        *,
        renewed_row: bool,
        now: float,
        plan_budget_seconds: int = 0,
    ) -> KeeperReport:
        """The report of a cycle that ended at `now`."""
        lease = observation.lease
        standby = lease is not None and lease.holder != observation.region
        return cls(
            at=now,
            region=observation.region,
            action=str(decision.action),
            reason=str(decision.reason),
            ready=said.ready,
            ready_reason=said.reason,
            ready_evidence=said.evidence,
            seen=None if lease is None else (lease.epoch, lease.renewals),
            renewed_row=renewed_row,
            unmoved_seconds=observation.unmoved_seconds,
            own_probe=str(observation.own_probe) if standby else "",
            witness_probe=str(observation.witness_probe) if standby else "",
            loss_seconds=observation.estimated_loss_seconds,
            allowed_seconds=policy.max_loss_seconds,
            plan_budget_seconds=plan_budget_seconds,
        )

    def to_json(self) -> dict[str, Any]:
        """For the region's table."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> KeeperReport:
        """The inverse. What a newer release adds is left out; raises KeyError for what is missing."""
        known = {one.name for one in fields(cls)}
        found = {key: value for key, value in body.items() if key in known}
        missing = {"at", "region", "action", "reason", "ready", "ready_reason"} - set(found)
        if missing:
            raise KeyError(f"a keeper's report lacks {', '.join(sorted(missing))}")
        seen = found.get("seen")
        return cls(**{**found, "seen": None if seen is None else (int(seen[0]), int(seen[1]))})
