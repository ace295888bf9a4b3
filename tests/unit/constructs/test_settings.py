"""Settings: what works, and one sentence for what does not."""

from __future__ import annotations

from typing import Any

import pytest

from lifeline.settings import (
    Domain,
    DrillUse,
    LogReplication,
    Settings,
    SettingsError,
    settings_from_context,
)
from lifeline.strategy import Strategy
from lifeline.tiers import RecoveryTier

BACKUP_ONLY: dict[str, Any] = {
    "strategy": Strategy.BACKUP_ONLY,
    "witness_region": None,
    "tier": RecoveryTier.DEFERRABLE,
}
A_DOMAIN = Domain(name="a.example.org", hosted_zone_id="Z1", hosted_zone_name="example.org")


def test_defaults_are_two_canadian_regions_and_a_witness() -> None:
    settings = Settings(environment_suffix="dev")
    assert (settings.home.code, settings.recovery.code) == ("cac1", "caw1")
    assert settings.witness is not None
    assert settings.automatic_failover


def test_the_strategy_is_a_setting_and_a_word_that_is_none_is_refused() -> None:
    given = {"environmentSuffix": "a", "strategy": "pilot-light", "tier": "IMPORTANT"}
    assert settings_from_context(given.get).strategy is Strategy.PILOT_LIGHT
    with pytest.raises(
        SettingsError, match="Unknown strategy 'cold'; allowed are warm-standby, pilot"
    ):
        settings_from_context((given | {"strategy": "cold"}).get)


def test_backup_only_keeps_its_copies_in_another_region_that_nobody_counts_on() -> None:
    settings = Settings(environment_suffix="a", **BACKUP_ONLY)
    assert settings.recovery.code == "caw1"
    assert not settings.has_standby
    assert not settings.automatic_failover
    assert Settings(environment_suffix="a").has_standby


def test_a_lost_home_is_restored_in_a_region_without_pipelines_as_nothing_is_drilled() -> None:
    there: dict[str, Any] = {
        "home_region": "ca-west-1",
        "recovery_region": "ca-central-1",
        "profile_name": "prod",
    }
    assert Settings(environment_suffix="new", **BACKUP_ONLY | there).home.code == "caw1"
    with pytest.raises(SettingsError, match="CodePipeline"):
        Settings(environment_suffix="new", **there)


def test_no_witness_turns_automatic_failover_off() -> None:
    settings = settings_from_context({"environmentSuffix": "a", "witnessRegion": "none"}.get)
    assert settings.witness is None
    assert not settings.automatic_failover


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"profile_name": "huge"}, "Unknown profile 'huge'; allowed are dev, staging, prod"),
        ({"environment_suffix": "Dev"}, "Bad environmentSuffix 'Dev'"),
        ({"environment_suffix": "a234567890123"}, "Bad environmentSuffix"),
        ({"recovery_region": "ca-central-1"}, "Equal regions: home and recovery"),
        ({"witness_region": "ca-west-1"}, "Equal regions: the witness"),
        ({"recovery_region": "us-east-1"}, "would hold patient data"),
        ({"home_region": "mars-1"}, "not in the region catalog"),
        ({"lag_alarm_seconds": 61}, "cannot guard an RPO of 60 s"),
        ({"lag_alarm_seconds": 0}, "cannot guard"),
        (
            {
                "strategy": Strategy.PILOT_LIGHT,
                "tier": RecoveryTier.STANDARD,
                "witness_region": None,
            },
            "pilot-light needs a witness region",
        ),
        (
            {"strategy": Strategy.PILOT_LIGHT},
            "pilot-light recovers within 335 s, as tasks must start first, and the tier CRITICAL promises "
            "300 s; allowed are the tiers IMPORTANT, STANDARD, DEFERRABLE, or the strategy warm-standby",
        ),
        (
            {"strategy": Strategy.BACKUP_ONLY},
            "backup-only has no standby to take the lease, and witnessRegion is 'us-east-2'; allowed is "
            "witnessRegion=none, which turns automatic failover off",
        ),
        (
            {"strategy": Strategy.BACKUP_ONLY, "witness_region": None},
            "the tier CRITICAL promises 300 s; allowed is the tier DEFERRABLE, or the strategy warm-standby",
        ),
        (
            BACKUP_ONLY | {"drills": DrillUse.FREELY},
            "the strategy backup-only has no standby; allowed is drills=never",
        ),
        (BACKUP_ONLY | {"domain": A_DOMAIN}, "has one region only; allowed is no domain"),
        ({"account": "123"}, "exactly 12 digits"),
        ({"drill_ends_at": "2026-11-22T18:00:00Z"}, "'dev' cannot end by itself"),
        ({"drill_ends_at": "soon"}, "Bad drillEndsAt 'soon'; allowed is an instant in UTC"),
        ({"drill_ends_at": "2026-11-22T18:00:00"}, "allowed is an instant in UTC"),
        (
            {
                "environment_suffix": "dr1",
                "drill_ends_at": "2026-11-22T18:00:00Z",
                "deletion_protection": True,
            },
            "without deletionProtection",
        ),
        ({"events_per_minute": 0}, "Bad eventsPerMinute 0"),
        ({"page_email": "nobody"}, "Bad pageEmail"),
        (
            {"log_replication": LogReplication.REPLICATOR},
            "recovery region ca-west-1 lacks MSK Replicator",
        ),
        (
            {"domain": Domain(name="a.other.org", hosted_zone_id="Z1", hosted_zone_name="x.org")},
            "does not lie in the hosted zone 'x.org'",
        ),
    ],
)
def test_refusals_say_what_given_and_allowed(given: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings(**{"environment_suffix": "dev", **given})
    sentence = str(refused.value)
    assert words in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")


def test_a_wider_tier_allows_what_critical_refuses() -> None:
    settings = Settings(
        environment_suffix="dev", lag_alarm_seconds=300, tier=RecoveryTier.IMPORTANT
    )
    assert settings.lag_alarm_seconds == 300


def test_the_suffix_prod_alone_never_makes_a_cheap_production() -> None:
    assert settings_from_context({"environmentSuffix": "prod"}.get).profile_name == "prod"
    assert settings_from_context({"environmentSuffix": "pr12"}.get).profile_name == "dev"


def test_no_suffix_is_refused() -> None:
    with pytest.raises(SettingsError, match="No environmentSuffix"):
        settings_from_context(lambda _key: None)


@pytest.mark.parametrize(
    ("key", "raw"),
    [("eventsPerMinute", "many"), ("deletionProtection", "maybe"), ("tier", "x"), ("budgets", 3)],
)
def test_context_words_that_cannot_be_read_are_refused(key: str, raw: Any) -> None:
    with pytest.raises(SettingsError, match=key):
        settings_from_context({"environmentSuffix": "a", key: raw}.get)


def test_the_log_is_copied_by_what_both_regions_have() -> None:
    """Calgary lacks MSK Replicator, so the default is MirrorMaker, in both directions."""
    assert Settings(environment_suffix="dev").log_replicated_by is LogReplication.MIRRORMAKER


@pytest.mark.parametrize(
    ("key", "raw", "words"),
    [
        ("logReplication", "carrier-pigeon", "allowed are replicator, mirrormaker"),
        ("domain", "events.example.org", "allowed is an object with hostedZoneId"),
        ("repository", '{"name": "a/b"}', "allowed is an object with connectionArn, name"),
    ],
)
def test_context_values_that_cannot_be_read(key: str, raw: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        settings_from_context({"environmentSuffix": "a", key: raw}.get)


def test_objects_are_read_from_the_command_line_too() -> None:
    domain = '{"name": "e.x.org", "hostedZoneId": "Z1", "hostedZoneName": "x.org"}'
    settings = settings_from_context({"environmentSuffix": "a", "domain": domain}.get)
    assert settings.domain == Domain(name="e.x.org", hosted_zone_id="Z1", hosted_zone_name="x.org")
