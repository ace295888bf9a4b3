"""What was found out for one look: plain values. What was not is `Unknown`, with the reason; never a default.

Times are epoch seconds. Each table's own clock (`now` beside it) is what its items are compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lifeline.lambdas.failover.health import Sample
from lifeline.lambdas.failover.keeper_report import KeeperReport
from lifeline.lambdas.failover.lag_report import LagReport
from lifeline.lambdas.failover.lease import Lease


@dataclass(frozen=True)
class Unknown:
    """Nobody answered, or not in time, or the answer made no sense."""

    why: str


@dataclass(frozen=True, kw_only=True)
class LastDecision:
    """The newest decision that differed from the one before: since when the keeper decides so.

    `at` is None when an earlier release noted it.
    """

    action: str
    reason: str
    at: float | None


@dataclass(frozen=True, kw_only=True)
class AlarmFacts:
    """The environment's alarms in one region that fire.

    `deployed`: whether there are any, and CloudWatch evaluates them.
    """

    deployed: bool
    firing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RegionFacts:
    """A data region. None: the region answered, and has none yet."""

    region: str
    now: float
    keeper: KeeperReport | Unknown | None
    lag: LagReport | Unknown | None
    decision: LastDecision | Unknown | None
    traffic_epoch: int | Unknown
    api: int | Unknown
    """The status with which its public API answers `/health`."""
    alarms: AlarmFacts | Unknown


@dataclass(frozen=True, kw_only=True)
class PlanFacts:
    """The newest run of the plan of the lease's epoch. `completed`: it, or an earlier one, completed."""

    name: str
    completed: bool
    status: str = ""
    step: str = ""
    """The step that it is in; empty: not known, or none."""
    step_since: float | None = None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One look. `lease` None: the witness answered that there is none."""

    suffix: str
    home: str
    recovery: str
    witness: str
    has_standby: bool = True
    """Whether another region can become active; else `recovery` is a word, and `regions` has home only."""
    now: float
    lease: Lease | Unknown | None
    lease_now: float
    lease_moved: bool
    """Whether `renewals` grew between two reads of this look. False proves nothing: they were near."""
    samples: Mapping[str, tuple[Sample, ...]] | Unknown = field(default_factory=dict)
    """The witness's, by region."""
    regions: tuple[RegionFacts, ...]
    witness_alarms: AlarmFacts | Unknown
    plan: PlanFacts | Unknown | None
    """None: there is no plan of this epoch, or none is needed."""

    def of(self, region: str) -> RegionFacts | None:
        """The region's facts; None for nobody."""
        return next((one for one in self.regions if one.region == region), None)

    def other(self, region: str) -> RegionFacts | None:
        """The data region that `region` is not."""
        return next((one for one in self.regions if one.region != region), None)
