"""Plots as inline SVG: no script, no external resource, readable on paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 900, 64, 16, 12, 30
ROW = 22
FAULT_COLOUR = "#b3261e"


@dataclass(frozen=True)
class Line:
    """A series. A None value is a gap: what is unknown is not drawn as zero."""

    label: str
    colour: str
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True)
class Mark:
    """A vertical line with a word."""

    at: float
    label: str
    colour: str = FAULT_COLOUR


def seconds_of(instant: str) -> float:
    """An evidence instant as epoch seconds."""
    return datetime.fromisoformat(instant.replace("Z", "+00:00")).timestamp()


def chart(
    lines: Sequence[Line], *, start: float, end: float, unit: str, marks: Sequence[Mark] = ()
) -> str:
    """Lines over the seconds of a run."""
    height = 220
    values = [v for line in lines for _, v in line.points if v is not None]
    top = nice_ceiling(max(values, default=1.0))
    plot_height = height - TOP - BOTTOM

    def y(value: float) -> float:
        return TOP + plot_height * (1 - value / top)

    parts = [_open(height), _time_axis(start, end, height)]
    for step in range(5):
        value = top * step / 4
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'class="grid"/><text x="{LEFT - 6}" y="{y(value) + 4:.1f}" class="tick" '
            f'text-anchor="end">{value:g}</text>'
        )
    parts.append(f'<text x="{LEFT + 6}" y="{TOP + 12}" class="tick">{escape(unit)}</text>')
    for line in lines:
        for path in _segments(line.points):
            where = " ".join(f"{_x(at, start, end):.1f},{y(value):.1f}" for at, value in path)
            parts.append(
                f'<polyline points="{where}" fill="none" stroke="{line.colour}" stroke-width="1.6"/>'
            )
    parts += [_mark(mark, start, end, height) for mark in marks]
    return "".join(parts) + "</svg>" + _legend(lines)


def gantt(
    steps: Sequence[dict[str, Any]], *, start: float, end: float, marks: Sequence[Mark] = ()
) -> str:
    """The recovery plan's steps as bars, with the fault and the clocks as lines."""
    height = TOP + ROW * max(1, len(steps)) + BOTTOM + 16
    left = 190
    parts = [_open(height), _time_axis(start, end, height, left)]
    for index, step in enumerate(steps):
        begun, ended = seconds_of(step["started_at"]), seconds_of(step["ended_at"])
        x = _x(begun, start, end, left)
        width = max(2.0, _x(ended, start, end, left) - x)
        y = TOP + 16 + index * ROW
        good = step["outcome"] not in ("degraded", "failed", "paged")
        colour = "#2e6f57" if good else "#c77700"
        label_right = x + width + 60 < WIDTH
        parts.append(
            f'<text x="{left - 8}" y="{y + 13}" class="name" text-anchor="end">'
            f"{escape(step['step'])}</text>"
            f'<rect x="{x:.1f}" y="{y + 2}" width="{width:.1f}" height="{ROW - 8}" fill="{colour}">'
            f"<title>{escape(step['outcome'])}: {escape(str(step.get('detail', '')))}</title></rect>"
            f'<text x="{x + width + 4 if label_right else x - 4:.1f}" y="{y + 13}" class="tick" '
            f'text-anchor="{"start" if label_right else "end"}">{ended - begun:.1f} s</text>'
        )
    parts += [_mark(mark, start, end, height, left) for mark in marks]
    return "".join(parts) + "</svg>"


def nice_ceiling(value: float) -> float:
    """The next of 1, 2, 4, 5, 8, 10 times a power of ten, so that quarters read well."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(
        power * factor for factor in (1, 2, 4, 5, 8, 10) if value <= power * factor * 1.0001
    )


def _x(at: float, start: float, end: float, left: int = LEFT) -> float:
    span = max(1e-9, end - start)
    return left + (WIDTH - left - RIGHT) * min(1.0, max(0.0, (at - start) / span))


def _open(height: int) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" width="100%" role="img">'


def _time_axis(start: float, end: float, height: int, left: int = LEFT) -> str:
    span = end - start
    step = next((s for s in (5, 10, 20, 30, 60, 120, 300, 600) if span / s <= 10), 1_800)
    parts = []
    second = 0.0
    while second <= span:
        x = _x(start + second, start, end, left)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - BOTTOM}" class="grid"/>'
            f'<text x="{x:.1f}" y="{height - BOTTOM + 16}" class="tick" text-anchor="middle">'
            f"{second:g} s</text>"
        )
        second += step
    return "".join(parts)


def _mark(mark: Mark, start: float, end: float, height: int, left: int = LEFT) -> str:
    x = _x(mark.at, start, end, left)
    right_edge = x > WIDTH - 120
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - BOTTOM}" '
        f'stroke="{mark.colour}" stroke-dasharray="4 3"/>'
        f'<text x="{x - 4 if right_edge else x + 4:.1f}" y="{TOP + 8}" class="tick" '
        f'text-anchor="{"end" if right_edge else "start"}" fill="{mark.colour}">'
        f"{escape(mark.label)}</text>"
    )


def _segments(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    found: list[list[tuple[float, float]]] = [[]]
    for at, value in points:
        if value is None:
            found.append([])
        else:
            found[-1].append((at, value))
    return [one for one in found if one]


def _legend(lines: Sequence[Line]) -> str:
    items = "".join(
        f'<span><i style="background:{line.colour}"></i>{escape(line.label)}</span>'
        for line in lines
    )
    return f'<p class="legend">{items}</p>'
