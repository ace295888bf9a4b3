"""What a keeper remembers of the active's signs of life (A5, A7)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lifeline.lambdas.failover.health import Health
from lifeline.lambdas.failover.lag import Applied, estimated_loss_seconds
from lifeline.lambdas.failover.lease import Lease, Promise
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.protocol import OWN_GAP_SECONDS
from lifeline.lambdas.keeper.memory import Memory

START = Lease(holder="ca-central-1", epoch=1, renewals=1, writer="ca-central-1")
PROMISE = Promise(failsafe=0, promoting=0, tries=0)


def renewed(memory: Memory, renewals: int, now: float, epoch: int = 1) -> Memory:
    lease = Lease(holder="ca-central-1", epoch=epoch, renewals=renewals, writer="ca-central-1")
    return memory.saw_lease(lease, PROMISE, now)


def test_the_first_sight_of_a_lease_is_no_sign_of_life() -> None:
    assert renewed(Memory(), 7, 100.0).renewed_at is None


def test_a_renewal_is_a_sign_of_life_and_standing_still_is_none() -> None:
    memory = renewed(renewed(Memory(), 7, 100.0), 8, 105.0)
    assert memory.renewed_at == 105.0
    assert renewed(memory, 8, 500.0).renewed_at == 105.0


def test_neither_a_promise_nor_a_pause_is_one() -> None:
    memory = renewed(renewed(Memory(), 7, 100.0), 8, 105.0)
    promised = memory.saw_lease(
        Lease(
            holder="ca-central-1", epoch=1, renewals=8, writer="ca-central-1", paused_until=900.0
        ),
        Promise(failsafe=3, promoting=0, tries=0),
        200.0,
    )
    assert (promised.unmoved_since, promised.renewed_at) == (200.0, 105.0)


def test_an_active_that_renewed_behind_an_ill_front_may_have_accepted_until_then() -> None:
    """A5: unhealthy for an hour, renewing all the time; replication stood still for the last ten minutes."""
    memory = renewed(Memory(), 1, 0.0).saw_health(Health.HEALTHY, Health.HEALTHY, 0.0)
    for second in range(5, 3_600, 5):
        memory = renewed(memory, second, float(second))
        memory = memory.saw_health(Health.UNHEALTHY, Health.UNHEALTHY, float(second))
    assert estimated_loss_seconds(memory.alive_at, 3_000.0) == pytest.approx(595.0)
    assert estimated_loss_seconds(memory.last_healthy_at, 3_000.0) == 0.0


def test_what_the_own_plan_gave_back_is_no_sign_of_life_of_the_lost_region() -> None:
    """A promotion was refused for half a minute: the plan held the lease, and let it go.

    Found by the lab's `promotion-refused`: the loss grew by that, passed the RPO, and waited for a person.
    """
    memory = renewed(renewed(Memory(last_healthy_at=110.0), 7, 100.0), 8, 105.0)
    mine = Lease(holder="", epoch=2, renewals=14, writer="ca-central-1")
    after = memory.saw_lease(mine, Promise(releases=1, released_epoch=2), 150.0)
    assert (after.alive_at, after.unmoved_since) == (110.0, 150.0)
    # Another region's epoch is one: it may have served.
    assert memory.saw_lease(mine, Promise(releases=1, released_epoch=1), 150.0).alive_at == 150.0


def test_without_a_healthy_look_nothing_is_known() -> None:
    memory = renewed(renewed(Memory(), 7, 100.0), 8, 105.0)
    assert memory.alive_at is None


def test_it_is_remembered_between_runs() -> None:
    memory = renewed(renewed(Memory(last_healthy_at=90.0), 7, 100.0), 8, 105.0)
    kept = Memory.from_json(memory.to_json())
    assert (kept, kept.alive_at) == (memory, 105.0)
    # What the release before wrote has no such field.
    old = {name: value for name, value in memory.to_json().items() if name != "renewed_at"}
    assert Memory.from_json(old).alive_at == 90.0


def test_an_agreement_does_not_last_over_a_gap_in_which_nobody_looked() -> None:
    """A20: a keeper that was away for five minutes knows nothing of them, so no veto lapses by them (A6)."""
    ill = Health.UNHEALTHY
    memory = Memory().saw_health(ill, ill, 100.0).saw_health(ill, ill, 105.0)
    assert memory.agreed_unhealthy_seconds(105.0) == 5.0
    assert (
        Memory.from_json(memory.to_json()).saw_health(ill, ill, 130.0).agreed_unhealthy_since
        == 100.0
    )
    assert memory.saw_health(ill, ill, 405.0).agreed_unhealthy_since == 405.0


def test_whatever_moves_starts_the_clock_again() -> None:
    """A2: a new attempt, or a promise that was asked for, is not standing still."""
    lease = Lease(holder="ca-central-1", epoch=1, renewals=7, writer="ca-central-1")
    memory = Memory().saw_lease(lease, PROMISE, 100.0)
    assert memory.unmoved_seconds(110.0) == 10.0
    for moved, promise in (
        (replace(lease, attempt=1), PROMISE),
        (replace(lease, renewals=8), PROMISE),
        (replace(lease, epoch=2), PROMISE),
        (lease, replace(PROMISE, failsafe=1)),
    ):
        assert memory.saw_lease(moved, promise, 110.0).unmoved_since == 110.0
    assert memory.saw_lease(lease, replace(PROMISE, promoting=2), 110.0).unmoved_since == 100.0


def test_what_was_never_seen_has_no_age_and_no_age_is_negative() -> None:
    assert Memory().unmoved_seconds(100.0) is None
    assert Memory().agreed_unhealthy_seconds(100.0) == 0.0
    ahead = Memory(unmoved_since=105.0, agreed_unhealthy_since=105.0)
    assert (ahead.unmoved_seconds(100.0), ahead.agreed_unhealthy_seconds(100.0)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("own", "witness", "healthy_at", "since"),
    [
        (Health.UNHEALTHY, Health.UNHEALTHY, 90.0, 100.0),
        (Health.UNHEALTHY, Health.UNKNOWN, 90.0, None),
        (Health.UNKNOWN, Health.UNHEALTHY, 90.0, None),
        (Health.HEALTHY, Health.UNHEALTHY, 105.0, None),
        (Health.UNHEALTHY, Health.HEALTHY, 105.0, None),
    ],
)
def test_one_observers_word_is_no_agreement(
    own: Health, witness: Health, healthy_at: float, since: float | None
) -> None:
    memory = Memory(last_healthy_at=90.0, agreed_unhealthy_since=100.0, health_at=100.0)
    after = memory.saw_health(own, witness, 105.0)
    assert (after.last_healthy_at, after.agreed_unhealthy_since) == (healthy_at, since)
    assert after.health_at == 105.0


@pytest.mark.parametrize(("gap", "since"), [(0.0, 100.0), (0.1, 200.0 + 0.1)])
def test_an_agreement_lasts_over_a_gap_of_the_protocols_length(gap: float, since: float) -> None:
    ill = Health.UNHEALTHY
    last = 200.0 - OWN_GAP_SECONDS
    memory = Memory(agreed_unhealthy_since=100.0, health_at=last)
    assert memory.saw_health(ill, ill, 200.0 + gap).agreed_unhealthy_since == since


def test_two_windows_of_the_applied_markers_are_kept() -> None:
    """A6: the rate over one window needs what lies right before it."""
    policy = Policy(veto_window_seconds=10.0)
    memory = Memory()
    for now, born in ((100.0, 90.0), (110.0, 91.0), (120.0, 92.0), (120.5, None), (121.0, 93.0)):
        memory = memory.saw_applied(born, policy, now)
    assert memory.applied == (Applied(110.0, 91.0), Applied(120.0, 92.0), Applied(121.0, 93.0))
    at_the_edge = Memory(applied=(Applied(100.0, 90.0),)).saw_applied(91.0, policy, 120.0)
    assert len(at_the_edge.applied) == 2
    assert Memory.from_json(json.loads(json.dumps(memory.to_json()))) == memory


def test_an_empty_item_is_a_keepers_first_run() -> None:
    assert Memory.from_json({}) == Memory()


def test_a_pause_ended_when_the_table_says_so() -> None:
    """A20: ten seconds ago by the table, whose clock is an hour before the own one."""
    lease = Lease(*("ca-central-1", 1, 7, "ca-central-1"), paused_until=990.0, read_at=1_000.0)
    memory = Memory(seen=(1, 7, 0, 0), unmoved_since=100.0).saw_lease(lease, PROMISE, 4_600.0)
    assert memory.unmoved_seconds(4_600.0) == 10.0
