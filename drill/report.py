"""The HTML page beside the evidence: everything from the evidence, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from drill.plots import Line, Mark, chart, gantt, seconds_of

TEMPLATES = Path(__file__).resolve().parent / "templates"
NAME = "report.html"
BLUE, GREEN, ORANGE, GREY = "#1f5fa8", "#2e6f57", "#c77700", "#6b7280"


def write(sealed: Mapping[str, Any], folder: Path) -> Path:
    """Render `report.html` into the run's folder."""
    path = folder / NAME
    path.write_text(render(sealed))
    return path


def render(sealed: Mapping[str, Any]) -> str:
    """The page as text."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    start, end = seconds_of(sealed["started_at"]), seconds_of(sealed["ended_at"])
    marks = marks_of(sealed)
    return environment.get_template("report.html.j2").render(
        e=sealed,
        rows=table(sealed),
        decisions=collapse(sealed["decisions"]),
        timeline=Markup(_timeline(sealed, marks, end)),
        lag=Markup(_lag(sealed, start, end, marks)),
        rates=Markup(_rates(sealed, start, end, marks)),
        latency=Markup(_latency(sealed, start, end, marks)),
    )


def table(sealed: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The numbers a drill ends with, also printed on the terminal."""
    events = sealed["events"]
    return [
        ("events sent", f"{events['sent']:,}"),
        ("accepted", f"{events['accepted']:,}"),
        ("stored", f"{events['stored']:,}"),
        ("lost", f"{events['lost']:,}"),
        ("unexpected", f"{events['unexpected']:,}"),
        ("recovered by resend", f"{events['recovered']:,}"),
        ("called safe", f"{events.get('safe', 0):,}"),
        ("safe, not in the log", f"{events.get('not_in_the_log', 0):,}"),
        ("rejected with reason", f"{events['rejected']:,}"),
        ("order violations", f"{sealed['order_violations']:,}"),
        ("epochs", ", ".join(map(str, sealed["epochs"]))),
        ("RTO", _seconds(sealed["rto_seconds"])),
        ("RPO", _seconds(sealed["rpo_seconds"])),
        ("verdict", sealed["verdict"]),
    ]


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


def marks_of(sealed: Mapping[str, Any]) -> list[Mark]:
    """The fault and each change of the epoch."""
    found = []
    if sealed["fault_at"]:
        found.append(Mark(seconds_of(sealed["fault_at"]), "fault"))
    for change in sealed["epoch_times"][1:]:
        found.append(Mark(seconds_of(change["at"]), f"epoch {change['epoch']}", BLUE))
    return found


def _timeline(sealed: Mapping[str, Any], marks: Sequence[Mark], end: float) -> str:
    steps = [one for one in sealed["timeline"] if one["started_at"] and one["ended_at"]]
    if not steps:
        return ""
    first = min([seconds_of(steps[0]["started_at"]), *(mark.at for mark in marks)])
    last = max(seconds_of(one["ended_at"]) for one in steps)
    return gantt(steps, start=first - 2, end=min(end, last + 5), marks=marks)


def _lag(sealed: Mapping[str, Any], start: float, end: float, marks: Sequence[Mark]) -> str:
    points = [(one["at"], one["lag_seconds"]) for one in sealed["lag_samples"]]
    line = Line("age of what is proven to be in the standby's log", ORANGE, points)
    return chart([line], start=start, end=end, unit="s", marks=marks)


def _rates(sealed: Mapping[str, Any], start: float, end: float, marks: Sequence[Mark]) -> str:
    samples = sealed["throughput_samples"]
    lines = [
        Line("accepted", BLUE, [(s["at"], s["accepted_per_second"]) for s in samples]),
        Line("stored", GREEN, [(s["at"], s["stored_per_second"]) for s in samples]),
    ]
    return chart(lines, start=start, end=end, unit="events/s", marks=marks)


def _latency(sealed: Mapping[str, Any], start: float, end: float, marks: Sequence[Mark]) -> str:
    samples = sealed["throughput_samples"]
    lines = [
        Line("p50", GREY, [(s["at"], s["latency_p50_seconds"]) for s in samples]),
        Line("p95", BLUE, [(s["at"], s["latency_p95_seconds"]) for s in samples]),
    ]
    return chart(lines, start=start, end=end, unit="s", marks=marks)


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"
