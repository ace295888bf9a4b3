"""A finished run as it was at a moment of it: for the live page's tests and pictures.

Only what lies before the moment is shown, and nothing of what the checker found.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from drill import guards, story
from drill.growing import NOTHING_FOUND
from drill.platform_records import instant_text, seconds_of
from drill.synthetic import DEADLINE_SECONDS, Try, rto_seconds

Body = Mapping[str, Any]


def at(sealed: Body, now: float) -> dict[str, Any]:
    """The growing record at `now`, epoch seconds."""
    fault = None if not sealed["fault_at"] else seconds_of(sealed["fault_at"])
    broken = fault is not None and now >= fault
    epochs = [one for one in sealed["epoch_times"] if seconds_of(one["at"]) <= now]
    tries = [one for one in sealed["synthetic_tries"] if one["at"] + one["seconds"] <= now]
    rto = None
    if broken and fault is not None and len(epochs) > 1 and story.fails_over(sealed):
        seen = [Try(one["at"], one["green"], one["seconds"]) for one in tries]
        rto = rto_seconds(seen, fault - DEADLINE_SECONDS)
    moved = len(epochs) > 1
    body = {
        **sealed,
        "verdict": None,
        "home": story.home(sealed),
        "standby": story.standby(sealed),
        "ended_at": instant_text(now),
        "fault_at": sealed["fault_at"] if broken else None,
        "survivor": sealed["survivor"] if moved else story.home(sealed),
        "timeline": [_step(one, now) for one in sealed["timeline"] if _begun(one, now)],
        "rto_seconds": rto or None,
        "rpo_seconds": sealed["rpo_seconds"] if broken else None,
        "effect": None,
        "events": _counts(sealed, now),
        "order_violations": 0,
        "findings": NOTHING_FOUND,
        "epochs": [one["epoch"] for one in epochs],
        "epoch_times": epochs,
        "decisions": [one for one in sealed["decisions"] if seconds_of(one["at"]) <= now],
        "lag_samples": [one for one in sealed["lag_samples"] if one["at"] <= now],
        "throughput_samples": [
            {**one, "stored_per_second": None}
            for one in sealed["throughput_samples"]
            if one["at"] <= now
        ],
        "synthetic_tries": tries,
        "faults": [one for one in sealed["faults"] if seconds_of(one["at"]) <= now],
        "objectives_met": {},
        "controls": [],
        "failures": [],
        "phases": _phases(sealed, now),
    }
    for name in ("sha256", "previous_sha256", "availability"):
        body.pop(name, None)
    return body


def lines(body: Body) -> list[str]:
    """What the terminal said by then: the decisions, as they fell."""
    return [
        f"drill: {story.clock(body, seconds_of(one['at']))}  {guards.sentence(one)}"
        for one in body["decisions"]
    ]


def _begun(step: Body, now: float) -> bool:
    return bool(step["started_at"]) and seconds_of(step["started_at"]) <= now


def _step(step: Body, now: float) -> dict[str, Any]:
    if step["ended_at"] and seconds_of(step["ended_at"]) <= now:
        return dict(step)
    return {**step, "ended_at": "", "outcome": "running", "detail": ""}


def _phases(sealed: Body, now: float) -> list[dict[str, Any]]:
    """As recorded; the first formats have none, so that they are read from the times."""
    recorded = sealed.get("phases")
    if recorded is None:
        recorded = [{"phase": "streaming", "at": sealed["started_at"]}]
        if sealed["fault_at"]:
            recorded.append({"phase": "broken", "at": sealed["fault_at"]})
    return [one for one in recorded if seconds_of(one["at"]) <= now]


def _counts(sealed: Body, now: float) -> dict[str, Any]:
    """From the samples before the moment."""
    samples = [one for one in sealed["throughput_samples"] if one["at"] <= now]
    accepted = sum(
        (after["at"] - before["at"]) * (after["accepted_per_second"] or 0)
        for before, after in pairwise(samples)
    )
    waiting = next((one["unsent"] for one in reversed(samples) if one["unsent"] is not None), 0)
    found = dict.fromkeys(sealed["events"], 0)
    stored = sum(one["stored_per_second"] or 0 for one in samples)
    total = int(min(accepted, sealed["events"]["accepted"]))
    return found | {
        "accepted": total,
        "sent": total + int(waiting),
        "stored": int(stored),
        "waiting": int(waiting),
        "safe": next(
            (one["safe"] for one in reversed(samples) if one.get("safe") is not None), None
        ),
    }
