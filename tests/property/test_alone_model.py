"""Exhaustive, without a witness (A21): one region serves at most, and none serves but by a person's word.

The model is `alone_model`. Each part of the rule, left out, must make the same search find two regions that
serve: that is how we know that it can.
"""

from __future__ import annotations

import pytest
from alone_model import Found, activating, explore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def hold(found: Found) -> None:
    """What the rule promises."""
    assert found.both_serve is None, found.both_serve
    assert found.other_served, "a takeover makes the other region serve"
    assert found.states > 5_000
    assert found.dead_ends == 0


def test_no_two_regions_serve_and_a_way_back_exists() -> None:
    """The loss and a cut link; a takeover at any moment; home returns whenever it likes."""
    hold(explore(max_faults=2))


def test_nor_while_home_is_made_active_for_the_first_time() -> None:
    hold(explore(max_faults=1, start_at=activating()))


@pytest.mark.parametrize("part", ["question", "standstill", "bind", "wait", "lost"])
def test_the_search_finds_the_hazard_that_each_part_prevents(part: str) -> None:
    """`question`: a refusal stops; `standstill`: who stood still needs an answer; `bind`: the takeover binds
    its own table; `wait`: for ttl + margin; `lost`: home stays lost until then."""
    assert explore(max_faults=2, without=part).both_serve is not None


def test_the_search_finds_a_plan_that_opens_a_region_that_was_replaced() -> None:
    """Without the plan's own questions: it was started before the loss, and goes on after it."""
    assert explore(max_faults=2, without="plan", start_at=activating()).both_serve is not None
