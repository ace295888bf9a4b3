"""Capacity follows from events and bytes."""

from __future__ import annotations

import pytest

from lifeline.capacity import OBSERVATIONS, SMALL_TOPICS, CapacityPlan


def test_the_customers_load() -> None:
    plan = CapacityPlan(events_per_minute=100_000, event_bytes=1_024)
    assert plan.shards == 4
    assert plan.partitions == {OBSERVATIONS: 4, **dict.fromkeys(SMALL_TOPICS, 1)}
    assert plan.brokers == 3
    assert plan.processor_tasks == 2


@pytest.mark.parametrize("rate", [1, 50_000, 100_000, 600_000, 6_000_000])
def test_shards_carry_the_load_by_records_and_by_bytes(rate: int) -> None:
    for size in (200, 1_024, 20_000):
        plan = CapacityPlan(rate, size)
        assert plan.shards * 1_000 >= plan.events_per_second * 2
        assert plan.shards * 1_024_000 >= plan.bytes_per_second * 2
        assert plan.brokers % 3 == 0


def test_bytes_alone_can_ask_for_shards() -> None:
    assert CapacityPlan(60_000, 100_000).shards > CapacityPlan(60_000, 100).shards
