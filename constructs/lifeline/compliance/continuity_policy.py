"""What the continuity rules ask of an application beyond what holds for every one."""

from __future__ import annotations

from dataclasses import dataclass

from lifeline.lambdas.failover.plan import DETECT_BUDGET_SECONDS
from lifeline.settings import Settings

DAY_SECONDS = 24 * 3600
LONGEST_RETENTION_SECONDS = 365 * DAY_SECONDS
"""The longest that Kinesis keeps a record."""
TAGS = frozenset({"Environment", "Project", "Compliance"})
"""What Lifeline's own stacks say of everything that takes tags."""


@dataclass(frozen=True, kw_only=True)
class ContinuityPolicy:
    """The defaults fit any application; the regions and pairs are read from its stacks.

    Raises ValueError for an outage that no stream can outlast.
    """

    outage_seconds: int = DAY_SECONDS
    """A stream keeps its records at least as long: detection and recovery together. Kinesis' own default."""
    suffix: str | None = None
    """Part of every physical name, for environments that share an account; None: names are not checked."""
    required_tags: frozenset[str] = frozenset()
    """The tags that everything carries which takes tags."""
    has_standby: bool = True
    """Whether a second region can become active. Without one nothing but backups has to be paired."""
    deletable: bool = False
    """Whether deleting a stack must delete its data, as environments for drills need it."""

    def __post_init__(self) -> None:
        if not 1 <= self.outage_seconds <= LONGEST_RETENTION_SECONDS:
            raise ValueError(
                f"An outage of {self.outage_seconds} s cannot be outlasted; allowed are 1 to "
                f"{LONGEST_RETENTION_SECONDS}."
            )

    @classmethod
    def of(cls, settings: Settings) -> ContinuityPolicy:
        """What Lifeline asks of an environment of its own."""
        return cls(
            outage_seconds=settings.tier.rto_seconds + DETECT_BUDGET_SECONDS,
            suffix=settings.environment_suffix,
            required_tags=TAGS,
            has_standby=settings.has_standby,
            deletable=True,
        )
