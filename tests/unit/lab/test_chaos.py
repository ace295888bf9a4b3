"""The schedule of faults: one seed, one schedule; every fault in it, and no link broken for long."""

from __future__ import annotations

from lab.chaos import KILLED, LINKS, schedule
from lab.conditions import Conditions, link_states
from lab.places import Places

LEASE_SECONDS = 20.0


def test_one_seed_is_one_schedule() -> None:
    assert schedule(7, 900) == schedule(7, 900)
    assert schedule(7, 900) != schedule(8, 900)


def test_a_longer_schedule_begins_as_a_shorter_one() -> None:
    assert list(schedule(7, 900))[: len(schedule(7, 300))] == list(schedule(7, 300))


def test_every_fault_comes_and_ends_in_time() -> None:
    for seed in range(50):
        blows = schedule(seed, 300)
        assert {one.fault for one in blows} == {*KILLED, *LINKS}
        assert all(one.at + one.lasts <= 300 for one in blows)
        assert all(one.lasts < LEASE_SECONDS for one in blows)
        ends = [one.at + one.lasts for one in blows]
        assert all(end < later.at for end, later in zip(ends, blows[1:], strict=False))


def test_a_hung_link_is_one_between_the_data_regions_only() -> None:
    links = Places(20_000).links()
    states = link_states(links, Conditions().with_link_hung())
    hung = {name for name, state in states.items() if state != "open"}
    assert hung
    assert all("cac1" in name and "caw1" in name for name in hung)
    assert {states[name] for name in hung} == {"hang"}
