"""Readiness (A19): a healthy active holds nothing against it, and every other guard does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lifeline.lambdas.failover.decision import Action, DatabaseView, Observation, decide
from lifeline.lambdas.failover.health import Health
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.readiness import readiness, witness_readiness

HOME, RECOVERY = "ca-central-1", "ca-west-1"
POLICY = Policy()
NOW = 10_000.0
LEASE = Lease(holder=HOME, epoch=1, renewals=7, writer=HOME)
STANDBY = Observation(
    region=RECOVERY,
    lease=LEASE,
    unmoved_seconds=2.0,
    own_probe=Health.HEALTHY,
    witness_probe=Health.HEALTHY,
    control_answered=True,
    database=DatabaseView(epoch=1, holder=HOME, in_recovery=True),
    query_api_answered=True,
    markers_advance=True,
    estimated_loss_seconds=1.0,
)
ACTIVE = Observation(
    region=HOME, lease=LEASE, database=DatabaseView(epoch=1, holder=HOME, in_recovery=False)
)


def test_a_standby_of_a_healthy_active_holds_and_is_ready() -> None:
    assert decide(STANDBY, POLICY, NOW).action is Action.HOLD
    assert readiness(STANDBY, POLICY, NOW).ready


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"own_probe": Health.UNKNOWN}, "own-probe-unknown"),
        ({"witness_probe": Health.UNKNOWN}, "witness-probe-unknown"),
        ({"control_answered": False}, "own-control-probe-failed"),
        ({"database": None}, "own-database-unreachable"),
        ({"query_api_answered": False}, "own-services-unreachable"),
        ({"database": DatabaseView(2, RECOVERY, True)}, "database-newer-than-lease"),
        ({"estimated_loss_seconds": None}, "loss-unknown"),
        ({"estimated_loss_seconds": 60.001}, "loss-above-rpo"),
        ({"lease": None}, "witness-unreachable"),
        ({"lease": None, "lease_missing": True}, "lease-item-missing"),
        ({"lease": replace(LEASE, paused_until=NOW + 1)}, "paused"),
        ({"lease": replace(LEASE, unfit=frozenset({RECOVERY}))}, "unfit-until-reprotected"),
        ({"lease": replace(LEASE, moved_at=NOW - 599)}, "cool-down"),
        ({"releases": 1, "released_seconds_ago": 29.9}, "backing-off-after-releases"),
    ],
)
def test_what_a_healthy_active_does_not_hold_makes_it_unready(
    change: dict[str, object], reason: str
) -> None:
    """R4: several of these hold in silence while the active lives, and would hold when it died."""
    said = readiness(STANDBY._replace(**change), POLICY, NOW)  # type: ignore[arg-type]
    assert (said.ready, said.reason) == (False, reason)


def test_an_active_is_ready_when_it_renews_and_its_database_serves() -> None:
    assert readiness(ACTIVE, POLICY, NOW).ready
    without = readiness(ACTIVE._replace(database=None), POLICY, NOW)
    assert (without.ready, without.reason) == (False, "database-unreachable")
    alone = readiness(ACTIVE._replace(lease=None), POLICY, NOW)
    assert (alone.ready, alone.reason) == (False, "witness-unreachable")


def test_the_writer_of_a_released_lease_is_ready_and_the_other_region_is_judged_as_it_is() -> None:
    released = replace(LEASE, holder=NO_HOLDER)
    writer = ACTIVE._replace(lease=released, control_answered=True, query_api_answered=True)
    assert readiness(writer, POLICY, NOW).ready
    # Nobody lives: what the probes see is not taken away.
    assert not readiness(STANDBY._replace(lease=released), POLICY, NOW).ready


def test_the_witness_is_ready_when_it_has_an_opinion_of_each_region() -> None:
    healthy = {HOME: Health.HEALTHY, RECOVERY: Health.UNHEALTHY}
    assert witness_readiness(healthy).ready
    said = witness_readiness(healthy | {HOME: Health.UNKNOWN})
    assert (said.ready, said.reason, said.evidence) == (False, "no-opinion", {"regions": [HOME]})
