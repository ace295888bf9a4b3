"""One drill as a plot: events accepted and stored each second, the fault and each change of the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from drill.plots import nice_ceiling
from drill.report import marks_of
from scripts.pictures.svg import FAINT, INK, open_svg

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 300, 64, 24, 56, 44
LINES = (
    ("accepted_per_second", "accepted", "#1f5fbf"),
    ("stored_per_second", "stored", "#2e6f57"),
)
TICK_SECONDS = 20


def plot(sealed: Mapping[str, Any]) -> str:
    """`sealed` is the evidence of one run. Raises ValueError when it holds no samples."""
    samples: Sequence[Mapping[str, Any]] = sealed["throughput_samples"]
    if not samples:
        raise ValueError(f"evidence {sealed['id']} has no throughput_samples: nothing to draw")
    start = float(samples[0]["at"])
    end = max(float(samples[-1]["at"]), start + 1)
    top = nice_ceiling(max(one[key] or 0.0 for one in samples for key, _, _ in LINES))

    def x(at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (at - start) / (end - start)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)

    parts = [open_svg(WIDTH, HEIGHT, _caption(sealed)), _text(LEFT, 22, _caption(sealed), 13, INK)]
    for quarter in range(5):
        value = top * quarter / 4
        parts.append(_line(LEFT, y(value), WIDTH - RIGHT, y(value), "#e3e8ee"))
        parts.append(_text(LEFT - 6, y(value) + 4, f"{value:g}", 11, FAINT, "end"))
    for second in range(0, int(end - start) + 1, TICK_SECONDS):
        parts.append(_text(x(start + second), HEIGHT - 24, f"{second} s", 11, FAINT, "middle"))
    for number, (key, label, colour) in enumerate(LINES):
        for points in _segments([(one["at"], one[key]) for one in samples]):
            where = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in points)
            parts.append(
                f'<polyline points="{where}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
            )
        parts.append(_text(LEFT + 150 * number, 42, f"— {label}, events/s", 11, colour))
    for mark in marks_of(sealed):
        place = x(min(max(mark.at, start), end))
        parts.append(_line(place, TOP, place, HEIGHT - BOTTOM, mark.colour))
        parts.append(_text(place + 4, TOP + 12, mark.label, 11, mark.colour))
    return "\n".join([*parts, "</svg>", ""])


def _caption(sealed: Mapping[str, Any]) -> str:
    seconds = sealed["rto_seconds"]
    rto = "" if seconds is None else f", RTO {seconds:.1f} s"
    lost = sealed["events"]["lost"]
    return f"Drill {sealed['id']} ({sealed['target']}): {sealed['verdict']}, lost {lost}{rto}"


def _segments(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    """A value that is not known is a gap, never a zero."""
    found: list[list[tuple[float, float]]] = [[]]
    for at, value in points:
        if value is None:
            found.append([])
        else:
            found[-1].append((at, value))
    return [one for one in found if one]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        'stroke-width="1.2"/>'
    )


def _text(x: float, y: float, text: str, size: int, colour: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
