"""One frozen object that says everything an environment is told. Nothing else reads the context.

Whatever cannot work together is refused when the object is made, one sentence a refusal: what was wrong,
what was given, what is allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from lifeline.capacity import CapacityPlan
from lifeline.lambdas.failover.plan import plan_for, rto_budget_seconds
from lifeline.limits import refusals
from lifeline.profiles import PROFILES, Profile
from lifeline.regions import (
    CATALOG,
    PATIENT_DATA_COUNTRY,
    PATIENT_DATA_SERVICES,
    PIPELINE_SERVICES,
    WITNESS_SERVICES,
    Region,
    Service,
    region_named,
    require_residency,
    require_services,
)
from lifeline.strategy import Strategy
from lifeline.tiers import RecoveryTier

DRILL_SUFFIX = re.compile(r"dr[a-z0-9]{1,10}")
"""Of an environment that a drill throws away; the pipeline makes them of its execution's id."""
DRILL_ENDS_AT = "DrillEndsAt"
"""The tag on every stack of a drill environment: `lifeline sweep` destroys it after that time."""
SUFFIX = re.compile(r"[a-z][a-z0-9]{0,11}")
ACCOUNT = re.compile(r"[0-9]{12}")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
IMAGE_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
DOMAIN = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,8}")
NO_WITNESS = "none"
MAX_EVENT_BYTES = 1024 * 1024
MAX_EVENTS_PER_MINUTE = 6_000_000
MAX_PARTITIONS = 300
"""Of a topic: a kafka.t3.small holds so many in all (MSK Developer Guide, Best practices)."""
TERABYTE = 1024**4
BROKERS_WITHOUT_PRIVATE_LINKS = ("kafka.t3.small",)
"""Multi-VPC connectivity, which MSK Replicator needs, is not offered for this class."""


class SettingsError(ValueError):
    """Settings that cannot work; the message is one sentence for the person who gave them."""


class LogReplication(StrEnum):
    """What copies the log between the regions; always the same in both directions."""

    REPLICATOR = "replicator"
    """MSK Replicator, where both regions offer it."""
    MIRRORMAKER = "mirrormaker"
    """MirrorMaker 2 on Fargate, over a peering of the two networks."""


class DrillUse(StrEnum):
    """Whether `make drill TARGET=aws` may break this environment, and what it asks before."""

    NEVER = "never"
    """There is nothing that a drill could break it with."""
    CONFIRMED = "confirmed"
    """A person types its suffix first."""
    FREELY = "freely"
    """It exists to be drilled."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A name of the customer's own for both regions' API, in a hosted zone of the same account."""

    name: str
    hosted_zone_id: str
    hosted_zone_name: str


@dataclass(frozen=True, kw_only=True)
class Repository:
    """Where the drill pipeline gets the source from. Without one: from a versioned bucket."""

    connection_arn: str
    name: str
    """`owner/name`."""
    branch: str = "main"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """An environment: profile, suffix and what overrides the profile's defaults.

    Raises SettingsError at construction for anything that cannot work together.
    """

    environment_suffix: str
    profile_name: str = "dev"
    home_region: str = "ca-central-1"
    recovery_region: str = "ca-west-1"
    witness_region: str | None = "us-east-2"
    """None: automatic failover is off."""
    account: str | None = None
    """None: templates work in any account and name it with a token."""
    strategy: Strategy = Strategy.WARM_STANDBY
    tier: RecoveryTier = RecoveryTier.CRITICAL
    events_per_minute: int | None = None
    """The mean. None: the profile's, and the profile's peak with it."""
    peak_events_per_minute: int | None = None
    """None: the profile's, or six times a mean that was given."""
    observation_partitions: int | None = None
    """None: as the load needs. A log that stands keeps what it has (B9), whatever the load has become."""
    event_bytes: int = 1_024
    data_bytes: int = 5 * TERABYTE
    lag_alarm_seconds: int = 30
    page_email: str | None = None
    deletion_protection: bool = False
    breaker: bool = True
    """Off: bridge and event applier set aside whatever they cannot use, be it everything (B23)."""
    automatic_hand_over: bool = False
    """Whether a sick active region hands over by itself; off while no command brings it back (A11)."""
    drill_ends_at: str | None = None
    """Of a throw-away environment: an instant in UTC, after which `lifeline sweep` destroys it."""
    image_tag: str = "0.1.0"
    log_replication: LogReplication | None = None
    """None: MSK Replicator where both regions have it, else MirrorMaker 2."""
    domain: Domain | None = None
    repository: Repository | None = None
    drills: DrillUse = DrillUse.NEVER
    catalog: Mapping[str, Region] = field(default_factory=lambda: CATALOG, hash=False, repr=False)
    """The regions that somebody has looked at; give your own to go elsewhere."""
    data_country: str | None = PATIENT_DATA_COUNTRY
    """The country that patient data must stay in; None: any region of the catalog may hold it."""

    def __post_init__(self) -> None:
        try:
            self._check_words()
            self._check_regions()
            self._check_numbers()
            self._check_replication()
            self._check_strategy()
            self._check_limits()
        except SettingsError:
            raise
        except ValueError as refusal:
            raise SettingsError(str(refusal)) from None

    @property
    def profile(self) -> Profile:
        """The profile's defaults."""
        return PROFILES[self.profile_name]

    @property
    def home(self) -> Region:
        """Where the environment was created; not necessarily where it is active."""
        return region_named(self.home_region, role="home", catalog=self.catalog)

    @property
    def recovery(self) -> Region:
        """The other region that holds patient data."""
        return region_named(self.recovery_region, role="recovery", catalog=self.catalog)

    @property
    def witness(self) -> Region | None:
        """The third vantage point, without patient data."""
        if self.witness_region is None:
            return None
        return region_named(self.witness_region, role="witness", catalog=self.catalog)

    @property
    def automatic_failover(self) -> bool:
        """Two sites cannot vote: without a witness a person decides. Without a standby nobody can."""
        return self.witness_region is not None

    @property
    def has_standby(self) -> bool:
        """Whether the recovery region can become active; else it keeps copies only (ADR 23)."""
        return self.strategy.has_standby

    @property
    def capacity(self) -> CapacityPlan:
        """What the load needs in each region."""
        mean, peak = self.events_per_minute, self.peak_events_per_minute
        if mean is None:
            mean, usual = self.profile.events_per_minute, self.profile.peak_events_per_minute
            peak = usual if peak is None else peak
        return CapacityPlan(mean, self.event_bytes, peak or 0, self.observation_partitions or 0)

    @property
    def log_replicated_by(self) -> LogReplication:
        """What copies the log, the default resolved."""
        if self.log_replication is not None:
            return self.log_replication
        regions = (self.home, self.recovery)
        if any(Service.MSK_REPLICATOR in one.lacks for one in regions):
            return LogReplication.MIRRORMAKER
        if self.profile.broker_class in BROKERS_WITHOUT_PRIVATE_LINKS:
            return LogReplication.MIRRORMAKER
        return LogReplication.REPLICATOR

    @property
    def brokers_take_private_links(self) -> bool:
        """Whether MSK Replicator can reach the brokers (multi-VPC connectivity)."""
        return self.profile.broker_class not in BROKERS_WITHOUT_PRIVATE_LINKS

    @property
    def has_peer(self) -> bool:
        """Whether a second region holds patient data."""
        return True

    def peer_of(self, region: Region) -> Region:
        """The other one of the two regions that hold patient data."""
        return self.recovery if region == self.home else self.home

    def _check_words(self) -> None:
        if self.profile_name not in PROFILES:
            raise SettingsError(
                f"Unknown profile {self.profile_name!r}; allowed are {', '.join(PROFILES)}."
            )
        if not SUFFIX.fullmatch(self.environment_suffix):
            raise SettingsError(
                f"Bad environmentSuffix {self.environment_suffix!r}; allowed is a lower-case letter "
                "followed by at most 11 lower-case letters or digits."
            )
        if self.account is not None and not ACCOUNT.fullmatch(self.account):
            raise SettingsError(f"Bad account {self.account!r}; allowed are exactly 12 digits.")
        if self.page_email is not None and not EMAIL.fullmatch(self.page_email):
            raise SettingsError(
                f"Bad pageEmail {self.page_email!r}; allowed is an address such as oncall@example.org."
            )
        if self.drill_ends_at is not None:
            self._check_drill(self.drill_ends_at)
        if not IMAGE_TAG.fullmatch(self.image_tag):
            raise SettingsError(
                f"Bad imageTag {self.image_tag!r}; allowed are up to 128 letters, digits, '.', '_', '-'."
            )

    def _check_drill(self, ends_at: str) -> None:
        drill_end(ends_at)
        if not DRILL_SUFFIX.fullmatch(self.environment_suffix) or self.deletion_protection:
            raise SettingsError(
                f"The environment {self.environment_suffix!r} cannot end by itself at {ends_at}; allowed is "
                "drillEndsAt for a suffix of dr and 1 to 10 lower-case letters or digits, without "
                "deletionProtection."
            )

    def _check_regions(self) -> None:
        if self.home_region == self.recovery_region:
            raise SettingsError(
                f"Equal regions: home and recovery are both {self.home_region!r}; "
                "losing it would lose everything, so they must differ."
            )
        if self.witness_region in (self.home_region, self.recovery_region):
            raise SettingsError(
                f"Equal regions: the witness {self.witness_region!r} is also a region it must judge; "
                f"allowed is a third region, or {NO_WITNESS!r} to turn automatic failover off."
            )
        for role, region in (("home", self.home), ("recovery", self.recovery)):
            if self.data_country is not None:
                require_residency(region, self.data_country, role=role, catalog=self.catalog)
            require_services(region, PATIENT_DATA_SERVICES, role=role)
        if self.witness is not None:
            require_services(self.witness, WITNESS_SERVICES, role="witness")

    def _check_replication(self) -> None:
        if self.log_replication is LogReplication.REPLICATOR:
            for role, region in (("home", self.home), ("recovery", self.recovery)):
                require_services(region, (Service.MSK_REPLICATOR,), role=role)
            if not self.brokers_take_private_links:
                raise SettingsError(
                    f"MSK Replicator cannot reach brokers of class {self.profile.broker_class} "
                    f"(profile {self.profile_name}); choose logReplication=mirrormaker or a profile "
                    "with bigger brokers."
                )
        if self.profile.dr_pipeline and self.has_standby:
            require_services(self.home, PIPELINE_SERVICES, role="home")
        if self.domain is not None and not DOMAIN.fullmatch(self.domain.name):
            raise SettingsError(
                f"Bad domain {self.domain.name!r}; allowed is a host name such as events.example.org."
            )
        if self.domain is not None and not (
            self.domain.name.endswith(f".{self.domain.hosted_zone_name}")
        ):
            raise SettingsError(
                f"The domain {self.domain.name!r} does not lie in the hosted zone "
                f"{self.domain.hosted_zone_name!r}; allowed is a name that ends in it."
            )

    def _check_strategy(self) -> None:
        """The plan of the whole environment: a region with fewer parts has a shorter one."""
        if not self.has_standby:
            self._check_backup_only()
            return
        if self.strategy.services_rest and self.witness_region is None:
            raise SettingsError(
                f"The strategy {self.strategy} needs a witness region, whose lease tells the standby that it "
                f"may rest; witnessRegion is {NO_WITNESS!r}: allowed is a region, or the strategy "
                f"{Strategy.WARM_STANDBY}."
            )
        budget = rto_budget_seconds(plan_for(services_rest=self.strategy.services_rest))
        if self.strategy.services_rest and budget > self.tier.rto_seconds:
            slow = ", ".join(one.name for one in RecoveryTier if budget <= one.rto_seconds)
            raise SettingsError(
                f"The strategy {self.strategy} recovers within {budget} s, as tasks must start first, "
                f"and the tier {self.tier.name} promises {self.tier.rto_seconds} s; allowed are the tiers "
                f"{slow}, or the strategy {Strategy.WARM_STANDBY}."
            )

    def _check_backup_only(self) -> None:
        """Nothing that promises what only a standby could do."""
        if self.witness_region is not None:
            raise SettingsError(
                f"The strategy {self.strategy} has no standby to take the lease, and witnessRegion is "
                f"{self.witness_region!r}; allowed is witnessRegion={NO_WITNESS}, which turns automatic "
                "failover off."
            )
        if self.tier is not RecoveryTier.DEFERRABLE:
            raise SettingsError(
                f"The strategy {self.strategy} restores from backups when the home region is lost, which "
                f"takes hours, and the tier {self.tier.name} promises {self.tier.rto_seconds} s; allowed is "
                f"the tier {RecoveryTier.DEFERRABLE.name}, or the strategy {Strategy.WARM_STANDBY}."
            )
        if self.drills is not DrillUse.NEVER:
            raise SettingsError(
                f"Drills are {self.drills!r}: they take a region away and wait for the other one, and the "
                f"strategy {self.strategy} has no standby; allowed is drills={DrillUse.NEVER}."
            )
        if self.domain is not None:
            raise SettingsError(
                f"The domain {self.domain.name!r} follows the active region, and the strategy "
                f"{self.strategy} has one region only; allowed is no domain: edges use its own endpoint."
            )

    def _check_limits(self) -> None:
        for sentence in refusals(self).values():
            raise SettingsError(sentence)

    def _check_numbers(self) -> None:
        if self.events_per_minute is not None:
            _within("eventsPerMinute", self.events_per_minute, 1, MAX_EVENTS_PER_MINUTE)
        if self.peak_events_per_minute is not None:
            _within("peakEventsPerMinute", self.peak_events_per_minute, 1, MAX_EVENTS_PER_MINUTE)
        if self.observation_partitions is not None:
            _within("observationPartitions", self.observation_partitions, 1, MAX_PARTITIONS)
        _within("eventBytes", self.event_bytes, 64, MAX_EVENT_BYTES)
        _within("dataBytes", self.data_bytes, 1, 128 * TERABYTE)
        if self.lag_alarm_seconds < 1 or self.lag_alarm_seconds > self.tier.rpo_seconds:
            raise SettingsError(
                f"A lag alarm at {self.lag_alarm_seconds} s cannot guard an RPO of "
                f"{self.tier.rpo_seconds} s (tier {self.tier.name}); allowed are 1 to "
                f"{self.tier.rpo_seconds} s."
            )


def drill_end(text: str) -> datetime:
    """When a drill environment ends. Raises SettingsError for what is no instant in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() != timedelta(0):
        raise SettingsError(
            f"Bad drillEndsAt {text!r}; allowed is an instant in UTC such as 2026-11-22T18:00:00Z."
        )
    return moment


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise SettingsError(f"Bad {name} {value}; allowed are {least} to {most}.")


def settings_from_context(context: Callable[[str], Any]) -> Settings:
    """Read the settings from a lookup of CDK context keys (`-c key=value`, all of them strings).

    `environmentSuffix` is required. `profile` defaults to the profile of the suffix's own name, so that
    `environmentSuffix=prod` alone never makes a cheap production, and else to `dev`.
    """
    suffix = context("environmentSuffix")
    if not suffix:
        raise SettingsError(
            "No environmentSuffix was given; say which environment with -c environmentSuffix=dev."
        )
    given: dict[str, Any] = {
        "environment_suffix": str(suffix),
        "profile_name": str(context("profile") or (suffix if suffix in PROFILES else "dev")),
    }
    for key, read in READERS.items():
        raw = context(key)
        if raw is not None:
            given[_field_name(key)] = read(key, raw)
    return Settings(**given)


def _field_name(key: str) -> str:
    return re.sub(r"(?=[A-Z])", "_", key).lower()


def _text(_key: str, raw: Any) -> str | None:
    return str(raw) or None


def _required_text(_key: str, raw: Any) -> str:
    return str(raw)


def _region_or_none(_key: str, raw: Any) -> str | None:
    return None if str(raw) in (NO_WITNESS, "") else str(raw)


def _whole(key: str, raw: Any) -> int:
    try:
        return int(str(raw).replace("_", ""))
    except ValueError:
        raise SettingsError(f"Bad {key} {raw!r}; allowed is a whole number.") from None


def _switch(key: str, raw: Any) -> bool:
    words = {"true": True, "false": False}
    if str(raw).lower() not in words:
        raise SettingsError(f"Bad {key} {raw!r}; allowed are true and false.")
    return words[str(raw).lower()]


def _tier(key: str, raw: Any) -> RecoveryTier:
    try:
        return RecoveryTier[str(raw).upper()]
    except KeyError:
        names = ", ".join(tier.name for tier in RecoveryTier)
        raise SettingsError(f"Unknown {key} {raw!r}; allowed are {names}.") from None


def _strategy(key: str, raw: Any) -> Strategy:
    try:
        return Strategy(str(raw))
    except ValueError:
        raise SettingsError(f"Unknown {key} {raw!r}; allowed are {', '.join(Strategy)}.") from None


def _log_replication(key: str, raw: Any) -> LogReplication:
    try:
        return LogReplication(str(raw))
    except ValueError:
        names = ", ".join(LogReplication)
        raise SettingsError(f"Unknown {key} {raw!r}; allowed are {names}.") from None


def _drills(key: str, raw: Any) -> DrillUse:
    try:
        return DrillUse(str(raw))
    except ValueError:
        names = ", ".join(DrillUse)
        raise SettingsError(f"Unknown {key} {raw!r}; allowed are {names}.") from None


def _object(key: str, raw: Any, required: set[str], optional: set[str]) -> dict[str, str]:
    """An object of texts with exactly these keys, as cdk.json or `-c key='{...}'` gives it."""
    given = raw
    if isinstance(raw, str):
        try:
            given = json.loads(raw)
        except ValueError:
            given = None
    if not isinstance(given, dict) or not required <= set(given) <= required | optional:
        also = f", and may have {', '.join(sorted(optional))}" if optional else ""
        raise SettingsError(
            f"Bad {key} {raw!r}; allowed is an object with {', '.join(sorted(required))}{also}."
        )
    return {name: str(value) for name, value in given.items()}


def _domain(key: str, raw: Any) -> Domain:
    given = _object(key, raw, {"name", "hostedZoneId", "hostedZoneName"}, set())
    return Domain(
        name=given["name"],
        hosted_zone_id=given["hostedZoneId"],
        hosted_zone_name=given["hostedZoneName"],
    )


def _repository(key: str, raw: Any) -> Repository:
    given = _object(key, raw, {"connectionArn", "name"}, {"branch"})
    return Repository(
        connection_arn=given["connectionArn"],
        name=given["name"],
        branch=given.get("branch", "main"),
    )


def _no_budgets(key: str, _raw: Any) -> None:
    raise SettingsError(
        f"There is no setting {key}: the budget of a step stands in the failover plan, and that of a step "
        "of your own in its PlanStep."
    )


READERS: dict[str, Callable[[str, Any], Any]] = {
    "account": _text,
    "homeRegion": _required_text,
    "recoveryRegion": _required_text,
    "witnessRegion": _region_or_none,
    "strategy": _strategy,
    "tier": _tier,
    "eventsPerMinute": _whole,
    "peakEventsPerMinute": _whole,
    "observationPartitions": _whole,
    "eventBytes": _whole,
    "dataBytes": _whole,
    "lagAlarmSeconds": _whole,
    "budgets": _no_budgets,
    "pageEmail": _text,
    "deletionProtection": _switch,
    "breaker": _switch,
    "automaticHandOver": _switch,
    "drillEndsAt": _text,
    "imageTag": _required_text,
    "logReplication": _log_replication,
    "domain": _domain,
    "drills": _drills,
    "repository": _repository,
}
"""Every context key that overrides a default, and how its text is read."""
