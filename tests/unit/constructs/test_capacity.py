"""Capacity follows from mean, peak, bytes and retention."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.capacity import (
    LOG_RETENTION_HOURS,
    OBSERVATIONS,
    PEAK_HOURS,
    SMALL_TOPICS,
    CapacityPlan,
)
from lifeline.profiles import PROFILES
from lifeline.settings import Settings

RATES = st.integers(1, 10_000_000)
SIZES = st.integers(64, 1_000_000)
GIB = 1024**3


def test_the_customers_load() -> None:
    """100,000 events a minute are 1,667/s; the design's peaks are of 10,000/s (N9)."""
    plan = CapacityPlan(events_per_minute=100_000, event_bytes=1_024)
    assert plan.peak_events_per_second == 10_000
    assert plan.shards == 12
    assert plan.partitions == {OBSERVATIONS: 12, **dict.fromkeys(SMALL_TOPICS, 1)}
    assert plan.brokers == 3
    assert plan.applier_tasks == 4
    assert (plan.min_acus, plan.max_acus) == (6.5, 25)
    assert (plan.requests_per_second, plan.burst_requests) == (2_500, 1_250)


@given(RATES, st.integers(1, 60), SIZES)
def test_shards_carry_the_peak_by_records_and_by_bytes(mean: int, times: int, size: int) -> None:
    plan = CapacityPlan(mean, size, mean * times)
    assert plan.shards * 1_000 >= plan.peak_events_per_second * 1.2 - 1e-6
    assert plan.shards * 1_024_000 >= plan.peak_events_per_second * size * 1.2 - 1e-3
    assert plan.shards == 1 or (
        (plan.shards - 1) * 1_000 < plan.peak_events_per_second * 1.2
        or (plan.shards - 1) * 1_024_000 < plan.peak_events_per_second * size * 1.2
    )
    assert plan.partitions[OBSERVATIONS] >= plan.shards
    assert plan.brokers % 3 == 0


def test_a_load_that_fills_its_shards_exactly_asks_for_no_more() -> None:
    """200,000 a minute with headroom are 4,000/s: a rounding error would be a fifth shard."""
    assert CapacityPlan(1_000, 1_024, 200_000).shards == 4


@given(RATES, st.integers(1, 60), SIZES)
def test_the_log_holds_its_retention_below_the_mark_and_a_peak_above_it(
    mean: int, times: int, size: int
) -> None:
    """N10: three copies of what comes in, spread over the brokers."""
    plan = CapacityPlan(mean, size, mean * times)
    volume = plan.brokers * plan.broker_volume_gib * GIB
    kept = 3 * mean * 60 * size * LOG_RETENTION_HOURS
    burst = 3 * mean * times * 60 * size * PEAK_HOURS
    assert kept <= 0.6 * volume
    assert burst <= 0.4 * volume
    assert plan.broker_volume_gib <= 16_384


@pytest.mark.parametrize("profile", ["dev", "staging", "prod"])
def test_no_profile_fills_up_at_its_own_load(profile: str) -> None:
    """N10: dev was full in five hours, staging on its sixth day."""
    plan = Settings(environment_suffix="a", profile_name=profile).capacity
    a_day = 3 * plan.events_per_second * plan.event_bytes * 86_400
    assert plan.brokers * plan.broker_volume_gib * GIB / a_day > LOG_RETENTION_HOURS / 24


def test_every_profile_names_a_peak_above_its_mean() -> None:
    for profile in PROFILES.values():
        assert profile.peak_events_per_minute >= profile.events_per_minute


def test_bytes_alone_can_ask_for_shards() -> None:
    assert CapacityPlan(60_000, 100_000).shards > CapacityPlan(60_000, 100).shards


@given(RATES, SIZES)
def test_capacity_units_are_whole_halves(rate: int, size: int) -> None:
    """RDS refuses others, at deploy time."""
    plan = CapacityPlan(rate, size)
    assert (plan.min_acus * 2).is_integer()
    assert (plan.max_acus * 2).is_integer()
    assert 0.5 <= plan.max_acus / 4 <= plan.min_acus <= plan.max_acus


def test_a_peak_below_the_mean_is_refused() -> None:
    with pytest.raises(ValueError, match="A peak of 10 events a minute is below the mean of 11"):
        CapacityPlan(11, 1_024, 10)


@pytest.mark.parametrize(
    ("given_load", "mean", "peak"),
    [
        ({}, 100_000, 600_000),
        ({"events_per_minute": 1_000}, 1_000, 6_000),
        ({"peak_events_per_minute": 300_000}, 100_000, 300_000),
        ({"events_per_minute": 5, "peak_events_per_minute": 9}, 5, 9),
    ],
)
def test_a_peak_that_is_not_given_follows_from_the_mean_or_the_profile(
    given_load: dict[str, Any], mean: int, peak: int
) -> None:
    plan = Settings(environment_suffix="a", profile_name="prod", **given_load).capacity
    assert (plan.events_per_minute, plan.peak_events_per_minute) == (mean, peak)


def test_a_log_that_stands_keeps_its_partitions_under_more_shards() -> None:
    """B9: the load grew from 3,333/s to 10,000/s; four partitions still carry it."""
    plan = Settings(environment_suffix="a", profile_name="prod", observation_partitions=4).capacity
    assert (plan.shards, plan.partitions[OBSERVATIONS]) == (12, 4)


def test_the_throttle_follows_the_peak_and_ends_at_the_regions() -> None:
    assert CapacityPlan(10, 1_024).requests_per_second == 100
    assert CapacityPlan(10_000, 1_024, 60_000).requests_per_second == 1_200
