"""The deployed cycle in a simulation of two regions: never do both regions serve, never does an epoch fall.

The exhaustive model writes the order of a keeper's calls again; here that order is the deployed one. Each
named scenario, and the random schedules, fail when a rule is taken out (see `keeper_simulation`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.lambdas.failover.decision import Action
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease
from lifeline.lambdas.failover.plan_runs import (
    BACKOFF_FIRST_SECONDS,
    BACKOFF_LONGEST_SECONDS,
    PlanRuns,
)
from tests.unit.keeper.keeper_simulation import (
    HOME,
    LINKS,
    POLICY,
    RECOVERY,
    REGIONS,
    TRANSACTION_SECONDS,
    WITNESS,
    Between,
    Event,
    Execution,
    Simulation,
)

LOOP, TTL, EXPIRY = POLICY.loop_seconds, POLICY.ttl_seconds, POLICY.expiry_seconds
TOO_LATE = EXPIRY + 1
HEALED_CYCLES = 4 * int(EXPIRY / LOOP) + 2 * int(BACKOFF_LONGEST_SECONDS / LOOP)
"""Enough for a take and a plan's next run, each after its longest back-off, and the run."""


def lease_of(simulation: Simulation) -> Lease:
    assert simulation.lease is not None
    return simulation.lease


def judged(simulation: Simulation) -> Simulation:
    assert not simulation.both_served
    assert not simulation.epoch_fell
    return simulation


def both_cycle(simulation: Simulation, times: int = 1) -> None:
    """Both keepers at their pace."""
    for _ in range(times):
        simulation.cycle(HOME)
        simulation.cycle(RECOVERY)
        simulation.wait(LOOP)


def lose_home(simulation: Simulation) -> None:
    """The home region is gone for everybody."""
    simulation.cut(HOME, WITNESS)
    simulation.cut(HOME, RECOVERY)


def take_over(simulation: Simulation) -> None:
    """The standby alone cycles until it has taken."""
    for _ in range(int(EXPIRY / LOOP) + 2):
        simulation.cycle(RECOVERY)
        if lease_of(simulation).holder == RECOVERY:
            return
        simulation.wait(LOOP)
    raise AssertionError(simulation.last(RECOVERY))


def test_a_healthy_holder_renews_and_the_standby_holds() -> None:
    simulation = Simulation()
    both_cycle(simulation, 10)
    assert simulation.last(HOME) == (Action.RENEW, "holder")
    assert simulation.last(RECOVERY)[0] is Action.HOLD
    assert lease_of(simulation).renewals == 10
    assert judged(simulation).serving(HOME)


def test_each_keeper_reports_whether_it_serves_and_whether_it_could_take_over() -> None:
    """A19: what `lifeline status` reads, so that a lease which stands still is not called serving."""
    simulation = Simulation()
    both_cycle(simulation, 3)
    home, standby = simulation.reports[HOME], simulation.reports[RECOVERY]
    assert (home.ready, home.ready_reason, home.renewed_row) == (True, "holder", True)
    assert (standby.action, standby.reason, standby.renewed_row) == ("hold", "lease-moves", False)
    assert home.seen == (1, 2)
    assert standby.seen == (1, 3)
    assert standby.unmoved_seconds == 0
    lose_home(simulation)
    simulation.cycle(HOME)
    assert not simulation.reports[HOME].renewed_row, "it could not: no witness, no promise"
    assert simulation.reports[HOME].ready_reason == "witness-unreachable"


def test_a_region_whose_database_took_no_renewal_is_not_reported_as_serving() -> None:
    """The lease is renewed; the row is not (A1): only the row proves that the region may serve."""
    simulation = Simulation()
    both_cycle(simulation, 3)
    bump = 4  # clock, view, lease, renew, bump
    simulation.cycle(HOME, between={bump: Between(outcome="cut")})
    assert lease_of(simulation).renewals == 4
    assert not simulation.reports[HOME].renewed_row


def test_a_lost_region_is_replaced_once_its_lease_has_expired() -> None:
    simulation = Simulation()
    both_cycle(simulation, 3)
    lose_home(simulation)
    begun = simulation.now
    take_over(simulation)
    assert EXPIRY - LOOP <= simulation.now - begun <= EXPIRY + LOOP
    simulation.plan(RECOVERY)
    assert judged(simulation).serving(RECOVERY)
    assert lease_of(simulation).unfit == {HOME}
    for _ in range(4):
        simulation.cycle(RECOVERY)
        simulation.wait(LOOP)
    assert judged(simulation).last(RECOVERY) == (Action.RENEW, "holder")


def test_fence_heal_resume() -> None:
    """Named scenario: a holder that could reach nobody stopped; it renews at its epoch and serves (A3)."""
    simulation = Simulation()
    both_cycle(simulation)
    lose_home(simulation)
    for _ in range(6):
        simulation.cycle(HOME)
        simulation.wait(LOOP)
    assert not simulation.serving(HOME), "alone for a ttl: fenced (A14)"
    simulation.heal(HOME, WITNESS)
    simulation.cycle(HOME)
    assert judged(simulation).serving(HOME)
    assert lease_of(simulation).epoch == 1


def test_failsafe_then_take() -> None:
    """Named scenario: while it is asked, the standby does not take; ttl + margin later it may (A2)."""
    simulation = Simulation()
    both_cycle(simulation, 2)
    simulation.cut(HOME, WITNESS)
    for _ in range(3 * int(EXPIRY / LOOP)):
        both_cycle(simulation)
        assert simulation.last(HOME) == (Action.ASK_FAILSAFE, "witness-unreachable")
        assert simulation.last(RECOVERY)[0] is Action.HOLD
        assert simulation.serving(HOME)
    simulation.cut(HOME, RECOVERY)
    begun = simulation.now
    take_over(simulation)
    assert simulation.now - begun >= EXPIRY - LOOP
    simulation.plan(RECOVERY)
    simulation.heal(HOME, RECOVERY)
    simulation.cycle(HOME)
    assert simulation.last(HOME) == (Action.ASK_FAILSAFE, "witness-unreachable")
    assert judged(simulation).promises[RECOVERY].promoting == 2, (
        "and got no promise: the old epoch's is over"
    )
    assert not simulation.serving(HOME)


def test_failsafe_asked_between_look_and_set_out_stops_the_take() -> None:
    """The promise the standby read is the condition it sets out under (A2)."""
    simulation = Simulation()
    both_cycle(simulation, 2)
    simulation.cut(HOME, WITNESS)
    for _ in range(int(EXPIRY / LOOP) - 1):
        simulation.cycle(RECOVERY)
        simulation.wait(LOOP)
    simulation.wait(TOO_LATE)
    set_out = 9  # clock, view, lease, promise, memory, samples, witness, markers, watermark
    asked = Event("cycle", (HOME, 0))
    simulation.cycle(RECOVERY, between={set_out: Between((asked,))})
    assert simulation.last(RECOVERY)[0] is Action.TAKE
    assert lease_of(judged(simulation)).holder == HOME
    assert simulation.promises[RECOVERY].promoting == 0
    assert simulation.serving(HOME)


@pytest.mark.parametrize("call", range(6))
def test_paused_keeper_zombie(call: int) -> None:
    """Named scenario: the holder's keeper stops before any of its calls, wakes after the failover (A1)."""
    simulation = Simulation()
    both_cycle(simulation, 2)
    meanwhile: list[Event] = []
    for _ in range(int(EXPIRY / LOOP) + 3):
        meanwhile += [Event("cycle", (RECOVERY, 0)), Event("tick", LOOP)]
    fenced = [Event("plan", (RECOVERY, True))] * 2  # acquire; the fence does not reach home
    plan = [*fenced, *[Event("plan", (RECOVERY, False))] * 6]
    simulation.cycle(HOME, between={call: Between((*meanwhile, *plan))})
    assert lease_of(judged(simulation)).holder == RECOVERY
    assert simulation.serving(RECOVERY)
    assert simulation.rows[HOME].holder == HOME, "nobody told the old copy"
    assert not simulation.serving(HOME)
    both_cycle(simulation, 3)
    assert judged(simulation).serving(RECOVERY)


def test_a_take_whose_reply_is_lost_starts_the_plan() -> None:
    """Named scenario take-reply-lost: the re-read says mine (A4)."""
    simulation = Simulation()
    both_cycle(simulation, 2)
    lose_home(simulation)
    for _ in range(int(EXPIRY / LOOP) - 1):
        simulation.cycle(RECOVERY)
        simulation.wait(LOOP)
    simulation.wait(TOO_LATE)
    take = 10
    simulation.cycle(RECOVERY, between={take: Between(outcome="lost")})
    assert lease_of(judged(simulation)).holder == RECOVERY
    assert simulation.runs_of(RECOVERY) == ["recover-e2-r1"]


def test_a_take_whose_reply_and_re_read_are_lost_starts_the_plan_in_the_next_cycle() -> None:
    simulation = Simulation()
    both_cycle(simulation, 2)
    lose_home(simulation)
    simulation.cycle(RECOVERY)
    simulation.wait(TOO_LATE)
    lost = Between(outcome="lost")
    simulation.cycle(RECOVERY, between={10: lost, 11: lost})
    assert lease_of(simulation).holder == RECOVERY
    assert not simulation.executions
    simulation.cycle(RECOVERY, 1)
    assert judged(simulation).last(RECOVERY) == (Action.RECOVER, "database-behind-lease")
    assert simulation.runs_of(RECOVERY) == ["recover-e2-r1"]


def test_a_keeper_that_dies_between_set_out_and_take_is_abandoned_by_the_next() -> None:
    """Named: the promise it left behind would refuse the live holder's failsafe for ever (A2)."""
    simulation = Simulation()
    simulation.cycle(RECOVERY)
    simulation.wait(TOO_LATE)
    simulation.cycle(RECOVERY, between={10: Between(outcome="dies")})
    assert simulation.promises[RECOVERY].promoting == 2
    simulation.cycle(HOME)
    simulation.cycle(RECOVERY, 1)
    assert simulation.last(RECOVERY)[0] is Action.HOLD
    assert simulation.promises[RECOVERY].promoting == 1
    assert lease_of(simulation).attempt == 1, (
        "and its take, should it still be under way, cannot land"
    )
    simulation.cut(HOME, WITNESS)
    simulation.cycle(HOME)
    assert judged(simulation).serving(HOME)


def test_a_refused_promotion_gives_the_lease_back() -> None:
    """Before the point of no return nothing was cut: the writer takes again, at a newer epoch (A3)."""
    simulation = Simulation()
    simulation.cycle(RECOVERY)
    simulation.wait(TOO_LATE)
    simulation.cycle(RECOVERY)
    for refused in (True, True, True, False):  # acquire, no fence, promotion refused, release
        simulation.happen(Event("plan", (RECOVERY, refused)))
    assert lease_of(simulation).holder == NO_HOLDER
    simulation.cycle(HOME)
    assert simulation.last(HOME) == (Action.TAKE, "released-to-writer")
    simulation.plan(HOME)
    simulation.cycle(HOME)
    assert judged(simulation).serving(HOME)
    assert (lease_of(simulation).epoch, simulation.rows[HOME].epoch) == (3, 3)


def test_a_deleted_lease_is_paged_and_never_created() -> None:
    """Named scenario deleted-lease-item (A10)."""
    simulation = Simulation()
    both_cycle(simulation, 2)
    simulation.happen(Event("delete_lease"))
    both_cycle(simulation, 12)
    assert simulation.lease is None
    for region in REGIONS:
        assert simulation.last(region) == (Action.HOLD, "lease-item-missing")
        assert f"Lifeline test {region}: lease-item-missing" in simulation.pages
    assert not judged(simulation).serving(HOME)


def test_a_paused_lease_is_not_taken_and_its_holder_serves_without_the_witness() -> None:
    """A pause read within ttl keeps the holder serving; afterwards it asks, and is refused nothing (A14)."""
    simulation = Simulation()
    simulation.happen(Event("pause", 40.0))
    both_cycle(simulation)
    lose_home(simulation)
    both_cycle(simulation, 3)
    assert simulation.last(HOME) == (Action.SERVE_PAUSED, "witness-unreachable-while-paused")
    assert simulation.last(RECOVERY) == (Action.HOLD, "paused")
    assert simulation.serving(HOME)
    both_cycle(simulation, 20)
    simulation.plan(RECOVERY)
    assert judged(simulation).serving(RECOVERY)


def test_a_take_that_is_overtaken_by_a_renewal_is_given_up() -> None:
    """The lease moved between look and take: refused, and the promise is clear again (A2)."""
    simulation = Simulation()
    simulation.cycle(RECOVERY)
    simulation.wait(TOO_LATE)
    renewed = Between((Event("cycle", (HOME, 0)),))
    simulation.cycle(RECOVERY, between={10: renewed})
    assert simulation.last(RECOVERY)[0] is Action.TAKE
    assert (lease_of(simulation).holder, lease_of(simulation).attempt) == (HOME, 1)
    assert simulation.promises[RECOVERY].promoting == 1
    assert judged(simulation).serving(HOME)


def test_a_holder_that_reads_but_cannot_renew_stops() -> None:
    """No renewal and no promise: nothing is bumped, so the standby may take (A1, A2)."""
    simulation = Simulation()
    both_cycle(simulation, 2)
    simulation.cut(HOME, RECOVERY)
    for _ in range(int(EXPIRY / LOOP) + 2):
        simulation.cycle(HOME, between={3: Between(outcome="cut")})
        simulation.cycle(RECOVERY)
        simulation.wait(LOOP)
    assert lease_of(simulation).holder == RECOVERY
    simulation.plan(RECOVERY)
    assert judged(simulation).serving(RECOVERY)


def test_a_pause_that_ends_while_the_standby_slept_does_not_let_both_serve() -> None:
    """A holder that read the pause serves for ttl after it; so the lease stood still from its end (A14)."""
    simulation = Simulation()
    simulation.happen(Event("pause", 100.0))
    simulation.cycle(RECOVERY)
    simulation.wait(99.0)
    simulation.cut(HOME, RECOVERY)
    simulation.cycle(HOME, between={3: Between(outcome="cut")})
    simulation.cut(HOME, WITNESS)
    simulation.wait(0.5)
    simulation.cycle(HOME)
    assert simulation.last(HOME)[0] is Action.SERVE_PAUSED
    simulation.wait(1.0)
    simulation.cycle(RECOVERY)
    simulation.plan(RECOVERY)
    judged(simulation)


def taken_by_recovery() -> Simulation:
    """Home is lost and the standby has taken the lease; its plan's first run is started."""
    simulation = Simulation()
    both_cycle(simulation, 2)
    lose_home(simulation)
    take_over(simulation)
    assert simulation.runs_of(RECOVERY) == ["recover-e2-r1"]
    return simulation


def recovery_alone(simulation: Simulation, seconds: float) -> None:
    """Both of the standby's overlapping keepers at their pace."""
    for _ in range(int(seconds / LOOP)):
        simulation.cycle(RECOVERY)
        simulation.cycle(RECOVERY, 1)
        simulation.wait(LOOP)


@pytest.mark.parametrize("steps", range(8))
def test_plan_dies(steps: int) -> None:
    """Named scenario: a run that ended before any of its steps is replaced, once, with one page (A17)."""
    simulation = taken_by_recovery()
    simulation.plan(RECOVERY, steps)
    simulation.happen(Event("end_plan", RECOVERY))
    recovery_alone(simulation, BACKOFF_FIRST_SECONDS)
    assert simulation.runs_of(RECOVERY) == ["recover-e2-r1"], "steps of the ended run may still act"
    recovery_alone(simulation, 2 * LOOP)
    assert simulation.runs_of(RECOVERY) == ["recover-e2-r1", "recover-e2-r2"]
    simulation.plan(RECOVERY)
    recovery_alone(simulation, 2 * BACKOFF_LONGEST_SECONDS)
    assert simulation.runs_of(RECOVERY) == ["recover-e2-r1", "recover-e2-r2"]
    assert (
        simulation.pages.count(f"Lifeline test {RECOVERY}: the failover plan was started again")
        == 1
    )
    (told,) = [one for one in simulation.texts if "recover-e2-r2 was started" in one]
    assert "recover-e2-r1 ended without completing" in told
    assert "Execution: recover-e2-r1" in told, "the one to look at"
    assert judged(simulation).serving(RECOVERY)


def test_a_run_that_goes_on_has_no_twin() -> None:
    simulation = taken_by_recovery()
    recovery_alone(simulation, 2 * BACKOFF_LONGEST_SECONDS)
    assert simulation.runs_of(RECOVERY) == ["recover-e2-r1"]


@pytest.mark.parametrize("call", [12, 13])
def test_a_claimed_run_that_was_never_started_is_started_under_its_name(call: int) -> None:
    """The keeper dies between claim and start; call 13 is the start (A17)."""
    simulation = Simulation()
    both_cycle(simulation, 2)
    lose_home(simulation)
    simulation.cycle(RECOVERY)
    simulation.wait(TOO_LATE)
    simulation.cycle(RECOVERY, between={call: Between(outcome="dies")})
    assert lease_of(simulation).holder == RECOVERY
    assert not simulation.executions
    assert simulation.plan_runs.get((RECOVERY, 2), PlanRuns(2)).run == call - 12
    simulation.cycle(RECOVERY, 1)
    assert simulation.runs_of(RECOVERY) == ["recover-e2-r1"]


def test_two_keepers_that_start_the_same_claim_have_one_run() -> None:
    """The other keeper sees the claim without an execution and starts it first (A17)."""
    simulation = Simulation()
    both_cycle(simulation, 2)
    lose_home(simulation)
    simulation.cycle(RECOVERY)
    simulation.wait(TOO_LATE)
    simulation.cycle(RECOVERY, between={13: Between((Event("cycle", (RECOVERY, 1)),))})
    assert simulation.runs_of(RECOVERY) == ["recover-e2-r1"]
    assert simulation.plan_runs[RECOVERY, 2].run == 1


def test_names_used_up_before_this_deployment_are_passed_over() -> None:
    """An environment deployed again within 90 days: its table knows none of the service's names (A17)."""
    simulation = Simulation()
    both_cycle(simulation, 2)
    for run in range(1, 9):
        simulation.executions[RECOVERY, f"recover-e2-r{run}"] = Execution(2, run, at="done")
    lose_home(simulation)
    take_over(simulation)
    recovery_alone(simulation, 2 * BACKOFF_LONGEST_SECONDS)
    assert simulation.runs_of(RECOVERY)[-1] == "recover-e2-r9"
    simulation.plan(RECOVERY)
    assert judged(simulation).serving(RECOVERY)


def test_a_completed_plan_does_not_count_for_a_row_that_is_behind() -> None:
    """Completed, and the row names nobody: another run makes the region active again (A17)."""
    simulation = taken_by_recovery()
    simulation.plan(RECOVERY)
    assert simulation.plan_runs[RECOVERY, 2].completed == 1
    simulation.rows[RECOVERY].holder = NO_HOLDER
    recovery_alone(simulation, BACKOFF_FIRST_SECONDS + 2 * LOOP)
    simulation.plan(RECOVERY)
    assert simulation.runs_of(RECOVERY) == ["recover-e2-r1", "recover-e2-r2"]
    assert judged(simulation).serving(RECOVERY)


def test_a_row_that_was_behind_for_a_moment_starts_no_run() -> None:
    simulation = taken_by_recovery()
    simulation.plan(RECOVERY)
    for _ in range(3):
        simulation.rows[RECOVERY].replica = True  # the keeper's connection fell back to a reader
        simulation.happen(Event("cut", LINKS[2]))
        recovery_alone(simulation, BACKOFF_FIRST_SECONDS - LOOP)
        simulation.rows[RECOVERY].replica = False
        recovery_alone(simulation, 2 * LOOP)
    assert simulation.runs_of(RECOVERY) == ["recover-e2-r1"]


def refuse_the_promotion(world: Simulation) -> None:
    """The newest run of the standby: acquire, no fence, the promotion is refused, the lease released."""
    for _ in range(4):
        world.happen(Event("plan", (RECOVERY, True)))
    assert lease_of(world).holder == NO_HOLDER


def waited_for_a_take(world: Simulation) -> float:
    """How long the standby's keepers leave the released lease alone."""
    begun, epoch = world.now, lease_of(world).epoch
    while lease_of(world).epoch == epoch:
        recovery_alone(world, LOOP)
        assert world.now - begun < 2 * BACKOFF_LONGEST_SECONDS, world.last(RECOVERY)
    return world.now - begun


def test_a_region_whose_promotion_is_refused_again_and_again_waits_longer_each_time() -> None:
    """Named scenario releases-back-off: over epochs, bounded, with a page for each wait; the other region
    is lost for good, so this one may never stop trying (A17)."""
    world = taken_by_recovery()
    waits = []
    for _ in range(7):
        refuse_the_promotion(world)
        waits.append(waited_for_a_take(world))
    bounds = [30.0, 60.0, 120.0, 240.0, *3 * [BACKOFF_LONGEST_SECONDS]]
    for waited, bound in zip(waits, bounds, strict=True):
        assert bound - LOOP <= waited <= bound + 3 * LOOP, waits
    paged = world.pages.count(f"Lifeline test {RECOVERY}: backing-off-after-releases")
    assert paged >= 6, "the first wait is no longer than the lease's own expiry"
    world.plan(RECOVERY)
    assert judged(world).serving(RECOVERY)
    assert world.promises[RECOVERY].releases == 0, "the plan completed"


def test_the_back_off_of_one_region_does_not_hinder_the_other() -> None:
    """The writer takes a released lease back at once; the count is the standby's own (A17)."""
    world = Simulation()
    both_cycle(world)
    for _ in range(4):
        world.happen(*refusal(RECOVERY))
        assert lease_of(world).holder == HOME
        world.plan(HOME)
        world.heal(HOME, RECOVERY)
        world.cycle(HOME)
        assert judged(world).serving(HOME)
        world.wait(BACKOFF_LONGEST_SECONDS)
    assert world.promises[HOME].releases == 0


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("steps", range(3))
def test_an_aborted_epoch_is_given_back(steps: int, dies: bool) -> None:
    """Named scenario abort: also when the run dies before it released; the next promotes nothing (A17)."""
    world = Simulation()
    both_cycle(world)
    world.cycle(RECOVERY)
    world.wait(TOO_LATE)
    world.cycle(RECOVERY)
    world.plan(RECOVERY, steps)
    world.happen(Event("abort"))
    if dies:
        world.happen(Event("end_plan", RECOVERY))
        recovery_alone(world, BACKOFF_FIRST_SECONDS + 2 * LOOP)
        assert world.runs_of(RECOVERY)[-1] == "recover-e2-r2"
    world.plan(RECOVERY)
    assert lease_of(world).holder == NO_HOLDER
    assert world.rows[RECOVERY].replica, "nothing was promoted"
    world.cycle(HOME)
    assert world.last(HOME) == (Action.TAKE, "released-to-writer")
    world.plan(HOME)
    world.cycle(HOME)
    assert judged(world).serving(HOME)
    assert world.promises[RECOVERY].releases == 1, "and the standby backs off"


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_rewound_region_serves_on_at_the_next_epoch(interrupted: bool) -> None:
    """`lifeline rewind`, also one that ends between the lease and the database (A4): the plan opens it."""
    world = Simulation()
    both_cycle(world, 2)
    world.happen(Event("rewind", interrupted))
    assert world.serving(HOME)
    both_cycle(world)
    assert world.runs_of(HOME) == ["recover-e2-r1"]
    world.plan(HOME)
    both_cycle(world, 3)
    lease = lease_of(judged(world))
    assert (lease.holder, lease.epoch, lease.unfit) == (HOME, 2, frozenset())
    assert (world.rows[HOME].epoch, world.serving(HOME), world.serving(RECOVERY)) == (
        2,
        True,
        False,
    )
    assert world.last(HOME)[0] is Action.RENEW
    assert world.runs_of(HOME) == ["recover-e2-r1"], "and no second one"


@pytest.mark.parametrize("dies", [False, True])
def test_an_abort_after_the_point_of_no_return_changes_nothing(dies: bool) -> None:
    """D9: refused once the acceptance is recorded; before it, the next run finds the promotion (D1)."""
    world = taken_by_recovery()
    world.plan(RECOVERY, 3)  # acquire, fence, promote
    world.happen(Event("abort"))
    if dies:
        world.happen(Event("end_plan", RECOVERY))
        recovery_alone(world, BACKOFF_FIRST_SECONDS + 2 * LOOP)
    world.plan(RECOVERY)
    assert judged(world).serving(RECOVERY)
    world.happen(Event("abort"))
    assert world.aborts_refused == 1


def fenced_row_replicated(without: frozenset[str] = frozenset()) -> Simulation:
    """Named scenario: the fence's row reaches the replica, the promotion is refused, the link is cut,
    and the writer takes the released lease."""
    simulation = Simulation(without=without)
    both_cycle(simulation, 2)
    simulation.happen(*refusal(RECOVERY))
    assert lease_of(simulation).holder == HOME
    simulation.plan(HOME)
    return simulation


def test_fenced_row_replicated() -> None:
    """A16: the replica has the fence's row and serves neither by it nor by being one."""
    simulation = fenced_row_replicated()
    assert (simulation.rows[RECOVERY].epoch, simulation.rows[RECOVERY].holder) == (2, NO_HOLDER)
    assert judged(simulation).serving(HOME)


def test_without_a16_the_fenced_row_lets_both_serve() -> None:
    """The scenario can fail: a guard blind to recovery, and a fence that names the standby."""
    assert fenced_row_replicated(frozenset({"A16"})).both_served


def test_a_promotion_after_the_fence_opens_the_same_epoch() -> None:
    """The replicated row is equal and nobody's: behind for A4, and opened at its epoch (A16)."""
    simulation = Simulation()
    both_cycle(simulation, 2)
    simulation.cycle(RECOVERY)
    simulation.wait(TOO_LATE)
    simulation.cycle(RECOVERY)
    simulation.plan(RECOVERY, 3)  # acquire, fence, promote
    simulation.cycle(RECOVERY)
    assert simulation.last(RECOVERY) == (Action.RECOVER, "database-behind-lease")
    simulation.plan(RECOVERY, 5)
    assert (simulation.rows[RECOVERY].epoch, simulation.rows[RECOVERY].holder) == (2, RECOVERY)
    assert judged(simulation).serving(RECOVERY)


# Random schedules

seconds = st.sampled_from([0.5, 2.0, LOOP, LOOP, 11.0, TTL, TTL + TRANSACTION_SECONDS, EXPIRY + 1])
keepers = st.tuples(st.sampled_from(REGIONS), st.integers(0, 1))
links = st.sampled_from(LINKS)


def simple(kinds: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Event]:
    return st.one_of(*(st.builds(Event, st.just(kind), what) for kind, what in kinds.items()))


plain = simple(
    {
        "tick": seconds,
        "plan": st.tuples(st.sampled_from(REGIONS), st.booleans()),
        "end_plan": st.sampled_from(REGIONS),
        "abort": st.none(),
        "rewind": st.booleans(),
        "cut": links,
        "heal": links,
    }
)


def cycles(inside: st.SearchStrategy[Event]) -> st.SearchStrategy[Event]:
    between = st.builds(
        Between,
        st.lists(inside, max_size=6).map(tuple),
        st.sampled_from(["answered", "answered", "cut", "lost", "dies"]),
    )
    return st.builds(
        Event, st.just("cycle"), keepers, st.dictionaries(st.integers(0, 13), between, max_size=2)
    )


quiet = st.builds(Event, st.just("cycle"), keepers)
nested = cycles(plain | quiet)


def outage(region: str) -> list[Event]:
    """What a random schedule seldom finds by itself: the standby looks, waits, takes, and its plan runs."""
    look = Event("cycle", (region, 0))
    unfenced = [Event("plan", (region, True))] * 2
    plan = [*unfenced, *[Event("plan", (region, False))] * 6]
    return [look, Event("tick", TOO_LATE), look, *plan]


def refusal(region: str) -> list[Event]:
    """Another: the take, the fence, the promotion refused, the link cut and the lease given back."""
    look = Event("cycle", (region, 0))
    fenced = [Event("plan", (region, False))] * 2
    refused = [Event("plan", (region, True))] * 2
    cut = Event("cut", LINKS[2])
    back = Event("cycle", (HOME if region == RECOVERY else RECOVERY, 0))
    return [look, Event("tick", TOO_LATE), look, *fenced, cut, *refused, back]


schedules = st.lists(
    st.one_of(
        st.lists(plain | quiet | nested | simple({"reprotect": st.none()}), max_size=6),
        st.lists(cycles(nested | plain | quiet), min_size=1, max_size=2),
        st.sampled_from(REGIONS).map(outage),
        st.sampled_from(REGIONS).map(refusal),
        st.builds(
            lambda keeper, call, region: [
                Event("cycle", keeper, {call: Between(tuple(outage(region)))})
            ],
            keepers,
            st.integers(0, 10),
            st.sampled_from(REGIONS),
        ),
    ),
    max_size=8,
).map(lambda parts: [event for part in parts for event in part])


@settings(max_examples=400, deadline=None)
@given(schedules)
def test_no_schedule_makes_both_serve_or_an_epoch_fall(schedule: list[Event]) -> None:
    simulation = Simulation()
    simulation.happen(*schedule)
    judged(simulation)


@settings(max_examples=100, deadline=None)
@given(schedules)
def test_after_any_schedule_healing_brings_one_region_back(schedule: list[Event]) -> None:
    simulation = Simulation()
    simulation.happen(*schedule)
    for link in LINKS:
        simulation.happen(Event("heal", link))
    for _ in range(HEALED_CYCLES):
        both_cycle(simulation)
        for region in REGIONS:
            simulation.plan(region, 1)
    assert [judged(simulation).serving(region) for region in REGIONS].count(True) == 1


def ill_home(simulation: Simulation, cycles: int = POLICY.own_looks) -> None:
    """Nobody applies at home; the region's two keepers cycle in turn."""
    simulation.applying = False
    for number in range(cycles):
        simulation.cycle(HOME, number % 2)
        simulation.cycle(RECOVERY)
        simulation.wait(LOOP)


def test_a_sick_region_renews_says_so_in_the_lease_and_tells_a_person() -> None:
    """A11: its services are dead behind a keeper that is well (finding R2)."""
    simulation = Simulation()
    simulation.seen_well = {HOME}
    both_cycle(simulation, 3)
    ill_home(simulation, POLICY.own_looks - 1)
    assert simulation.last(HOME) == (Action.RENEW, "holder")
    simulation.cycle(HOME, 1)
    assert simulation.last(HOME) == (Action.RENEW, "serves-degraded")
    assert f"Lifeline test {HOME}: serves-degraded" in simulation.pages
    assert "Does anybody serve? This region cannot tell" in simulation.texts[-1], "it is sick"
    simulation.cycle(HOME, 1)
    assert lease_of(simulation).health[HOME] == "degraded: apply"
    assert judged(simulation).serving(HOME), "it renews: what still works serves"
    simulation.applying = True
    both_cycle(simulation, 2)
    assert simulation.last(HOME) == (Action.RENEW, "holder")
    assert lease_of(simulation).health[HOME] == "serving"


def test_a_keeper_that_is_replaced_counts_on() -> None:
    """A20: what is a count is kept, though every process lives for less than K looks."""
    simulation = Simulation()
    simulation.seen_well = {HOME}
    both_cycle(simulation)
    for _ in range(POLICY.own_looks):
        ill_home(simulation, 1)
        simulation.restart(HOME)
    assert simulation.last(HOME) == (Action.RENEW, "serves-degraded")


def test_a_log_that_stands_still_is_ill_and_one_that_is_first_seen_is_not() -> None:
    simulation = Simulation()
    simulation.seen_well = {HOME}
    both_cycle(simulation, 2)
    simulation.logging = False
    both_cycle(simulation, int(POLICY.own_late_seconds / LOOP) + POLICY.own_looks)
    assert simulation.last(HOME) == (Action.RENEW, "serves-degraded")
    simulation.restart(HOME)
    simulation.cycle(HOME)
    assert simulation.last(HOME) == (Action.RENEW, "serves-degraded"), "it knows no better"


@pytest.mark.parametrize("outcome", ["cut", "lost"])
def test_who_cannot_ask_about_itself_is_not_ill(outcome: str) -> None:
    """Unknown is not unhealthy: all that asks about its own parts fails, and it serves on."""
    simulation = Simulation()
    simulation.applying = False
    both_cycle(simulation)
    asks = {number: Between(outcome=outcome) for number in range(6, 9)}  # progress, witness, kept
    for _ in range(3 * POLICY.own_looks):
        simulation.cycle(HOME, between=asks)
        simulation.wait(LOOP)
    assert simulation.last(HOME) == (Action.RENEW, "holder")


def handed_over(simulation: Simulation) -> None:
    """A person asks, and home's keeper lets go."""
    simulation.happen(Event("ask_hand_over"))
    simulation.cycle(HOME)
    assert simulation.last(HOME) == (Action.HAND_OVER, "asked-to-hand-over")
    assert lease_of(simulation).is_handed_over


def test_a_person_hands_over_and_the_other_region_takes_after_the_expiry() -> None:
    """A11: no two serve, though nothing fences the region that let go but its own silence (A1)."""
    simulation = Simulation()
    both_cycle(simulation, 3)
    handed_over(simulation)
    begun = simulation.now
    for _ in range(int(EXPIRY / LOOP) + 2):
        both_cycle(simulation)
    assert simulation.last(HOME)[0] is Action.HOLD
    assert (lease_of(simulation).holder, lease_of(simulation).epoch) == (RECOVERY, 2)
    assert lease_of(simulation).unfit == {HOME}, "its copy will be the old one (A13)"
    assert lease_of(simulation).moved_at - begun >= EXPIRY - LOOP
    simulation.plan(RECOVERY)
    both_cycle(simulation, 2)
    assert judged(simulation).serving(RECOVERY)
    assert not simulation.serving(HOME)


def test_a_sick_region_lets_go_by_itself_where_that_is_on_and_the_other_is_ready() -> None:
    simulation = Simulation(automatic_hand_over=True)
    simulation.seen_well = {HOME}
    both_cycle(simulation, 3)
    ill_home(simulation, POLICY.own_looks - 1)
    assert simulation.reports[RECOVERY].ready
    ill_home(simulation, 1)
    assert simulation.last(HOME) == (Action.HAND_OVER, "sick-and-standby-ready")
    assert lease_of(simulation).is_handed_over
    both_cycle(simulation, int(EXPIRY / LOOP) + 2)
    assert judged(simulation).last(RECOVERY)[0] is Action.RECOVER


def test_a_sick_region_does_not_let_go_to_a_standby_that_fell_silent() -> None:
    """A11: it was ready a minute ago; whether it is now, nobody knows."""
    simulation = Simulation(automatic_hand_over=True)
    simulation.seen_well = {HOME}
    both_cycle(simulation, 3)
    assert simulation.reports[RECOVERY].ready
    silent_for = EXPIRY + 2 * LOOP
    for _ in range(int(silent_for / LOOP)):
        simulation.cycle(HOME)
        simulation.wait(LOOP)
    simulation.applying = False
    for number in range(2 * POLICY.own_looks):
        simulation.cycle(HOME, number % 2)
        simulation.wait(LOOP)
    assert simulation.last(HOME) == (Action.RENEW, "serves-degraded")
    assert lease_of(simulation).holder == HOME


def test_what_nobody_takes_is_taken_back() -> None:
    """A11: a hand-over to a region that turns out not to take costs two minutes, not the service."""
    simulation = Simulation()
    both_cycle(simulation, 3)
    handed_over(simulation)
    simulation.cut(RECOVERY, WITNESS)
    for _ in range(int(POLICY.hand_over_seconds / LOOP) + 1):
        both_cycle(simulation)
    assert (lease_of(simulation).holder, lease_of(simulation).epoch) == (HOME, 2)
    simulation.plan(HOME)
    both_cycle(simulation, 2)
    assert judged(simulation).serving(HOME)
    assert simulation.last(HOME) == (Action.RENEW, "holder"), "the word was for epoch 1"


def test_a_hold_that_lasts_pages_whatever_its_word_and_pages_again() -> None:
    """A19: the standby sees the active well, which does not renew: nobody is told otherwise."""
    simulation = Simulation()
    both_cycle(simulation, 3)
    simulation.cut(RECOVERY, WITNESS)
    word = f"Lifeline test {RECOVERY}: witness-unreachable"
    late = EXPIRY + POLICY.hold_pages_seconds
    for _ in range(int(late / LOOP) - 1):
        both_cycle(simulation)
    assert word not in simulation.pages
    both_cycle(simulation, 2)
    assert simulation.pages.count(word) == 1
    for _ in range(int(POLICY.hold_pages_again_seconds / LOOP)):
        both_cycle(simulation)
    assert simulation.pages.count(word) == 2


def test_the_word_of_a_hold_that_lasts_ends_with_the_epoch() -> None:
    """`lifeline authority init` reads from it which epochs there were (A10)."""
    simulation = Simulation()
    both_cycle(simulation, 3)
    simulation.lease = replace(lease_of(simulation), unfit=frozenset({RECOVERY}))
    lose_home(simulation)
    both_cycle(simulation, int((EXPIRY + POLICY.hold_pages_seconds) / LOOP) + 2)
    assert simulation.last(RECOVERY) == (Action.HOLD, "unfit-until-reprotected")
    assert simulation.words[RECOVERY] == "hold:unfit-until-reprotected+1:1"
