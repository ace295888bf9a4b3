"""What a keeper says of itself, for `lifeline status`."""

from __future__ import annotations

import json

import pytest

from lifeline.lambdas.failover.decision import Action, Decision, Observation, Reason
from lifeline.lambdas.failover.health import Health
from lifeline.lambdas.failover.keeper_report import KeeperReport
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.readiness import Readiness

HOME, RECOVERY = "ca-central-1", "ca-west-1"
SEEN = Observation(
    region=RECOVERY,
    lease=Lease(holder=HOME, epoch=4, renewals=7, writer=HOME),
    unmoved_seconds=2.5,
    own_probe=Health.HEALTHY,
    witness_probe=Health.UNHEALTHY,
    estimated_loss_seconds=1.5,
)


def report(seen: Observation) -> KeeperReport:
    return KeeperReport.of(
        seen,
        Decision(Action.HOLD, Reason.LEASE_MOVES),
        Readiness(False, "own-probe-unknown", {"a": 1}),
        Policy(max_loss_seconds=42.0),
        renewed_row=True,
        now=1_000.0,
        plan_budget_seconds=275,
    )


def test_a_standby_says_what_it_saw() -> None:
    assert report(SEEN) == KeeperReport(
        at=1_000.0,
        region=RECOVERY,
        action="hold",
        reason="lease-moves",
        ready=False,
        ready_reason="own-probe-unknown",
        ready_evidence={"a": 1},
        seen=(4, 7),
        renewed_row=True,
        unmoved_seconds=2.5,
        own_probe="HEALTHY",
        witness_probe="UNHEALTHY",
        loss_seconds=1.5,
        allowed_seconds=42.0,
        plan_budget_seconds=275,
    )


def test_probes_are_of_a_standby_only() -> None:
    for seen in (SEEN._replace(lease=None), SEEN._replace(region=HOME)):
        assert (report(seen).own_probe, report(seen).witness_probe) == ("", "")
    assert report(SEEN._replace(lease=None)).seen is None


def test_it_comes_back_without_what_a_newer_release_adds() -> None:
    body = json.loads(json.dumps(report(SEEN).to_json())) | {"new": 1}
    assert KeeperReport.from_json(body) == report(SEEN)
    assert KeeperReport.from_json(body | {"seen": None}).seen is None
    for name in ("at", "region", "action", "reason", "ready", "ready_reason"):
        with pytest.raises(KeyError, match=f"lacks {name}"):
            KeeperReport.from_json({key: value for key, value in body.items() if key != name})
