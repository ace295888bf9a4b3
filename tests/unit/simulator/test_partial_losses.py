"""Every partial loss is decided by the deployed code: taken, handed over, or told (A11)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from simulator.faults import HEALED_SECONDS, Fault, ask_hand_over
from simulator.partial_losses import (
    BEGIN,
    DECIDED_SECONDS,
    LOSSES,
    TAKEN,
    api_dead,
    home_lost,
    promotion_refused,
    services_dead,
)
from simulator.places import HOME, RECOVERY
from simulator.run import Finding, run_with
from simulator.switches import switched_off


def served(finding: Finding, who: str = RECOVERY) -> list[str]:
    """At which epochs the region served."""
    return [line.what for line in finding.lines if line.who == who]


@pytest.mark.parametrize("name", LOSSES)
def test_a_partial_loss_is_decided_within_two_minutes(name: str) -> None:
    loss = LOSSES[name]
    found = loss.run()
    assert found.well, found.faulty
    decided = loss.decided_after(found)
    assert decided is not None
    assert decided <= DECIDED_SECONDS
    if loss.decided == TAKEN:
        assert any(one.startswith("serves at epoch") for one in served(found))


@pytest.mark.parametrize("name", ["services-dead", "log-dead"])
def test_without_own_health_nobody_decides(name: str) -> None:
    """R2: the lease is renewed, so the standby holds; its alarms tell of themselves, minutes later."""
    loss = LOSSES[name]
    with switched_off("A11"):
        assert loss.decided_after(loss.run()) is None


def asked(at: float) -> Fault:
    """A person types the command of the page."""

    return Fault(at, at + 1.0, "a person asks for a hand-over", ask_hand_over)


def test_a_person_hands_over_a_sick_region() -> None:
    found = run_with(1, (), (services_dead(), asked(BEGIN + 100.0)))
    assert found.well, found.faulty
    last = next(line for line in reversed(found.lines) if line.who == RECOVERY)
    assert last.what == "serves at epoch 2"
    assert last.at < BEGIN + 100.0 + 120.0


def test_a_sick_region_hands_over_by_itself_where_that_is_on() -> None:
    found = run_with(1, (), (api_dead(),), automatic_hand_over=True)
    assert found.well, found.faulty
    assert served(found) == ["serves at epoch 2"]
    off = run_with(1, (), (api_dead(),))
    assert served(off) == []


def test_what_is_handed_over_to_a_region_that_cannot_take_comes_back() -> None:
    """The standby lost its services after it had said that it is ready."""
    found = run_with(1, (), (services_dead(RECOVERY), asked(BEGIN + 2.0)))
    assert found.well, found.faulty
    assert served(found) == []
    assert served(found, HOME)[-1] == "serves at epoch 2"


def test_a_region_that_let_go_and_is_lost_is_taken_over_all_the_same() -> None:
    found = run_with(1, (), (asked(BEGIN), home_lost(BEGIN + 8.0)))
    assert found.well, found.faulty
    assert served(found) == ["serves at epoch 2"]


def test_a_promotion_that_was_refused_at_first_is_asked_for_again_without_a_person() -> None:
    """A5: what the standby itself did at the epoch that it gave back is no life of the lost region."""
    found = LOSSES["promotion-refused"].run()
    assert found.well, found.faulty
    (serves,) = [
        one for one in found.lines if one.who == RECOVERY and one.what.startswith("serves")
    ]
    assert serves.at < BEGIN + 180.0
    pages = [line.what for line in found.lines if "loss-above-rpo" in line.what]
    assert pages == []


def test_one_that_is_refused_for_long_is_tried_again_with_growing_pauses_and_told() -> None:
    found = run_with(1, (), (home_lost(), promotion_refused(HEALED_SECONDS)))
    assert found.well, found.faulty
    assert served(found, HOME)[-1].startswith("serves at epoch")
    takes = [line.at for line in found.lines if f"{line.who} {line.what}".startswith(TAKEN)]
    pauses = [after - before for before, after in pairwise(takes)]
    assert len(pauses) >= 3
    assert pauses == sorted(pauses)
    assert any(
        "backing-off-after-releases" in line.what for line in found.lines if line.at > takes[2]
    )
