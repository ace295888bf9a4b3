"""Looks at an environment, as plain facts: a calm one, and what changes it."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from lifeline.cli.status.facts import AlarmFacts, Facts, LastDecision, RegionFacts, Unknown
from lifeline.lambdas.failover.health import Health, Sample
from lifeline.lambdas.failover.keeper_report import KeeperReport
from lifeline.lambdas.failover.lag_report import LagReport, LastDrill, StoreLag
from lifeline.lambdas.failover.lease import Lease

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
NOW = 1_795_248_000.0
SILENT = Unknown("no answer within 1.2 s")
LEASE = Lease(
    holder=HOME,
    epoch=3,
    renewals=70,
    writer=HOME,
    moved_at=NOW - 90_000,
    health=MappingProxyType({HOME: "serving"}),
)
ACTIVE_REPORT = KeeperReport(
    at=NOW - 2,
    region=HOME,
    action="renew",
    reason="holder",
    ready=True,
    ready_reason="holder",
    seen=(3, 69),
    renewed_row=True,
    allowed_seconds=60.0,
)
STANDBY_REPORT = KeeperReport(
    at=NOW - 3,
    region=RECOVERY,
    action="hold",
    reason="lease-moves",
    ready=True,
    ready_reason="ready",
    seen=(3, 69),
    unmoved_seconds=0.0,
    own_probe="HEALTHY",
    witness_probe="HEALTHY",
    loss_seconds=1.2,
    allowed_seconds=60.0,
)
LAG = LagReport(
    at=NOW - 4,
    region=RECOVERY,
    stores={
        "log": StoreLag(seconds=1.1, at=NOW - 4, events=440),
        "database": StoreLag(seconds=0.4, at=NOW - 4, events=160),
        "files": StoreLag(seconds=400.0, at=NOW - 60),
    },
    events_at_risk=480,
    patients_at_risk=37,
    drill=LastDrill(
        at=NOW - 12 * 86_400,
        target="lab",
        scenario="region-loss",
        rto_seconds=51.2,
        rpo_seconds=1.6,
    ),
)


def region(name: str, report: KeeperReport | Unknown | None, **changes: Any) -> RegionFacts:
    given: dict[str, Any] = {
        "region": name,
        "now": NOW,
        "keeper": report,
        "lag": LAG if name == RECOVERY else replace(LAG, region=name, stores={}, drill=None),
        "decision": LastDecision(
            action="renew" if name == HOME else "hold",
            reason="holder" if name == HOME else "lease-moves",
            at=NOW - 7_500,
        ),
        "traffic_epoch": 3 if name == HOME else 0,
        "api": 200,
        "alarms": AlarmFacts(deployed=True),
    }
    return RegionFacts(**given | changes)


def lost(name: str) -> RegionFacts:
    """A region of which nothing answers."""
    return region(
        name, SILENT, lag=SILENT, decision=SILENT, traffic_epoch=SILENT, api=SILENT, alarms=SILENT
    )


def look(
    home: RegionFacts | None = None, recovery: RegionFacts | None = None, **changes: Any
) -> Facts:
    given: dict[str, Any] = {
        "suffix": "dev",
        "home": HOME,
        "recovery": RECOVERY,
        "witness": WITNESS,
        "now": NOW,
        "lease": LEASE,
        "lease_now": NOW,
        "lease_moved": False,
        "samples": {one: (Sample(NOW - 3, Health.HEALTHY),) for one in (HOME, RECOVERY)},
        "regions": (
            home or region(HOME, ACTIVE_REPORT),
            recovery or region(RECOVERY, STANDBY_REPORT),
        ),
        "witness_alarms": AlarmFacts(deployed=True),
        "plan": None,
    }
    return Facts(**given | changes)
