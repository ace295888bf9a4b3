"""Limits: a load that AWS cannot carry is refused when the settings are made (N8)."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from lifeline import limits
from lifeline.data.global_database import MAX_ACUS
from lifeline.settings import Settings, SettingsError
from lifeline.stacks.lifeline_app import warn

WHOLE: dict[str, Any] = {"environment_suffix": "a", "profile_name": "prod"}

TOO_MUCH: dict[str, tuple[dict[str, Any], str]] = {
    "brokers": (
        {"events_per_minute": 1_000_000, "peak_events_per_minute": 1_000_000, "event_bytes": 9_000},
        "needs 39 brokers in a cluster; allowed are at most 30",
    ),
    "bursting-brokers": (
        {"profile_name": "dev", "events_per_minute": 200_000, "peak_events_per_minute": 200_000},
        "allowed are at most 983,040: a profile whose brokers are bigger than kafka.t3.small",
    ),
    "partition-rate": (
        {"events_per_minute": 100_000, "observation_partitions": 3},
        "needs 3,333.33 events a second of each partition of the observations; allowed are at most 2,500",
    ),
    "bridge-concurrency": (
        {"events_per_minute": 3_000, "peak_events_per_minute": 25_000, "event_bytes": 1_000_000},
        "needs 978 reserved Lambda executions for the bridge; allowed are at most 800",
    ),
    "capacity-units": (
        {"events_per_minute": 1_500_000, "event_bytes": 100},
        "needs 375 Aurora capacity units of one instance; allowed are at most 256",
    ),
}


def broken(**given: Any) -> Settings:
    """Settings that nobody refuses, to ask the table for all that is wrong with them."""
    made = Settings(environment_suffix="a", profile_name=given.pop("profile_name", "prod"))
    for name, value in given.items():
        object.__setattr__(made, name, value)
    return made


@pytest.mark.parametrize("profile", ["dev", "staging", "prod"])
def test_the_profiles_keep_within_every_limit(profile: str) -> None:
    assert not limits.refusals(Settings(environment_suffix="a", profile_name=profile))


@pytest.mark.parametrize("row", TOO_MUCH)
def test_what_cannot_be_is_refused_in_one_sentence(row: str) -> None:
    given, words = TOO_MUCH[row]
    assert words in limits.refusals(broken(**given))[row]
    with pytest.raises(SettingsError) as refused:
        Settings(**{**WHOLE, **given})
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert f"eventsPerMinute={given['events_per_minute']}" in sentence


def test_every_row_has_a_source_and_the_units_are_those_of_the_database() -> None:
    assert all(one.source and one.remedy for one in limits.LIMITS)
    assert all(one.source for one in limits.ADVICE)
    assert limits.MOST_ACUS == MAX_ACUS
    assert {one.id for one in limits.LIMITS} == set(TOO_MUCH)
    ids = [*(one.id for one in limits.LIMITS), *(one.id for one in limits.ADVICE)]
    assert len(ids) == len(set(ids))


def test_a_floor_below_what_is_advised_is_said_and_not_refused() -> None:
    """8 ACUs for the primary of a serverless global database."""
    said = limits.warnings(Settings(**WHOLE))
    assert said["global-capacity-floor"].startswith("The settings give 6.5 Aurora capacity units")
    bigger = Settings(**WHOLE, peak_events_per_minute=800_000)
    assert bigger.capacity.min_acus >= 8
    assert not limits.warnings(bigger)
    assert not limits.warnings(Settings(environment_suffix="a"))


def test_a_warning_reaches_whoever_deploys() -> None:
    app = cdk.App(analytics_reporting=False)
    stack = cdk.Stack(app, "S")
    warn(stack, Settings(**WHOLE))
    found = assertions.Annotations.from_stack(stack).find_warning(
        "*", assertions.Match.string_like_regexp("AWS recommends at least 8")
    )
    assert len(found) == 1
