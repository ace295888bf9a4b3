"""From what was seen to PASS or FAIL: each objective by itself, so that a failure names its cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from drill.bad_events import EXPECTED_REASONS, REFUSED_BY_API
from drill.checker import Findings
from drill.scenarios import RPO_TARGET_SECONDS, Scenario

PASS, FAIL = "PASS", "FAIL"
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


def objectives(scenario: Scenario, seen: Seen) -> dict[str, bool]:
    """Name → met. The drill passes only if all are."""
    found = seen.findings
    takes = [one for one in seen.decisions if one["action"] in TAKES]
    met = {
        "events_flowed": found.accepted > 0 and found.stored > 0,
        "no_accepted_event_lost": found.lost == 0,
        "nothing_unexpected": found.unexpected == 0,
        "order_kept": found.order_violations == 0,
        "every_event_answered": found.unaccepted == 0,
        "epochs_as_expected": tuple(seen.epochs) == scenario.epochs,
        # Each epoch's plan verifies once with an event of its own; the first epoch's, at deployment.
        "probes_explained": found.platform_probes <= len(scenario.epochs),
        "edges_healthy": not seen.failures,
        # E1: the database's own replication would hide a log replicator that copies nothing.
        "some_events_were_called_safe": found.safe > 0,
        "what_was_called_safe_is_in_the_other_log": found.not_in_the_log == 0,
        "nothing_called_safe_was_needed_again": found.recovered_though_safe == 0,
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
        met["held_before_promotion"] = bool(takes) and any(
            one["action"] == "hold" and one["at"] <= takes[0]["at"] for one in seen.decisions
        )
    else:
        met["nobody_took_the_lease"] = not takes
    if seen.bad_events:
        met["bad_events_refused_with_reason"] = _refused_rightly(found)
        met["nothing_else_rejected"] = found.unlabelled_rejects == 0
    else:
        met["nothing_rejected"] = found.rejected == 0 and found.refused == 0
    return met


def verdict(met: dict[str, bool]) -> str:
    """PASS or FAIL."""
    return PASS if all(met.values()) else FAIL


def _refused_rightly(found: Findings) -> bool:
    reasons = {label: reason for label, reason, _ in found.rejects if label}
    in_dlq = all(reasons.get(label) in right for label, right in EXPECTED_REASONS.items())
    return in_dlq and reasons.get(REFUSED_BY_API) == "refused 413"
