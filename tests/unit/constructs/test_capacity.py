"""Capacity follows from events and bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.capacity import OBSERVATIONS, SMALL_TOPICS, CapacityPlan


def test_the_customers_load() -> None:
    plan = CapacityPlan(events_per_minute=100_000, event_bytes=1_024)
    assert plan.shards == 4
    assert plan.partitions == {OBSERVATIONS: 4, **dict.fromkeys(SMALL_TOPICS, 1)}
    assert plan.brokers == 3
    assert plan.applier_tasks == 2


@pytest.mark.parametrize("rate", [1, 50_000, 100_000, 600_000, 6_000_000])
def test_shards_carry_the_load_by_records_and_by_bytes(rate: int) -> None:
    for size in (200, 1_024, 20_000):
        plan = CapacityPlan(rate, size)
        assert plan.shards * 1_000 >= plan.events_per_second * 2
        assert plan.shards * 1_024_000 >= plan.bytes_per_second * 2
        assert plan.brokers % 3 == 0


def test_bytes_alone_can_ask_for_shards() -> None:
    assert CapacityPlan(60_000, 100_000).shards > CapacityPlan(60_000, 100).shards


def test_a_quarter_of_nine_units_is_two_and_a_half() -> None:
    plan = CapacityPlan(events_per_minute=100_000, event_bytes=1_024)
    assert (plan.min_acus, plan.max_acus) == (2.5, 9)


@given(st.integers(1, 10_000_000), st.integers(1, 1_000_000))
def test_capacity_units_are_whole_halves(rate: int, size: int) -> None:
    """RDS refuses others, at deploy time."""
    plan = CapacityPlan(rate, size)
    assert (plan.min_acus * 2).is_integer()
    assert (plan.max_acus * 2).is_integer()
    assert 0.5 <= plan.max_acus / 4 <= plan.min_acus <= plan.max_acus <= 128
