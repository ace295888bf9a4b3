"""Recovery tiers (DESIGN.md, section 9): what a store's loss may cost, in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Objectives:
    """The recovery time and recovery point that a tier promises."""

    rto_seconds: int
    rpo_seconds: int


class RecoveryTier(Enum):
    """How much time and how much data a failure may cost. Source: the customer's criticality analysis."""

    CRITICAL = Objectives(rto_seconds=5 * 60, rpo_seconds=60)
    IMPORTANT = Objectives(rto_seconds=15 * 60, rpo_seconds=5 * 60)
    STANDARD = Objectives(rto_seconds=60 * 60, rpo_seconds=15 * 60)
    DEFERRABLE = Objectives(rto_seconds=240 * 60, rpo_seconds=60 * 60)

    @property
    def rto_seconds(self) -> int:
        """The longest time from the loss to the first of three good transactions."""
        return self.value.rto_seconds

    @property
    def rpo_seconds(self) -> int:
        """The longest stretch of data, counted back from the loss, that the standby may lack."""
        return self.value.rpo_seconds
