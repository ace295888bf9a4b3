"""The deployed bridge, markers, reader and applier in a simulated world: what they do when much is wrong."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest

from simulator.path.faults import AWAY_SECONDS, HEALED_SECONDS, Fault, draw
from simulator.path.run import END_SECONDS, run_path, run_with
from simulator.path.switches import PATH_SWITCHES, switched_off
from simulator.path.world import OBSERVATIONS, PathWorld
from simulator.places import HOME, RECOVERY
from simulator.run import Finding
from simulator.twins.kafka import Message, Place

SEEDS = 30
SOAKED = range(SEEDS, 1_000)


def said(finding: Finding, who: str) -> list[str]:
    """What somebody did, in order."""
    return [line.what for line in finding.lines if line.who == who]


def test_nothing_happens_when_nothing_is_wrong() -> None:
    found = run_with(1, (), ())
    assert found.well, found.faulty
    assert said(found, f"{HOME} applier") == ["serving", "partitions assigned", "placed (2)"]
    assert said(found, f"{RECOVERY} applier") == [
        "the server is in recovery",
        "partitions assigned",
    ]
    assert max(line.at for line in found.lines) < 1.0


@pytest.mark.parametrize("rebuilt", [False, True])
def test_a_lost_region_is_taken_over_and_comes_back(rebuilt: bool) -> None:
    lost = Fault(
        *(60.0, 60.0 + AWAY_SECONDS, "home is lost"),
        lambda world: world.lose_region(HOME),
        lambda world: world.return_region(HOME, rebuilt=rebuilt),
    )
    found = run_with(1, (), (lost,))
    assert found.well, found.faulty
    assert said(found, "plan") == [f"{RECOVERY} is promoted at epoch 2"]
    assert "placed (0)" in said(found, f"{RECOVERY} applier"), "from the applied markers, no start"


def dropping(chosen: str) -> Fault:
    """The replicator to the recovery region drops events or markers of a partition, for ten seconds."""

    def loses(place: Place, message: Message) -> bool:
        is_marker = any(name == "kind" for name, _ in message.headers())
        return place == (OBSERVATIONS, 0) and is_marker == (chosen == "markers")

    def begin(world: PathWorld) -> None:
        world.mirrors[RECOVERY].loses = loses

    def end(world: PathWorld) -> None:
        world.mirrors[RECOVERY].loses = None

    return Fault(60.0, 70.0, f"{chosen} are dropped", begin, end, harm=chosen)


@pytest.mark.parametrize(("chosen", "why"), [("events", "missing"), ("markers", "chain")])
def test_what_the_replicator_drops_is_named_and_repaired_and_never_passed(
    chosen: str, why: str
) -> None:
    """replicator-drop (B8, B11, B18)."""
    found = run_with(1, (), (dropping(chosen),))
    assert found.well, found.faulty
    holes = [line for line in found.lines if line.what.startswith("hole: ")]
    assert holes[0].what.startswith(f"hole: {why} of shardId-")
    assert holes[0].what.endswith(f"{OBSERVATIONS}/0")
    assert 60.0 < holes[0].at < 80.0
    assert "the holes are closed" in said(found, f"{RECOVERY} reader")


def test_a_hole_that_nothing_explains_is_a_violation() -> None:
    """The checker itself: the same run without the word that records were taken away."""
    silent = dropping("events")
    faults = (Fault(silent.at, silent.until, silent.what, silent.begin, silent.end),)
    assert run_with(1, (), faults).violations == (
        f"{RECOVERY} tells a hole (missing) and nothing was taken away",
    )


def test_one_seed_is_one_trace() -> None:
    """E5: twice here, and in another process with another order of hashing."""
    first, again = run_path(3), run_path(3)
    assert first.hash == again.hash
    assert first.lines == again.lines
    program = (
        "import logging; logging.disable(logging.CRITICAL); "
        "from simulator.path.run import run_path; print(run_path(3).hash)"
    )
    other = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == first.hash
    assert run_path(4).hash != first.hash


def test_the_faults_of_a_seed_all_heal() -> None:
    for seed in range(200):
        for fault in draw(seed):
            assert 0 < fault.at < fault.until <= HEALED_SECONDS < END_SECONDS, (seed, fault)


def faulty(seed: int) -> list[str]:
    """What is wrong with a seed."""
    logging.disable(logging.CRITICAL)
    return sorted(run_path(seed).faulty)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_seed_is_well(seed: int) -> None:
    assert faulty(seed) == []


@pytest.mark.soak
def test_a_thousand_seeds_are_well() -> None:
    with ProcessPoolExecutor(2) as pool:
        found = dict(zip(SOAKED, pool.map(faulty, SOAKED, chunksize=8), strict=True))
    assert {seed: what for seed, what in found.items() if what} == {}


def test_a_rule_without_a_switch_is_refused_in_words() -> None:
    with (
        pytest.raises(ValueError, match="rule 'A1' has no switch in the path world; those that"),
        switched_off("A1"),
    ):
        pass


KILLERS = {rule: int(one.run) for rule, one in PATH_SWITCHES.items()}


@pytest.mark.parametrize(("rule", "seed"), sorted(KILLERS.items()))
def test_a_rule_that_is_switched_off_is_missed(rule: str, seed: int) -> None:
    """E4: the search found a run that goes red without the rule, and is well with it."""
    if seed >= SEEDS:  # the others are run above
        assert run_path(seed).well
    with switched_off(rule):
        assert not run_path(seed).well
