"""The screen for a program: `lifeline status --json`, by schemas/status.schema.json. Pure."""

from __future__ import annotations

from typing import Any

from lifeline.cli.status.facts import AlarmFacts, Facts, PlanFacts, RegionFacts, Unknown
from lifeline.cli.status.screen import Row, Screen, State
from lifeline.cli.status.serving import fresh_report
from lifeline.cli.words import stamp
from lifeline.lambdas.failover.lag_report import LagReport
from lifeline.lambdas.failover.lease import Lease


def document(facts: Facts, screen: Screen) -> dict[str, Any]:
    """None stands for what is not known; `unknown` lists those rows again."""
    serving = screen.serving
    rows = (screen.if_active_died, *screen.rows)
    return {
        "command": "status",
        "suffix": facts.suffix,
        "at": stamp(facts.now),
        "serving": {
            "verdict": str(serving.verdict),
            "region": serving.region or None,
            "epoch": serving.epoch,
            "since": None if serving.since is None else stamp(serving.since),
            "sentence": serving.sentence,
            "next_command": screen.serving_command or None,
        },
        "lease": _lease(facts),
        "if_active_died": _row(screen.if_active_died),
        "regions": {one.region: _region(one) for one in facts.regions},
        "stores": [
            {
                "store": one.store,
                "region": one.region,
                "lag_seconds": one.seconds,
                "events_estimated": one.events,
                "patients_estimated": one.patients,
            }
            for one in screen.stores
        ],
        "plan": _plan(facts.plan),
        "alarms": {
            **{one.region: _alarms(one.alarms) for one in facts.regions},
            facts.witness: _alarms(facts.witness_alarms),
        },
        "last_drill": _drill(facts),
        "rows": [_row(one) for one in rows],
        "unknown": [one.label for one in rows if one.state is State.UNKNOWN],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "label": row.label,
        "state": str(row.state),
        "text": row.text,
        "next_command": row.command or None,
    }


def _lease(facts: Facts) -> dict[str, Any] | None:
    lease = facts.lease
    if not isinstance(lease, Lease):
        return None
    return {
        "holder": lease.holder or None,
        "writer": lease.writer,
        "epoch": lease.epoch,
        "renewals": lease.renewals,
        "moved_between_two_reads": facts.lease_moved,
        "paused_until": stamp(lease.paused_until) if lease.is_paused(facts.lease_now) else None,
        "unfit": sorted(lease.unfit),
    }


def _region(one: RegionFacts) -> dict[str, Any]:
    report = fresh_report(one)
    lag = one.lag if isinstance(one.lag, LagReport) else None
    decided = None if one.decision is None or isinstance(one.decision, Unknown) else one.decision
    return {
        "ready": None if report is None else report.ready,
        "ready_reason": None if report is None else report.ready_reason,
        "action": None if report is None else report.action,
        "reason": None if report is None else report.reason,
        "decided_at": None if decided is None or decided.at is None else stamp(decided.at),
        "renewed_its_database": None if report is None else report.renewed_row,
        "loss_seconds": None if report is None else report.loss_seconds,
        "allowed_seconds": None if report is None else report.allowed_seconds,
        "api_status": None if isinstance(one.api, Unknown) else one.api,
        "traffic_epoch": None if isinstance(one.traffic_epoch, Unknown) else one.traffic_epoch,
        "events_at_risk": None if lag is None else lag.events_at_risk,
        "patients_at_risk": None if lag is None else lag.patients_at_risk,
        "stretches_given_up": None if lag is None else lag.stretches_given_up,
    }


def _plan(plan: PlanFacts | Unknown | None) -> dict[str, Any] | None:
    if plan is None or isinstance(plan, Unknown):
        return None
    return {
        "name": plan.name,
        "completed": plan.completed,
        "status": plan.status or None,
        "step": plan.step or None,
        "step_since": None if plan.step_since is None else stamp(plan.step_since),
    }


def _alarms(found: AlarmFacts | Unknown) -> dict[str, Any] | None:
    if isinstance(found, Unknown) or not found.deployed:
        return None
    return {"firing": list(found.firing)}


def _drill(facts: Facts) -> dict[str, Any] | None:
    drills = [
        one.lag.drill for one in facts.regions if isinstance(one.lag, LagReport) and one.lag.drill
    ]
    if not drills:
        return None
    drill = max(drills, key=lambda one: one.at)
    return {
        "at": stamp(drill.at),
        "target": drill.target or None,
        "scenario": drill.scenario or None,
        "rto_seconds": drill.rto_seconds,
        "rpo_seconds": drill.rpo_seconds,
    }
