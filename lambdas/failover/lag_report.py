"""What a region's lag meter last measured: an item in the region's table that `lifeline status` reads.

Times are epoch seconds of the region's own clock. What is not known is left out: never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class StoreLag:
    """One store's copy in this region. `events` and `patients` are estimates; None: not known."""

    seconds: float
    at: float
    events: float | None = None
    patients: float | None = None


@dataclass(frozen=True, kw_only=True)
class LastDrill:
    """The newest drill on AWS that passed; without one, in the lab (`target` is `lab`, earlier `local`): that
    is no promise of the other. Empty and None: the evidence does not say it."""

    at: float
    target: str = ""
    scenario: str = ""
    rto_seconds: float | None = None
    rpo_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class LagReport:
    """One look. `events_at_risk` and `patients_at_risk` are in one region's log only, estimated (B21)."""

    at: float
    region: str
    stores: Mapping[str, StoreLag] = field(default_factory=dict)
    events_at_risk: float | None = None
    patients_at_risk: float | None = None
    stretches_given_up: int | None = None
    """Holes of this region's log that were given up, ever: events that are lost (decision 25)."""
    drill: LastDrill | None = None

    def to_json(self) -> dict[str, Any]:
        """For the region's table."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> LagReport:
        """The inverse. Raises KeyError or TypeError for what is no report."""
        drill = body.get("drill")
        return cls(
            at=float(body["at"]),
            region=str(body["region"]),
            stores={name: StoreLag(**one) for name, one in body.get("stores", {}).items()},
            events_at_risk=body.get("events_at_risk"),
            patients_at_risk=body.get("patients_at_risk"),
            stretches_given_up=body.get("stretches_given_up"),
            drill=None if drill is None else LastDrill(**drill),
        )
