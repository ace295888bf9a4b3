"""The HTML page beside the evidence, and of a run that goes on: everything from the record, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from drill import objective_rows, story, time_axis
from drill.live_view import LiveView
from drill.objective_rows import seconds
from drill.plan_steps import BUDGETS, DOES
from drill.platform_records import seconds_of
from drill.scenarios import SCENARIOS

TEMPLATES = Path(__file__).resolve().parent / "templates"
NAME = "report.html"
ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
SETS = (
    "sent", "accepted", "stored", "ok", "lost", "unexpected", "recovered", "rejected", "refused",
    "unaccepted", "safe", "not_in_the_log", "recovered_though_safe", "log_differences",
    "duplicate_deliveries", "platform_probes",
)  # fmt: skip

SET_WORDS = {
    "ok": "stored as it was first accepted",
    "recovered": "stored because an edge sent it again after the failover",
    "unaccepted": "never answered",
    "refused": "refused by the API",
    "rejected": "kept aside with a reason",
}
"""Sets whose name alone says too little, or something else on this page."""


def write(sealed: Mapping[str, Any], folder: Path) -> Path:
    """Render `report.html` into the run's folder."""
    path = folder / NAME
    path.write_text(render(sealed))
    return path


def render(body: Mapping[str, Any], live: LiveView | None = None, script: str = "") -> str:
    """The page as text. `live`: what a page of a run under way shows besides; `script`: what renews it."""
    scenario = SCENARIOS.get(body["scenario"])
    return ENVIRONMENT.get_template("report.html.j2").render(
        e=body,
        live=live,
        script=Markup(script),
        verdict=body["verdict"] or "RUNNING",
        sentence=story.sentence(body),
        about=scenario.about if scenario else body["scenario"],
        figures=story.figures(body),
        move=story.move(body),
        home=story.home(body),
        degraded=story.degraded(body),
        before_the_fault=story.before_the_fault(body),
        emulated=story.EMULATED if story.is_emulated(body) else (),
        where=where_the_time_went(body),
        objectives=objective_rows.rows(body),
        steps=steps(body),
        timeline=Markup(time_axis.drawn(body)),
        may_fire=() if scenario is None else scenario.alarms_that_may_fire,
        decisions=collapse(body["decisions"]),
        sets=[
            (SET_WORDS.get(name, name.replace("_", " ")), body["events"].get(name)) for name in SETS
        ],
        clock=lambda at: story.clock(body, seconds_of(at)) if at else "",
    )


def starting(lines: Sequence[str], script: str) -> str:
    """The page while the lab is set up."""
    page = ENVIRONMENT.get_template("starting.html.j2")
    return page.render(lines=lines, script=Markup(script))


def table(sealed: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The numbers a drill ends with, also printed on the terminal; no RTO where nothing had to recover."""
    events, unexamined = sealed["events"], sealed.get("unexamined", {})

    def examined(objective: str, count: int) -> str:
        return "not examined" if objective in unexamined else f"{count:,}"

    rows = [
        ("events sent", f"{events['sent']:,}"),
        ("accepted", f"{events['accepted']:,}"),
        ("stored", f"{events['stored']:,}"),
        ("lost", f"{events['lost']:,}"),
        ("unexpected", examined("nothing_unexpected", events["unexpected"])),
        ("recovered by resend", f"{events['recovered']:,}"),
        ("called safe", f"{events.get('safe', 0):,}"),
        (
            "safe, not in the log",
            examined("what_was_called_safe_is_in_the_other_log", events.get("not_in_the_log", 0)),
        ),
        ("rejected with reason", f"{events['rejected']:,}"),
        ("order violations", examined("order_kept", sealed["order_violations"])),
        ("epochs", ", ".join(map(str, sealed["epochs"]))),
    ]
    decided = sealed.get("decided")
    if decided:
        rows.append(("decided after", seconds(decided["seconds"])))
    seen = sealed.get("availability")
    if seen:
        share = seen["answered"] / seen["tries"] if seen["tries"] else 0.0
        rows.append(("transactions answered", f"{share:.1%}"))
    if story.fails_over(sealed):
        rows += [
            ("RTO", seconds(sealed["rto_seconds"])),
            ("RPO (exposure)", seconds(sealed["rpo_seconds"])),
        ]
    elif decided:
        rows.append(("outage until repaired", seconds(decided["outage_seconds"])))
    elif seen:
        rows.append(("longest outage", seconds(seen["longest_outage_seconds"])))
    return [*rows, ("verdict", sealed["verdict"])]


def where_the_time_went(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The outage as one bar against its limit, in percent of the bar's width."""
    parts = story.spans_of(body)
    if not parts:
        return None
    zero = parts[0].begin
    total = parts[-1].end - zero
    limit = body["rto_limit_seconds"]
    full = max(total, limit or 0.0) * 1.04
    return {
        "begin": zero,
        "total": total,
        "limit": limit,
        "limit_at": None if limit is None else 100 * limit / full,
        "parts": [
            {
                "name": one.name,
                "meaning": one.meaning,
                "seconds": one.seconds,
                "share": 100 * one.seconds / full,
            }
            for one in parts
        ],
    }


def steps(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each step of the plan that was begun: how long, of which budget, what came of it."""
    found = []
    now = seconds_of(body["ended_at"])
    for one in body["timeline"]:
        if not one["started_at"]:
            continue
        begun = seconds_of(one["started_at"])
        took = (seconds_of(one["ended_at"]) if one["ended_at"] else now) - begun
        budget = BUDGETS.get(one["step"], 0)
        found.append(
            {
                "name": one["step"].replace("_", " "),
                "does": DOES.get(one["step"], ""),
                "took": took,
                "budget": budget,
                "share": min(100.0, 100 * took / budget) if budget else 0.0,
                "over": bool(budget) and took > budget,
                "outcome": one["outcome"],
                "detail": one.get("detail", ""),
                "at": story.clock(body, begun),
            }
        )
    return found


def collapse(decisions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Runs of the same action and reason in one region as one row with a count, by their beginning."""
    found: list[dict[str, Any]] = []
    open_rows: dict[str, dict[str, Any]] = {}
    for one in decisions:
        region = str(one.get("region", ""))
        row = open_rows.get(region)
        if row is not None and (row["action"], row["reason"]) == (one["action"], one["reason"]):
            row["count"] += 1
            row["until"] = one["at"]
            continue
        row = {**one, "region": region, "until": one["at"], "count": 1}
        open_rows[region] = row
        found.append(row)
    return found
