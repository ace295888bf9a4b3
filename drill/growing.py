"""The evidence of a run that goes on: the same fields, as far as they are known by now."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from drill import scenarios
from drill.platform_records import instant_text
from drill.run_summary import EVENT_COUNTS, throughput
from drill.sampling import RateSample, Sampler
from drill.scenarios import Scenario
from drill.synthetic import Try
from drill.targets import BrokenThing, Target

NOTHING_FOUND: dict[str, list[Any]] = {
    "lost": [],
    "unexpected": [],
    "not_in_the_log": [],
    "order_violations": [],
    "rejects": [],
}


def body(
    *,
    run_id: str,
    scenario: Scenario,
    target: Target,
    started: float,
    lost_at: float | None,
    load: dict[str, Any],
    phases: Sequence[tuple[str, float]],
    sampler: Sampler,
    tries: Sequence[Try],
    faults: Sequence[BrokenThing],
    rto_seconds: float | None,
    rpo_seconds: float | None,
) -> dict[str, Any]:
    """`verdict` is None and there are no objectives: what the checker finds is not known yet."""
    rates = list(sampler.rates)
    rate = rates[-1] if rates else RateSample(0, 0, 0, 0, 0)
    events = dict.fromkeys(EVENT_COUNTS, 0) | {
        "sent": rate.sent,
        "accepted": rate.accepted,
        "safe": rate.safe,
        "stored": sampler.stored,
        "waiting": rate.unsent,
    }
    return {
        "id": run_id,
        "scenario": scenario.name,
        "target": target.name,
        "profile": target.profile,
        "home": target.home,
        "standby": target.standby,
        "witness": target.witness,
        "verdict": None,
        "started_at": instant_text(started),
        "ended_at": instant_text(time.time()),
        "fault_at": None if lost_at is None else instant_text(lost_at),
        "survivor": sampler.holder or target.home,
        "load": load,
        "timeline": list(sampler.steps),
        "rto_seconds": rto_seconds,
        "rpo_seconds": rpo_seconds,
        "rto_limit_seconds": scenario.rto_limit_seconds,
        "rpo_target_seconds": scenarios.RPO_TARGET_SECONDS,
        "effect": None,
        "decided": None,
        "exceptions": {**target.exceptions, **scenario.excused_steps},
        "phases": [{"phase": name, "at": instant_text(at)} for name, at in phases],
        "events": events,
        "order_violations": 0,
        "findings": NOTHING_FOUND,
        "epochs": list(sampler.epochs),
        "epoch_times": [
            {"epoch": epoch, "at": instant_text(at)} for epoch, at in sampler.epoch_times
        ],
        "decisions": list(sampler.decisions),
        "lag_samples": [
            {"at": round(one.at, 3), "lag_seconds": one.lag_seconds} for one in list(sampler.lag)
        ],
        "throughput_samples": throughput(rates, []),
        "synthetic_tries": [asdict(one) for one in tries],
        "faults": [{**asdict(one), "at": instant_text(one.at)} for one in faults],
        "objectives_met": {},
        "controls": [],
        "failures": [],
    }
