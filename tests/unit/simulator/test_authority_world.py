"""The deployed keepers, probes, plan and guards in a simulated world: what they do when much is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection

import pytest

from simulator.authority import AuthorityWorld
from simulator.faults import Fault, draw, pause
from simulator.killers import kill
from simulator.places import HOME, RECOVERY, WITNESS
from simulator.properties import END_SECONDS
from simulator.run import Finding, run_authority, run_with, shrink
from simulator.scenarios import Scenario, kept
from simulator.switches import SWITCHES, switched_off

LOST = Fault(
    300.0,
    1_200.0,
    "home is lost",
    lambda world: world.lose_region(HOME),
    lambda world: world.return_region(HOME),
)


def said(finding: Finding, who: str) -> list[str]:
    """What somebody did, in order."""
    return [line.what for line in finding.lines if line.who == who]


def test_nothing_happens_when_nothing_is_wrong() -> None:
    found = run_with(1, (), ())
    assert found.well
    assert said(found, HOME) == ["serves at epoch 1"]
    assert said(found, RECOVERY) == []
    assert said(found, f"{RECOVERY} keeper") == ["hold: lease-moves"]
    assert not [line for line in found.lines if line.who.startswith("page")]


def test_a_lost_region_is_taken_over_by_the_deployed_code() -> None:
    found = run_with(1, (), (LOST,))
    assert found.well
    served = next(line for line in found.lines if line.who == RECOVERY)
    assert served.what == "serves at epoch 2"
    assert served.at < LOST.at + 90.0, "detection, decision and the plan with a promotion of 17 s"
    plan = said(found, f"{RECOVERY} plan")
    assert plan[0] == "recover-e2-r1 starts"
    assert plan[-1] == "recover-e2-r1 ends: succeeded"
    assert said(found, HOME) == ["serves at epoch 1"], "it came back, and does not serve again"


def test_a_keeper_that_is_gone_is_taken_over_because_its_region_says_that_it_stopped() -> None:
    """A18: without the 503 of its `/health` the standby holds for ever (finding R1)."""

    def begin(world: AuthorityWorld) -> None:
        world.missed_schedules.add((HOME, "keeper"))
        world.kill(HOME, "keeper")

    fault = Fault(300.0, 1_200.0, "no keeper at home", begin)
    found = run_with(1, (), (fault,))
    assert found.well
    assert said(found, RECOVERY) == ["serves at epoch 2"]
    with switched_off("A18"):
        assert said(run_with(1, (), (fault,)), RECOVERY) == []


def losing(*regions: str, of: str = "") -> tuple[Fault, ...]:
    """Each region is lost for good at about the same time; `of`: the region whose keeper is gone before."""

    def lose(region: str, at: float) -> Fault:
        return Fault(at, 1_200.0, f"{region} is lost", lambda world: world.lose_region(region))

    def no_keeper(world: AuthorityWorld) -> None:
        world.missed_schedules.add((of, "keeper"))
        world.kill(of, "keeper")

    faults = [lose(region, 300.0 + number) for number, region in enumerate(regions)]
    return (*faults, Fault(299.0, 1_200.0, "no keeper", no_keeper)) if of else tuple(faults)


def paged(finding: Finding, what: str) -> list[tuple[str, float]]:
    """Who paged it, and when."""
    return [
        (line.who.removeprefix("page from "), line.at)
        for line in finding.lines
        if line.who.startswith("page from ") and line.what == what
    ]


def test_when_both_regions_are_lost_the_witness_tells_a_person() -> None:
    """A22: nobody else is left to say it."""
    ((who, at),) = paged(run_with(1, (), losing(HOME, RECOVERY)), "alarm nobody-serves")
    assert (who, at) == (WITNESS, 420.0), "two whole minutes"


def test_a_standby_that_answers_does_not_hide_that_nobody_serves() -> None:
    """A22: it is well and takes nothing, for its keeper is gone; the witness sees that it serves nothing."""
    found = run_with(1, (), losing(HOME, of=RECOVERY))
    assert (WITNESS, 420.0) in paged(found, "alarm nobody-serves")


def test_a_region_that_stops_without_witness_and_other_region_tells_a_person() -> None:
    """Seed 1083's class: readiness had paged while it still served, and so said nothing any more."""
    cut = {(HOME, RECOVERY), (RECOVERY, HOME)}
    link = Fault(600.0, 1_200.0, "cut", lambda world: world.network.cut_links.update(cut))
    found = run_with(1, (), (*losing(WITNESS), link))
    assert max(at for _, at in paged(found, "alarm takeover-not-ready")) < link.at
    assert {who for who, _ in paged(found, "alarm nobody-serves")} == {HOME, RECOVERY}


@pytest.mark.parametrize("lost", [RECOVERY, WITNESS, HOME])
def test_nobody_says_that_nobody_serves_when_one_place_is_lost(lost: str) -> None:
    """Somebody serves, or the other region does within two minutes."""
    assert paged(run_with(1, (), losing(lost)), "alarm nobody-serves") == []


def test_a_pause_lasts_as_long_as_the_person_said_on_a_clock_that_is_slow() -> None:
    """A20: home is lost during a pause of ten minutes, in which nobody takes."""
    faults = (pause(250.0, 600.0, -600.0), *losing(HOME))
    assert run_with(1, (), faults).violations == ()
    with switched_off("A20"):
        (violation,) = run_with(1, (), faults).violations
    assert violation == f"{RECOVERY} took the lease while a person had paused it"


def test_one_seed_is_one_trace() -> None:
    """E5: twice here, and in another process with another order of hashing."""
    first, again = run_authority(3), run_authority(3)
    assert first.hash == again.hash
    assert first.lines == again.lines
    program = (
        "import logging; logging.disable(logging.CRITICAL); "
        "from simulator.run import run_authority; print(run_authority(3).hash)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    other = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == first.hash
    assert run_authority(4).hash != first.hash


def test_the_faults_of_a_seed_all_heal() -> None:
    for seed in range(200):
        for fault in draw(seed):
            assert 0 < fault.at < fault.until <= END_SECONDS - 600.0, (seed, fault)


def test_a_failed_run_is_told_with_the_faults_that_it_needs() -> None:
    def run(seed: int, faults: Collection[int]) -> Finding:
        numbers = tuple(faults)
        stuck = ("stands still",) if {1, 3} <= set(numbers) else ()
        return Finding(seed, numbers, (), stuck, frozenset(), "", ())

    assert shrink(run(1, (0, 1, 2, 3)), run).faults == (1, 3)


@pytest.mark.parametrize("scenario", kept(), ids=lambda one: one.name)
def test_a_kept_scenario_holds(scenario: Scenario) -> None:
    assert scenario.drawn() == scenario.faults, "the seed draws something else now: keep it anew"
    found = scenario.run()
    assert found.well, found.faulty


def test_a_rule_without_a_switch_is_refused_in_words() -> None:
    with (
        pytest.raises(ValueError, match="rule 'B6' has no switch; those that have one are A"),
        switched_off("B6"),
    ):
        pass


@pytest.mark.parametrize("rule", SWITCHES)
def test_a_rule_that_is_switched_off_is_missed(rule: str) -> None:
    """E4: a run goes red without the rule, and is green with it."""
    killed = kill(rule)
    assert killed.without_rule, f"{killed.run} is green without {rule}"
    assert not killed.with_rule
