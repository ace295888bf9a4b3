"""Limits that a load runs into: what AWS does not make is refused at synth, what it advises against is said.

A row is a number that follows from the settings, the most (or the least) that is allowed, and where that
is written. Quotas of one account that are raised on request are the preflight's (`quota-*`), but for those
whose default stands here: a plan that needs more of them needs a person first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lifeline.capacity import BROKER_BYTES_PER_SECOND, OBSERVATIONS, PARTITION_EVENTS_PER_SECOND

if TYPE_CHECKING:
    from lifeline.settings import Settings

MSK = "https://docs.aws.amazon.com/msk/latest/developerguide"
LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg"
AURORA = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide"

MOST_BROKERS = 30
"""Of a cluster with ZooKeeper, as version 3.9.x without `.kraft` makes one; 60 with KRaft."""

MOST_ACUS = 256
ADVISED_ACUS = 8

LAMBDA_CONCURRENCY = 1_000
UNRESERVED = 100
OTHER_FUNCTIONS = 100
"""What the other functions of a region reserve, rounded up: about 50."""

BURSTING_BROKER = "kafka.t3.small"
BURSTING_SHARE = 5
"""A t3.small earns credits for 20 % of its two CPUs; a kafka.m5.large, which the plan counts with, has two
whole ones. Above a fifth the credits run out; a peak of two hours lives on a day's."""


@dataclass(frozen=True)
class Limit:
    """`needed` may be at most `most(settings)`; `noun` says what it counts, `source` where AWS says so."""

    id: str
    noun: str
    needed: Callable[[Settings], float]
    most: Callable[[Settings], float]
    source: str
    remedy: str

    def refusal(self, settings: Settings) -> str | None:
        """A sentence, or None where the settings keep within the limit."""
        needed, most = self.needed(settings), self.most(settings)
        if needed <= most:
            return None
        return (
            f"The load of {_load(settings)} needs {needed:,g} {self.noun}; allowed are at most {most:,g}: "
            f"{self.remedy} ({self.source})."
        )


@dataclass(frozen=True)
class Advice:
    """What AWS recommends and does not enforce: `given` ought to be at least `least`."""

    id: str
    noun: str
    given: Callable[[Settings], float]
    least: float
    source: str
    applies: Callable[[Settings], bool]

    def warning(self, settings: Settings) -> str | None:
        """A sentence, or None where the advice is followed or not meant."""
        given = self.given(settings)
        if given >= self.least or not self.applies(settings):
            return None
        return (
            f"The settings give {given:,g} {self.noun}; AWS recommends at least {self.least:,g} "
            f"({self.source})."
        )


def _load(settings: Settings) -> str:
    plan = settings.capacity
    return (
        f"eventsPerMinute={plan.events_per_minute}, peakEventsPerMinute={plan.peak_events_per_minute}, "
        f"eventBytes={plan.event_bytes}"
    )


def _sustained(settings: Settings) -> float:
    """The mean as one broker sees it; without limit for a class that does not live on credits."""
    plan = settings.capacity
    return plan.events_per_second * plan.event_bytes / plan.brokers


def _sustainable(settings: Settings) -> float:
    bursts = settings.profile.broker_class == BURSTING_BROKER
    return BROKER_BYTES_PER_SECOND / BURSTING_SHARE if bursts else BROKER_BYTES_PER_SECOND


def _always(most: float) -> Callable[[Settings], float]:
    return lambda _settings: most


SMALLER = "lower the load, or split the environment"

LIMITS = (
    Limit(
        id="brokers",
        noun="brokers in a cluster",
        needed=lambda settings: settings.capacity.brokers,
        most=_always(MOST_BROKERS),
        source=f"{MSK}/limits.html, Standard broker quota, with ZooKeeper",
        remedy=SMALLER,
    ),
    Limit(
        id="bursting-brokers",
        noun="bytes a second of each broker, all day,",
        needed=_sustained,
        most=_sustainable,
        source="Amazon EC2 User Guide, Burstable performance instances: t3.small earns 20 % of two CPUs; "
        f"{MSK}/broker-instance-sizes.html: t3 is for low throughput",
        remedy=f"a profile whose brokers are bigger than {BURSTING_BROKER}",
    ),
    Limit(
        id="partition-rate",
        noun="events a second of each partition of the observations",
        needed=lambda settings: (
            settings.capacity.peak_events_per_second / settings.capacity.partitions[OBSERVATIONS]
        ),
        most=_always(PARTITION_EVENTS_PER_SECOND),
        source="measured: what one worker of the event applier applies; a partition has one worker",
        remedy="a new environment with a log of its own, as partitions are fixed (B9)",
    ),
    Limit(
        id="bridge-concurrency",
        noun="reserved Lambda executions for the bridge",
        needed=lambda settings: settings.capacity.bridge_concurrency,
        most=_always(LAMBDA_CONCURRENCY - UNRESERVED - OTHER_FUNCTIONS),
        source=f"{LAMBDA}/gettingstarted-limits.html: 1,000 a region; "
        f"{LAMBDA}/configuration-concurrency.html: 100 stay unreserved",
        remedy=SMALLER,
    ),
    Limit(
        id="capacity-units",
        noun="Aurora capacity units of one instance",
        needed=lambda settings: settings.capacity.max_acus,
        most=_always(MOST_ACUS),
        source=f"{AURORA}/aurora-serverless-v2.requirements.html: 0 to 256 in steps of 0.5",
        remedy=SMALLER,
    ),
)
"""What cannot be."""

ADVICE = (
    Advice(
        id="global-capacity-floor",
        noun="Aurora capacity units at least to an instance of a global database",
        given=lambda settings: settings.capacity.min_acus,
        least=ADVISED_ACUS,
        source=f"{AURORA}/aurora-serverless-v2.html, global databases; a copy of 2022",
        # One instance a region is a throw-away environment: it may be slow after a promotion.
        applies=lambda settings: settings.profile.database_instances > 1,
    ),
)
"""What is allowed and not advised."""


def refusals(settings: Settings) -> Mapping[str, str]:
    """The limits that the settings break, by id, each with its sentence."""
    return {one.id: said for one in LIMITS if (said := one.refusal(settings)) is not None}


def warnings(settings: Settings) -> Mapping[str, str]:
    """The advice that they do not follow, by id, each with its sentence."""
    return {one.id: said for one in ADVICE if (said := one.warning(settings)) is not None}
