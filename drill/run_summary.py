"""What a run says of itself: the body of its evidence, before it is sealed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from drill import evidence, scenarios
from drill.alarms import as_evidence
from drill.availability import Availability
from drill.cached_reads import CachedReads
from drill.checker import Findings
from drill.decided import Decision
from drill.effect import Effect
from drill.platform_records import instant_text
from drill.sampling import LagSample, RateSample
from drill.scenarios import Scenario
from drill.static_stability import RecoveryCall
from drill.stored import AppliedSecond
from drill.synthetic import Try
from drill.targets import AlarmSeen, BrokenThing, Deployed, Target
from drill.verdict import Seen, objectives, verdict

EVENT_COUNTS = (
    "sent",
    "accepted",
    "stored",
    "ok",
    "lost",
    "unexpected",
    "recovered",
    "rejected",
    "refused",
    "unaccepted",
    "safe",
    "not_in_the_log",
    "recovered_though_safe",
    "unlabelled_rejects",
    "log_differences",
    "duplicate_deliveries",
    "platform_probes",
)


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """Everything that was seen in one run; moments are epoch seconds, times are seconds."""

    run_id: str
    scenario: Scenario
    target: Target
    started: float
    lost_at: float | None
    survivor: str
    load: dict[str, Any]
    timeline: list[dict[str, Any]]
    rto_seconds: float | None
    """None where nothing failed over, too: there is no recovery without a failover."""
    rpo_seconds: float | None
    availability: Availability
    effect: Effect | None
    calls: Sequence[RecoveryCall]
    decided: Decision | None
    answered_before: Availability | None
    outage_seconds: float | None
    """Of a loss that was repaired; None: it had not ended, or nothing was repaired."""
    cached: CachedReads | None
    phases: Sequence[tuple[str, float]]
    findings: Findings
    applied: Sequence[AppliedSecond]
    epochs: list[int]
    epoch_times: Sequence[tuple[int, float]]
    decisions: list[dict[str, Any]]
    lag: Sequence[LagSample]
    rates: Sequence[RateSample]
    tries: Sequence[Try]
    faults: Sequence[BrokenThing]
    bad_events: bool
    alarms: Sequence[AlarmSeen]
    deployed: Deployed
    failures: list[str]


def body(seen: RunSummary) -> dict[str, Any]:
    """The evidence of `seen`, objectives and verdict included; without its seal."""
    findings = seen.findings
    exceptions = {**seen.target.exceptions, **seen.scenario.excused_steps}
    asked = objectives(
        seen.scenario,
        Seen(
            findings=findings,
            epochs=seen.epochs,
            decisions=seen.decisions,
            rto_seconds=seen.rto_seconds,
            rpo_seconds=seen.rpo_seconds,
            bad_events=seen.bad_events,
            failures=seen.failures,
            availability=seen.availability,
            effect=seen.effect,
            decided=seen.decided,
            answered_before=seen.answered_before,
            outage_seconds=seen.outage_seconds,
            wanted=seen.load["wanted_events"],
            cached=seen.cached,
            timeline=seen.timeline,
            exceptions=exceptions,
            survivor=seen.survivor,
            alarms=seen.alarms,
            calls=seen.calls,
        ),
    )
    met = {name: one for name, one in asked.items() if name not in seen.target.unexamined}
    return {
        "id": seen.run_id,
        "scenario": seen.scenario.name,
        "target": seen.target.name,
        "profile": seen.target.profile,
        "home": seen.target.home,
        "standby": seen.target.standby,
        "witness": seen.target.witness,
        "verdict": verdict(met),
        "started_at": instant_text(seen.started),
        "ended_at": instant_text(time.time()),
        "fault_at": None if seen.lost_at is None else instant_text(seen.lost_at),
        "survivor": seen.survivor,
        "load": seen.load,
        "timeline": seen.timeline,
        "rto_seconds": seen.rto_seconds,
        "rpo_seconds": seen.rpo_seconds,
        "rto_target_seconds": scenarios.RTO_TARGET_SECONDS,
        "rpo_target_seconds": scenarios.RPO_TARGET_SECONDS,
        "rto_limit_seconds": seen.scenario.rto_limit_seconds,
        "targets": {
            "rto_seconds": scenarios.RTO_TARGET_SECONDS,
            "rpo_seconds": scenarios.RPO_TARGET_SECONDS,
        },
        "availability": asdict(seen.availability),
        "effect": None if seen.effect is None else asdict(seen.effect),
        "decided": None if seen.decided is None else _decided(seen.decided, seen.outage_seconds),
        **({"cached_reads": seen.cached.as_evidence()} if seen.cached is not None else {}),
        "exceptions": exceptions,
        "unexamined": {name: why for name, why in seen.target.unexamined.items() if name in asked},
        "recovery_calls": [asdict(one) for one in seen.calls],
        "phases": [{"phase": name, "at": instant_text(at)} for name, at in seen.phases],
        "events": {name: getattr(findings, name) for name in EVENT_COUNTS},
        "order_violations": findings.order_violations,
        "findings": {
            "lost": findings.lost_ids,
            "unexpected": findings.unexpected_ids,
            "not_in_the_log": findings.not_in_the_log_ids,
            "order_violations": [asdict(one) for one in findings.violations],
            "rejects": [
                {"label": label, "reason": reason, "event_id": event_id}
                for label, reason, event_id in findings.rejects
            ],
        },
        "logs": findings.logs,
        "epochs": seen.epochs,
        "epoch_times": [{"epoch": epoch, "at": instant_text(at)} for epoch, at in seen.epoch_times],
        "decisions": seen.decisions,
        "lag_samples": [
            {"at": round(one.at, 3), "lag_seconds": one.lag_seconds} for one in seen.lag
        ],
        "throughput_samples": throughput(seen.rates, seen.applied),
        "synthetic_tries": [asdict(one) for one in seen.tries],
        "faults": [{**asdict(one), "at": instant_text(one.at)} for one in seen.faults],
        "alarms": as_evidence(seen.alarms),
        "objectives_met": met,
        "controls": evidence.controls(seen.scenario.name, verdict(met), met),
        "versions": evidence.versions(seen.deployed.templates),
        "resources": {kind: dict(counts) for kind, counts in seen.deployed.resources.items()},
        "failures": seen.failures,
    }


def _decided(found: Decision, outage_seconds: float | None) -> dict[str, Any]:
    page = found.page
    return {
        "how": str(found.how),
        "seconds": found.seconds,
        "limit_seconds": scenarios.DECIDED_SECONDS,
        "outage_seconds": outage_seconds,
        "page": None
        if page is None
        else {
            "at": instant_text(page.at),
            "region": page.region,
            "subject": page.subject,
            "text": page.text,
            "missing": list(found.missing),
        },
    }


def throughput(
    rates: Sequence[RateSample], applied: Sequence[AppliedSecond]
) -> list[dict[str, Any]]:
    """Per second: accepted (from the edges' counters), stored and latency (from the database)."""
    seconds: dict[int, dict[str, Any]] = {}

    def row(at: int) -> dict[str, Any]:
        empty = {
            "at": at,
            "accepted_per_second": None,
            "stored_per_second": None,
            "latency_p50_seconds": None,
            "latency_p95_seconds": None,
            "unsent": None,
            "safe": None,
        }
        return seconds.setdefault(at, empty)

    for before, after in pairwise(rates):
        span = max(0.001, after.at - before.at)
        one = row(int(after.at))
        one["accepted_per_second"] = round((after.accepted - before.accepted) / span, 1)
        one["unsent"] = after.unsent
        one["safe"] = after.safe
    for second in applied:
        one = row(second.at)
        one["stored_per_second"] = second.stored
        one["latency_p50_seconds"] = second.p50_seconds
        one["latency_p95_seconds"] = second.p95_seconds
    return [seconds[at] for at in sorted(seconds)]
