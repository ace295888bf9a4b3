"""Whether a region does its part in a failover right now (A19): pure, from the keeper's own observation.

Readiness is asked of the decision itself: would this keeper take the lease if the active region died at this
moment? What only a living active region holds (its renewals, its healthy probes, its markers) is taken out of
the observation first; what is left, such as an unknown probe or a loss above the RPO, would hold then, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lifeline.lambdas.failover.decision import Action, Observation, Reason, decide
from lifeline.lambdas.failover.health import Health
from lifeline.lambdas.failover.lease import NO_HOLDER
from lifeline.lambdas.failover.policy import Policy

READY = "ready"
NO_OPINION = "no-opinion"
"""The witness: its own control target does not answer, or nobody told it where a region is."""
NOT_KEPT = "samples-not-kept"
"""The witness: its cycle failed, so the keepers will see no sample of it."""


@dataclass(frozen=True)
class Readiness:
    """`reason` is `ready`, or the word of what would hold."""

    ready: bool
    reason: str
    evidence: dict[str, object] = field(default_factory=dict)


def readiness(observation: Observation, policy: Policy, now: float) -> Readiness:
    """The active is ready when it renews and its database serves; a standby when it would take."""
    lease = observation.lease
    if lease is not None and lease.holder == observation.region:
        decision = decide(observation, policy, now)
        ready = (decision.action, decision.reason) == (Action.RENEW, Reason.HOLDER)
        return Readiness(ready, str(decision.reason), decision.evidence)
    decision = decide(_if_the_active_died(observation, policy), policy, now)
    if decision.action is Action.TAKE:
        return Readiness(True, READY, decision.evidence)
    return Readiness(False, str(decision.reason), decision.evidence)


def witness_readiness(seen: Mapping[str, Health]) -> Readiness:
    """Whether the witness has an opinion of each region, HEALTHY or not (A12); `seen` is by region."""
    unknown = sorted(region for region, health in seen.items() if health is Health.UNKNOWN)
    return Readiness(not unknown, NO_OPINION if unknown else READY, {"regions": unknown})


def _if_the_active_died(seen: Observation, policy: Policy) -> Observation:
    """Without what only a living active says. An UNKNOWN stays: it would hold."""
    if seen.lease is None or seen.lease.holder == NO_HOLDER:
        return seen
    return seen._replace(
        unmoved_seconds=max(policy.expiry_seconds, seen.unmoved_seconds or 0.0),
        own_probe=_silenced(seen.own_probe),
        witness_probe=_silenced(seen.witness_probe),
        # Unread markers hold for a minute of agreed UNHEALTHY at most: they delay, and do not prevent.
        markers_advance=False,
    )


def _silenced(health: Health) -> Health:
    return Health.UNHEALTHY if health is Health.HEALTHY else health
