"""What the live page shows of this moment, from the growing record. Pure: a replay shows the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drill import guards, story
from drill.guards import State
from drill.plan_steps import STEPS
from drill.platform_records import seconds_of

Body = Mapping[str, Any]
PHASES = {
    "streaming": "streaming, nothing broken yet",
    "broken": "the fault is in force",
    "watching": "watching: nothing may fail over",
    "recovered": "served again; streaming on a little",
    "repaired": "the part is back; until clients are served again",
    "draining": "the stream has ended; waiting for the last events",
    "checking": "checking every event",
}
DEAD = ("killed", "frozen")


@dataclass(frozen=True)
class Region:
    """A card: who it is, what it is now, what is broken there."""

    name: str
    part: str
    state: str
    good: bool
    dead: Sequence[str]


@dataclass(frozen=True)
class PlanStep:
    """A step of the plan: "to come", "running" or what came of it, against its budget."""

    name: str
    does: str
    state: str
    seconds: float | None
    budget: int


@dataclass(frozen=True)
class LiveView:
    """Everything above the picture while a run goes on."""

    clock: str
    limit: str
    share_of_limit: float | None
    phase: str
    regions: Sequence[Region]
    links: str
    waiting_for: Sequence[State]
    plan: Sequence[PlanStep]
    """Empty while nobody has taken the lease: then the guards are what matters."""
    waiter: str
    decision: str
    counts: Sequence[tuple[str, str]]
    tries: Sequence[bool]
    lines: Sequence[str]


def view(body: Body, lines: Sequence[str]) -> LiveView:
    """`body`: partial evidence, whose `ended_at` is now."""
    now = seconds_of(body["ended_at"])
    limit = body["rto_limit_seconds"]
    share = None
    if body["fault_at"] and limit:
        recovered = body["rto_seconds"]
        since = recovered if recovered is not None else now - seconds_of(body["fault_at"])
        share = min(100.0, 100 * since / limit)
    newest = _newest(body, story.standby(body))
    age = 0.0 if newest is None else max(0.0, now - seconds_of(newest["at"]))
    return LiveView(
        clock=story.clock(body, now),
        limit="" if limit is None else f"limit {limit:g} s",
        share_of_limit=share,
        phase=PHASES.get(body["phases"][-1]["phase"], "") if body["phases"] else "starting",
        regions=_regions(body),
        links=_links(body),
        waiting_for=guards.states(newest, age),
        plan=_plan(body, now) if body["fault_at"] and len(body["epochs"]) > 1 else (),
        waiter=story.standby(body),
        decision="" if newest is None else guards.sentence(newest, age),
        counts=_counts(body),
        tries=[one["green"] for one in body["synthetic_tries"][-60:]],
        lines=list(lines)[-8:],
    )


def _newest(body: Body, region: str) -> Mapping[str, Any] | None:
    mine = [one for one in body["decisions"] if one.get("region") == region]
    return mine[-1] if mine else None


def _plan(body: Body, now: float) -> list[PlanStep]:
    """Every step of the table, as far as the run's own timeline says."""
    begun = {one["step"]: one for one in body["timeline"] if one["started_at"]}
    found = []
    for name, budget, does in STEPS:
        one = begun.get(name)
        if one is None:
            found.append(PlanStep(name.replace("_", " "), does, "to come", None, budget))
            continue
        until = seconds_of(one["ended_at"]) if one["ended_at"] else now
        took = max(0.0, until - seconds_of(one["started_at"]))
        found.append(PlanStep(name.replace("_", " "), does, one["outcome"], took, budget))
    return found


def _regions(body: Body) -> list[Region]:
    holder = body["survivor"]
    epoch = body["epochs"][-1] if body["epochs"] else "?"
    dead = sorted({_thing(one["target"]) for one in body["faults"] if one["kind"] in DEAD})
    found = []
    for name, part in ((story.home(body), "home"), (story.standby(body), "standby")):
        broken = dead if part == "home" and name != "" else []
        holds = name == holder
        # "holds" is a guard's word on this page.
        state = f"has the lease, epoch {epoch}" if holds else "does not have the lease"
        if broken:
            state = f"{'frozen' if body['scenario'] == 'hang' else 'dead'}; {state}"
        found.append(Region(name, part, state, not broken, broken))
    witness = f"lease: {holder or 'nobody'}, epoch {epoch}"
    found.insert(1, Region(str(body.get("witness", "witness")), "witness", witness, True, []))
    return found


def _thing(name: str) -> str:
    """`event-applier-cac1-0` → `event applier`."""
    words = [
        word for word in name.split("-") if word not in ("cac1", "caw1") and not word.isdigit()
    ]
    return " ".join(words)


def _links(body: Body) -> str:
    for one in body["faults"]:
        if one["kind"] == "links":
            try:
                states = json.loads(one["detail"])
            except ValueError:
                return "links broken"
            kinds = sorted({f"{name.split('-')[0]} {state}" for name, state in states.items()})
            return "links between the regions: " + ", ".join(kinds)
    return "links between the regions: open"


def _counts(body: Body) -> list[tuple[str, str]]:
    events = body["events"]
    known = body["verdict"] is not None
    return [
        ("sent", f"{events['sent']:,}"),
        ("accepted", f"{events['accepted']:,}"),
        (
            "safe in both regions",
            "not recorded" if events.get("safe") is None else f"{events['safe']:,}",
        ),
        ("stored", f"{events['stored']:,}" if events["stored"] else story.NOT_YET),
        ("waiting", f"{events.get('waiting', events['unaccepted']):,}"),
        ("lost", f"{events['lost']:,}" if known else story.NOT_YET),
    ]
