"""Recovery tiers: what a store's loss may cost, and how it is backed up for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

HOT_DAYS = 35
"""The longest point-in-time recovery that Aurora offers, and as long are copies kept at hand."""
DAY_HOURS = 24
AUDIT_DAYS = 7 * 365 + 2
"""Seven years with two leap days: HIPAA asks for six (164.316(b)(2)(i)), auditors of health records seven."""


@dataclass(frozen=True, kw_only=True)
class BackupPolicy:
    """How often a store is copied, how long copies live, how often one is restored to see that it can be.

    Invariant: copies live at least as long as the time between two of them, and the monthly ones longer.
    """

    point_in_time_days: int
    """How far back a store with a journal of its own can be wound, to within five minutes."""
    hours_between_snapshots: int
    """For stores without such a journal. The service's shortest is one hour."""
    hot_days: int = HOT_DAYS
    audit_days: int = AUDIT_DAYS
    """Of the monthly copies."""
    days_between_restore_tests: int

    def hours_between(self, *, keeps_a_journal: bool) -> int:
        """Hours from one copy of a store to the next. One with a journal gets a copy a day."""
        return DAY_HOURS if keeps_a_journal else self.hours_between_snapshots

    def __post_init__(self) -> None:
        if self.hours_between_snapshots not in (1, 2, 3, 4, 6, 8, 12, 24):
            raise ValueError(
                f"Snapshots every {self.hours_between_snapshots} hours do not divide a day; allowed are "
                "1, 2, 3, 4, 6, 8, 12 and 24."
            )
        if not 1 <= self.point_in_time_days <= HOT_DAYS:
            raise ValueError(
                f"Point-in-time recovery of {self.point_in_time_days} days is not offered; allowed are "
                f"1 to {HOT_DAYS}."
            )
        if self.audit_days < self.hot_days:
            raise ValueError(
                f"Monthly copies kept for {self.audit_days} days would go before the daily ones, kept "
                f"for {self.hot_days}; allowed is as long or longer."
            )
        if self.days_between_restore_tests not in (1, 7, 30):
            raise ValueError(
                f"Restore tests every {self.days_between_restore_tests} days have no schedule; allowed "
                "are 1, 7 and 30."
            )


@dataclass(frozen=True)
class Objectives:
    """The recovery time and recovery point that a tier promises, and the backups that go with them."""

    rto_seconds: int
    rpo_seconds: int
    backups: BackupPolicy


class RecoveryTier(Enum):
    """How much time and how much data a failure may cost. Source: the customer's criticality analysis.

    The loss of a region is replication's matter; backups answer for what replication repeats faithfully:
    a wrong statement, a deleted file. Their frequency is therefore the service's, not the tier's RPO.
    """

    CRITICAL = Objectives(
        rto_seconds=5 * 60,
        rpo_seconds=60,
        backups=BackupPolicy(
            point_in_time_days=HOT_DAYS,
            hours_between_snapshots=1,
            days_between_restore_tests=7,
        ),
    )
    IMPORTANT = Objectives(
        rto_seconds=15 * 60,
        rpo_seconds=5 * 60,
        backups=BackupPolicy(
            point_in_time_days=HOT_DAYS,
            hours_between_snapshots=1,
            days_between_restore_tests=30,
        ),
    )
    STANDARD = Objectives(
        rto_seconds=60 * 60,
        rpo_seconds=15 * 60,
        backups=BackupPolicy(
            point_in_time_days=14,
            hours_between_snapshots=1,
            days_between_restore_tests=30,
        ),
    )
    DEFERRABLE = Objectives(
        rto_seconds=240 * 60,
        rpo_seconds=60 * 60,
        backups=BackupPolicy(
            point_in_time_days=7,
            hours_between_snapshots=24,
            days_between_restore_tests=30,
        ),
    )

    @property
    def rto_seconds(self) -> int:
        """The longest time from the loss to the first of three good transactions."""
        return self.value.rto_seconds

    @property
    def rpo_seconds(self) -> int:
        """The longest stretch of data, counted back from the loss, that the standby may lack."""
        return self.value.rpo_seconds

    @property
    def backups(self) -> BackupPolicy:
        """How a store of this tier is backed up."""
        return self.value.backups
