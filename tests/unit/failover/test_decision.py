"""The decision, guard by guard: from the one observation that promotes, each doubt alone holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lifeline.lambdas.failover.decision import Action, DatabaseView, Observation, decide
from lifeline.lambdas.failover.health import Health
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease
from lifeline.lambdas.failover.policy import Policy

HOME, RECOVERY = "ca-central-1", "ca-west-1"
POLICY = Policy()
NOW = 10_000.0
LEASE = Lease(holder=HOME, epoch=1, renewals=7, writer=HOME)
REPLICA = DatabaseView(epoch=1, holder=HOME, in_recovery=True)
LOST = Observation(
    region=RECOVERY,
    lease=LEASE,
    unmoved_seconds=POLICY.expiry_seconds,
    own_probe=Health.UNHEALTHY,
    witness_probe=Health.UNHEALTHY,
    control_answered=True,
    agreed_unhealthy_seconds=30.0,
    database=REPLICA,
    query_api_answered=True,
    markers_advance=False,
    estimated_loss_seconds=1.0,
)


def test_everything_known_and_lost_takes() -> None:
    decision = decide(LOST, POLICY, NOW)
    assert (decision.action, decision.reason) == (Action.TAKE, "active-lost")
    assert decision.page, "a region that fails over by itself tells a person that it does"
    assert decision.evidence["epoch"] == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"unmoved_seconds": POLICY.expiry_seconds - 0.001}, "lease-not-expired"),
        ({"unmoved_seconds": 9.9}, "lease-moves"),
        ({"unmoved_seconds": None}, "lease-moves"),
        ({"control_answered": False}, "own-control-probe-failed"),
        ({"database": None}, "own-database-unreachable"),
        ({"query_api_answered": False}, "own-services-unreachable"),
        ({"database": DatabaseView(2, RECOVERY, True)}, "database-newer-than-lease"),
        ({"own_probe": Health.UNKNOWN}, "own-probe-unknown"),
        ({"own_probe": Health.HEALTHY}, "own-probe-healthy"),
        ({"witness_probe": Health.UNKNOWN}, "witness-probe-unknown"),
        ({"witness_probe": Health.HEALTHY}, "witness-probe-healthy"),
        ({"markers_advance": True}, "markers-still-applied"),
        ({"markers_advance": None}, "markers-unknown"),
        ({"estimated_loss_seconds": None}, "loss-unknown"),
        ({"estimated_loss_seconds": 60.001}, "loss-above-rpo"),
        ({"lease": None}, "witness-unreachable"),
        ({"lease": None, "lease_missing": True}, "lease-item-missing"),
        ({"lease": replace(LEASE, paused_until=NOW + 1)}, "paused"),
        ({"lease": replace(LEASE, unfit=frozenset({RECOVERY}))}, "unfit-until-reprotected"),
        ({"lease": replace(LEASE, moved_at=NOW - 599)}, "cool-down"),
        ({"releases": 1, "released_seconds_ago": 29.9}, "backing-off-after-releases"),
        ({"releases": 9, "released_seconds_ago": 299.9}, "backing-off-after-releases"),
    ],
)
def test_any_single_doubt_holds(change: dict[str, object], reason: str) -> None:
    decision = decide(replace(LOST, **change), POLICY, NOW)  # type: ignore[arg-type]
    assert (decision.action, decision.reason) == (Action.HOLD, reason)


def test_efs_veto_is_not_one() -> None:
    """Named scenario: only the applied marker vetoes; nothing else in the observation can (A6)."""
    fields = set(Observation.__dataclass_fields__)
    assert not {name for name in fields if "file" in name or "cache" in name or "secret" in name}


def test_the_veto_lapses_after_a_minute_of_agreement() -> None:
    vetoed = replace(LOST, markers_advance=True)
    assert decide(replace(vetoed, agreed_unhealthy_seconds=59.9), POLICY, NOW).action is Action.HOLD
    assert decide(replace(vetoed, agreed_unhealthy_seconds=60.0), POLICY, NOW).action is Action.TAKE


def test_loss_gate_waits_for_a_person_and_only_for_this_epoch_and_loss() -> None:
    """Named scenario loss-gate-waits (A5, D9)."""
    lossy = replace(LOST, estimated_loss_seconds=90.0)
    approved = replace(LEASE, approved_epoch=2, approved_loss_seconds=100.0, approval_until=NOW + 1)
    assert decide(replace(lossy, lease=approved), POLICY, NOW).action is Action.TAKE
    for stale in (
        replace(approved, approved_epoch=1),
        replace(approved, approved_loss_seconds=89.0),
        replace(approved, approval_until=NOW),
    ):
        assert decide(replace(lossy, lease=stale), POLICY, NOW).reason == "loss-above-rpo"


@pytest.mark.parametrize(("releases", "ago"), [(0, None), (1, 30.0), (9, 300.0), (9, -0.1)])
def test_the_back_off_ends_and_a_wrong_clock_does_not_prolong_it(
    releases: int, ago: float | None
) -> None:
    seen = replace(LOST, releases=releases, released_seconds_ago=ago)
    assert decide(seen, POLICY, NOW).action is Action.TAKE


class TestHolder:
    """The region that holds the lease."""

    HELD = Observation(region=HOME, lease=LEASE, database=DatabaseView(1, HOME, False))

    def test_renews(self) -> None:
        assert decide(self.HELD, POLICY, NOW).action is Action.RENEW

    @pytest.mark.parametrize(
        "row",
        [
            DatabaseView(0, "", False),
            DatabaseView(1, "", False),
            DatabaseView(1, RECOVERY, False),
            DatabaseView(1, HOME, True),
        ],
    )
    def test_recovers_when_its_database_is_behind(self, row: DatabaseView) -> None:
        assert decide(replace(self.HELD, database=row), POLICY, NOW).action is Action.RECOVER

    def test_renews_without_its_database_so_that_only_a1_stops_it(self) -> None:
        decision = decide(replace(self.HELD, database=None), POLICY, NOW)
        assert (decision.action, decision.page) == (Action.RENEW, True)

    def test_holds_when_the_lease_was_rolled_back(self) -> None:
        """Named scenario forced-then-witness-back (A10)."""
        row = DatabaseView(3, HOME, False)
        assert decide(replace(self.HELD, database=row), POLICY, NOW).action is Action.HOLD


class TestWithoutWitness:
    """Neither a no nor a yes from the witness."""

    ALONE = Observation(region=HOME, lease=None, database=DatabaseView(1, HOME, False))

    def test_asks_for_a_promise(self) -> None:
        assert decide(self.ALONE, POLICY, NOW).action is Action.ASK_FAILSAFE

    def test_serves_on_under_a_pause_read_within_ttl(self) -> None:
        paused = replace(self.ALONE, pause_read_seconds_ago=19.9)
        assert decide(paused, POLICY, NOW).action is Action.SERVE_PAUSED
        old = replace(self.ALONE, pause_read_seconds_ago=20.0)
        assert decide(old, POLICY, NOW).action is Action.ASK_FAILSAFE

    def test_a_standby_waits(self) -> None:
        standby = replace(self.ALONE, region=RECOVERY, database=REPLICA)
        assert decide(standby, POLICY, NOW).action is Action.HOLD


class TestReleased:
    """Nobody holds the lease: a plan gave up before the point of no return (A3, A13)."""

    FREE = replace(LEASE, holder=NO_HOLDER, epoch=2)

    def test_the_writer_takes_without_waiting(self) -> None:
        seen = Observation(
            region=HOME,
            lease=self.FREE,
            control_answered=True,
            database=DatabaseView(1, HOME, False),
            query_api_answered=True,
        )
        decision = decide(seen, POLICY, NOW)
        assert (decision.action, decision.reason) == (Action.TAKE, "released-to-writer")

    def test_the_other_waits_like_for_a_lost_active(self) -> None:
        seen = replace(LOST, lease=self.FREE, own_probe=Health.HEALTHY)
        assert decide(seen, POLICY, NOW).reason == "own-probe-healthy"
