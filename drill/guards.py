"""What a standby asks before it takes the lease, in its order, and how far it is by its last decision.

A keeper notes the first guard that holds; those before it let go, those after it were not asked yet.
Written down here and not imported: the drill shares no code with what it judges (a test compares them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drill.platform_records import seconds_of

EXPIRY_SECONDS = 30.0
"""How long the lease must stand still: its time to live and the margin for clocks."""
VETO_LAPSE_SECONDS = 60.0
TAKES = ("take", "promote")


@dataclass(frozen=True)
class Guard:
    """`question` is what must be true for it to let go."""

    question: str
    reasons: tuple[str, ...]


GUARDS = (
    Guard("Nobody has paused failover", ("paused",)),
    Guard("The lease has stood still for 30 s", ("lease-moves", "lease-not-expired")),
    Guard("This region's own network works", ("own-control-probe-failed",)),
    Guard(
        "This region is fit to serve",
        ("unfit-until-reprotected", "own-database-unreachable", "own-services-unreachable"),
    ),
    Guard("Its database is not ahead of the lease", ("database-newer-than-lease",)),
    Guard("The last failover is long enough ago", ("cool-down",)),
    Guard("This region sees the active one dead", ("own-probe-healthy", "own-probe-unknown")),
    Guard("The witness sees it dead, too", ("witness-probe-healthy", "witness-probe-unknown")),
    Guard("No more events arrive from it", ("markers-unknown", "markers-still-applied")),
    Guard("What may be lost is within the RPO", ("loss-unknown", "loss-above-rpo")),
    Guard("No attempt of its own failed just now", ("backing-off-after-releases",)),
)


@dataclass(frozen=True)
class State:
    """One guard: "passed", "holds" or "not asked"; `seconds_to_go` when that is known."""

    question: str
    state: str
    reason: str = ""
    seconds_to_go: float | None = None


def states(decision: Mapping[str, Any] | None, age_seconds: float) -> list[State]:
    """Every guard, by the standby's newest decision, which is so old."""
    if decision is None:
        return [State(guard.question, "not asked") for guard in GUARDS]
    if decision["action"] in TAKES:
        return [State(guard.question, "passed") for guard in GUARDS]
    reason = str(decision["reason"])
    holding = next((n for n, guard in enumerate(GUARDS) if reason in guard.reasons), None)
    if holding is None:
        return [State(guard.question, "not asked") for guard in GUARDS]
    found = [State(guard.question, "passed") for guard in GUARDS[:holding]]
    to_go = seconds_to_go(decision)
    left = None if to_go is None else max(0.0, to_go - age_seconds)
    found.append(State(GUARDS[holding].question, "holds", words(reason), left))
    return found + [State(guard.question, "not asked") for guard in GUARDS[holding + 1 :]]


def seconds_to_go(decision: Mapping[str, Any]) -> float | None:
    """How long the guard that held would still hold when it was decided; None when nobody can know."""
    noted = decision.get("evidence") or {}
    if "seconds_left" in noted:
        return float(noted["seconds_left"])
    if decision["reason"] == "paused" and "until" in noted:
        return max(0.0, float(noted["until"]) - seconds_of(decision["at"]))
    if decision["reason"] == "lease-not-expired" and noted.get("unmoved_seconds") is not None:
        return max(0.0, EXPIRY_SECONDS - float(noted["unmoved_seconds"]))
    return None


def words(reason: str) -> str:
    """A keeper's word as a person reads it."""
    return reason.replace("-", " ")


VERBS = {
    "hold": "holds",
    "renew": "renews",
    "take": "takes the lease",
    "recover": "runs the plan",
    "ask-failsafe": "asks for a promise",
    "serve-paused": "serves, paused",
}


def sentence(decision: Mapping[str, Any], age_seconds: float = 0.0) -> str:
    """One decision, which is so old: `ca-west-1 holds: lease not expired, 20 s to go`."""
    action = str(decision["action"])
    to_go = seconds_to_go(decision)
    wait = "" if to_go is None else f", {max(0.0, to_go - age_seconds):.0f} s to go"
    return (
        f"{decision['region']} {VERBS.get(action, action)}: {words(str(decision['reason']))}{wait}"
    )
