"""From what was seen to PASS, FAIL or INVALID: each objective by itself, so that a failure names its cause.

INVALID: the fault had no measured effect, or clients were not served before it, so that the run says
nothing about what the platform did with the fault (E2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drill.alarms import fired_needlessly, must_fire, without_figures
from drill.availability import LONGEST_OUTAGE_SECONDS, Availability
from drill.bad_events import EXPECTED_REASONS, REFUSED_BY_API
from drill.cached_reads import CachedReads
from drill.checker import Findings
from drill.decided import Decision
from drill.effect import Effect
from drill.scenarios import RPO_TARGET_SECONDS, Scenario
from drill.static_stability import RecoveryCall, stable
from drill.targets import AlarmSeen

PASS, FAIL, INVALID = "PASS", "FAIL", "INVALID"
EFFECT = "fault_had_an_effect"
BEFORE = "clients_were_served_before_the_fault"
LEAST_SENT, FEW_EVENTS = 0.8, 200
"""Of the events that the asked rate makes: a machine that cannot even send them has tested another rate.
The hearts of a few monitors beat slower than the mean, so some events may always be missing."""
TAKES = ("take", "promote")


@dataclass(frozen=True)
class Seen:
    """All that the verdict looks at."""

    findings: Findings
    epochs: Sequence[int]
    decisions: Sequence[dict[str, Any]]
    rto_seconds: float | None
    rpo_seconds: float | None
    bad_events: bool
    failures: Sequence[str]
    availability: Availability
    effect: Effect | None
    """What the fault was measured to do; None where nothing was broken."""
    decided: Decision | None
    """How the loss was decided; None where there is nothing to decide."""
    answered_before: Availability | None
    """What clients saw before the fault; None where nothing was broken."""
    outage_seconds: float | None
    """Of a loss that was repaired: how long clients were not served; None: it had not ended."""
    wanted: int
    """How many events the asked rate makes in the time that was streamed."""
    timeline: Sequence[Mapping[str, Any]]
    exceptions: Mapping[str, str]
    """Step of the plan → why it cannot be done on this target: `degraded` is no failure there."""
    survivor: str
    alarms: Sequence[AlarmSeen]
    calls: Sequence[RecoveryCall]
    cached: CachedReads | None = None
    """What the survivor served of a patient whose values were kept before the fault."""


def objectives(scenario: Scenario, seen: Seen) -> dict[str, bool]:
    """Name → met. The drill passes only if all are."""
    found = seen.findings
    takes = [one for one in seen.decisions if one["action"] in TAKES]
    met = {
        "events_flowed": found.accepted > 0 and found.stored > 0,
        "asked_rate_was_sent": found.sent + FEW_EVENTS >= LEAST_SENT * seen.wanted,
        "no_accepted_event_lost": found.lost == 0,
        "nothing_unexpected": found.unexpected == 0,
        "order_kept": found.order_violations == 0,
        "every_event_answered": found.unaccepted == 0,
        "epochs_as_expected": scenario.epochs_fit(seen.epochs),
        # Each epoch's plan verifies once with an event of its own; the first epoch's, at deployment.
        "probes_explained": found.platform_probes <= max(len(seen.epochs), len(scenario.epochs)),
        "edges_healthy": not seen.failures,
        "clients_were_served": seen.availability.share >= seen.availability.limit,
        # E1: the database's own replication would hide a log replicator that copies nothing.
        "some_events_were_called_safe": found.safe > 0,
        "what_was_called_safe_is_in_the_other_log": found.not_in_the_log == 0,
        "nothing_called_safe_was_needed_again": found.recovered_though_safe == 0,
        **_of_alarms(scenario, seen),
    }
    if scenario.both_logs_live:
        met["everything_became_safe"] = found.safe == found.accepted
        met["both_logs_hold_the_same"] = found.log_differences == 0
    if scenario.fails_over:
        limit = scenario.rto_limit_seconds
        met["recovered_in_time"] = (
            seen.rto_seconds is not None and limit is not None and 0 < seen.rto_seconds < limit
        )
        met["rpo_within_target"] = (
            seen.rpo_seconds is not None and seen.rpo_seconds <= RPO_TARGET_SECONDS
        )
        met["every_step_done"] = bool(seen.timeline) and all(
            one["outcome"] == "done"
            or (one["outcome"] == "degraded" and one["step"] in seen.exceptions)
            for one in seen.timeline
        )
        met["recovery_as_proved"] = stable(seen.calls)
        if seen.cached is not None and seen.cached.shown:
            met["no_cached_value_of_an_epoch_before"] = seen.cached.none_older
        met["held_before_promotion"] = bool(takes) and any(
            one["action"] == "hold" and one["at"] <= takes[0]["at"] for one in seen.decisions
        )
    else:
        met["nobody_took_the_lease"] = not takes
    if scenario.repaired:
        met["served_again_after_the_repair"] = seen.outage_seconds is not None
        page = seen.decided
        met["page_says_what_to_do"] = (
            page is not None and page.page is not None and not page.missing
        )
    elif not scenario.fails_over:
        longest = seen.availability.longest_outage_seconds
        met["no_outage_without_a_failover"] = (
            longest is not None and longest <= LONGEST_OUTAGE_SECONDS
        )
    if scenario.decided is not None:
        met["decided_in_time"] = seen.decided is not None and seen.decided.in_time
    if scenario.breaks_something:
        before = seen.answered_before
        met[EFFECT] = seen.effect is not None and seen.effect.measured
        met[BEFORE] = before is not None and before.share >= before.limit
    if seen.bad_events:
        met["bad_events_refused_with_reason"] = _refused_rightly(found)
        met["nothing_else_rejected"] = found.unlabelled_rejects == 0
    else:
        met["nothing_rejected"] = found.rejected == 0 and found.refused == 0
    return met


def verdict(met: dict[str, bool]) -> str:
    """INVALID when the fault was none, or hit what did not work; else PASS or FAIL."""
    if not met.get(EFFECT, True) or not met.get(BEFORE, True):
        return INVALID
    return PASS if all(met.values()) else FAIL


def _of_alarms(scenario: Scenario, seen: Seen) -> dict[str, bool]:
    needless = fired_needlessly(scenario, seen.alarms)
    # No figure at all is no silence: the alarm would say nothing of a fault, either.
    told = bool(seen.alarms) and not without_figures(seen.alarms)
    if not scenario.breaks_something:
        return {"no_alarm_without_a_fault": told and not needless}
    silent = must_fire(scenario, seen.alarms, seen.survivor)
    return {"alarms_fired_as_they_should": told and not silent and not needless}


def _refused_rightly(found: Findings) -> bool:
    reasons = {label: reason for label, reason, _ in found.rejects if label}
    in_dlq = all(reasons.get(label) in right for label, right in EXPECTED_REASONS.items())
    return in_dlq and reasons.get(REFUSED_BY_API) == "refused 413"
