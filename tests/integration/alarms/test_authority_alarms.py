"""Readiness and service: the deployed keepers and probes in the simulated world, the deployed alarms over
what they tell (A19, A22)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from lab.alarm_evaluation import told
from simulator import told as contracts
from simulator.authority import AuthorityWorld
from simulator.runtime import EPOCH_ZERO
from tests.integration.alarms.deployed import HOME, RECOVERY, SUFFIX, WITNESS, Deployed, Fault

pytestmark = pytest.mark.synth
FAULT = Fault(EPOCH_ZERO, EPOCH_ZERO + 420, EPOCH_ZERO + 840, EPOCH_ZERO + 1_260)
UNREADY, UNSERVED = "takeover-not-ready", "nobody-serves"


@dataclass(frozen=True)
class Broken:
    """What is broken, and the alarms that tell of it, by who tells."""

    begin: Callable[[AuthorityWorld], object]
    end: Callable[[AuthorityWorld], object]
    fires: dict[str, set[str]]
    lost: frozenset[str] = frozenset()
    """Places whose alarms are lost with them."""


def absent(function: str, place: str, **fires: set[str]) -> Broken:
    """Nobody starts a function any more, and the running one ends."""

    def begin(world: AuthorityWorld) -> None:
        world.missed_schedules.add((place, function))
        world.kill(place, function)

    return Broken(begin, lambda world: world.missed_schedules.clear(), _by_place(fires))


def lost(*places: str, link_cut: bool = False, **fires: set[str]) -> Broken:
    """Whole regions, and perhaps the link between the data regions."""
    cut = {(HOME, RECOVERY), (RECOVERY, HOME)} if link_cut else set()

    def begin(world: AuthorityWorld) -> None:
        world.network.cut_links.update(cut)
        for place in places:
            world.lose_region(place)

    def end(world: AuthorityWorld) -> None:
        world.network.cut_links.clear()
        for place in places:
            world.return_region(place)

    return Broken(begin, end, _by_place(fires), frozenset(places))


def _by_place(fires: dict[str, set[str]]) -> dict[str, set[str]]:
    return {
        {"home": HOME, "recovery": RECOVERY, "witness": WITNESS}[at]: s for at, s in fires.items()
    }


FAULTS = {
    "nothing": Broken(lambda _: None, lambda _: None, {}),
    "no probe in the standby region": absent("probe", RECOVERY, recovery={UNREADY}),
    "no keeper in the standby region": absent("keeper", RECOVERY, recovery={UNREADY}),
    "no probe in the witness": absent("probe", WITNESS, witness={UNREADY}, recovery={UNREADY}),
    "the witness is lost": lost(WITNESS, home={UNREADY}, recovery={UNREADY}),
    "both data regions are lost": lost(HOME, RECOVERY, witness={UNSERVED}),
    "the witness and the link are lost": lost(
        WITNESS, link_cut=True, home={UNREADY, UNSERVED}, recovery={UNREADY, UNSERVED}
    ),
}


@pytest.fixture(autouse=True)
def _suffix(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The world tells as the synthesized environment would; the shipped code logs what does not answer."""
    monkeypatch.setattr(contracts, "SUFFIX", SUFFIX)
    contracts.environment.cache_clear()
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    contracts.environment.cache_clear()


@pytest.mark.parametrize("name", FAULTS)
def test_each_alarm_fires_for_its_fault_and_recovers(name: str, deployed: Deployed) -> None:
    broken, world = FAULTS[name], AuthorityWorld(1)
    world.scheduler.at(FAULT.at - EPOCH_ZERO, lambda: broken.begin(world))
    world.scheduler.at(FAULT.healed - EPOCH_ZERO, lambda: broken.end(world))
    world.run(FAULT.end - EPOCH_ZERO)
    fired = {
        place: deployed.fired(place, told(lines), FAULT)
        for place, lines in world.told.items()
        if place not in broken.lost
    }
    assert {place: names for place, names in fired.items() if names} == broken.fires
