"""The first seeds of the authority world: no property is missed; the soak searches further."""

from __future__ import annotations

import pytest

from simulator.run import run_authority
from simulator.sometimes import SOMETIMES

SEEDS_A_TEST = 10
QUICK, SOAK = 60, 300
"""The quick ones take about a minute and a quarter of one core."""


def search(first: int, seeds: int) -> set[str]:
    """Run the seeds; the rare states that they reached."""
    reached: set[str] = set()
    for seed in range(first, first + seeds):
        found = run_authority(seed)
        assert found.well, (
            f"seed {seed}: {sorted(found.faulty)}; python -m simulator story {seed} tells it"
        )
        reached |= found.reached
    return reached


@pytest.mark.parametrize("first", range(0, QUICK, SEEDS_A_TEST))
def test_the_first_seeds_miss_no_property(first: int) -> None:
    search(first, SEEDS_A_TEST)


@pytest.mark.soak
def test_three_hundred_seeds_miss_no_property_and_reach_every_rare_state() -> None:
    assert not SOMETIMES - search(0, SOAK)
