"""One picture of a run on one time axis: lanes and lines as inline SVG, without script or other resource.

Drawn twice, wide and narrow, so that letters keep their size on a phone. Colour is never the only
difference: what failed is a cross, what is lost is hatched, and each line and bar carries its name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Protocol

INK, FAINT, GRID = "#1b2430", "#5b6675", "#e4e8ee"
GOOD, BAD, CALM, WORK = "#0b6e4f", "#b3261e", "#5f6b7a", "#1f5fa8"
EDGE = 10
ROW = 15
LETTER = 6.3
"""About how wide a letter of 11 px is: for what fits where."""


@dataclass(frozen=True)
class Axis:
    """Seconds to pixels. `zero` is what the ticks call 0."""

    width: int
    begin: float
    end: float
    zero: float = 0.0
    prefix: str = "T"

    def x(self, at: float) -> float:
        """Where a moment lies; what is outside lies at the edge."""
        share = (at - self.begin) / max(1e-9, self.end - self.begin)
        return EDGE + (self.width - 2 * EDGE) * min(1.0, max(0.0, share))

    def ticks(self) -> list[tuple[float, str]]:
        """Round seconds with their words, as many as have room."""
        most = max(2, self.width // 90)
        steps = (5, 10, 20, 30, 60, 120, 300, 600, 1_800)
        span = self.end - self.begin
        step = next((one for one in steps if span / one <= most), 3_600)
        first = math.ceil((self.begin - self.zero) / step) * step
        found = []
        second = float(first)
        while self.zero + second <= self.end:
            sign = "−" if second < 0 else "+"
            words = f"{self.prefix}{sign}{abs(second):g}" if self.prefix else f"{second:g}"
            found.append((self.zero + second, words))
            second += step
        return found


@dataclass(frozen=True)
class Mark:
    """A vertical line through everything, with words at its head."""

    at: float
    label: str
    colour: str = INK


class Lane(Protocol):
    """A strip of the picture."""

    @property
    def title(self) -> str: ...

    @property
    def height(self) -> int: ...

    def draw(self, axis: Axis, top: float) -> str: ...


@dataclass(frozen=True)
class Tries:
    """One sign a second: a stroke came back, a cross did not. `outage`: the stretch that the RTO measures."""

    title: str
    points: Sequence[tuple[float, bool]]
    outage: tuple[float, float, str] | None = None
    height: int = 40

    def draw(self, axis: Axis, top: float) -> str:
        parts = []
        for at, good in self.points:
            x = axis.x(at)
            if good:
                parts.append(_line(x, top + 3, x, top + 15, GOOD, 1.8))
            else:
                parts.append(
                    f'<path d="M{x - 2.6:.1f} {top + 6:.1f}l5.2 6m0 -6l-5.2 6" stroke="{BAD}" '
                    'stroke-width="1.3" fill="none"/>'
                )
        if self.outage is not None:
            begin, end, words = self.outage
            left, right = axis.x(begin), axis.x(end)
            parts.append(_line(left, top + 22, right, top + 22, BAD, 2))
            parts += [_line(x, top + 18, x, top + 26, BAD, 2) for x in (left, right)]
            parts.append(_beside(axis, left, right, top + 36, words, BAD))
        return "".join(parts)


@dataclass(frozen=True)
class Stretch:
    """A bar with its words; `hatched` for what is dead."""

    begin: float
    end: float
    words: str
    colour: str = CALM
    hatched: bool = False


@dataclass(frozen=True)
class Bars:
    """Stretches one after the other. Words stand in a bar where they fit, else below it."""

    title: str
    stretches: Sequence[Stretch]
    height: int = 38

    def draw(self, axis: Axis, top: float) -> str:
        parts, free = [], -1e9
        for one in self.stretches:
            left, right = axis.x(one.begin), axis.x(one.end)
            fill = "url(#dead)" if one.hatched else one.colour
            parts.append(
                f'<rect x="{left:.1f}" y="{top + 2:.1f}" width="{max(2.0, right - left):.1f}" '
                f'height="18" rx="2" fill="{fill}"><title>{escape(one.words)}</title></rect>'
            )
            wide = len(one.words) * LETTER
            if right - left >= wide + 6:
                ink = INK if one.hatched else "#fff"
                parts.append(_text(left + 4, top + 15, one.words, ink))
            else:
                where = min(max(left, free), axis.width - EDGE - wide)
                if where >= free:
                    parts.append(_text(where, top + 33, one.words, INK))
                    free = where + wide + 8
        return "".join(parts)


@dataclass(frozen=True)
class Rows:
    """A row for each of several things that may last at once, with its words in or beside its bar."""

    title: str
    rows: Sequence[Stretch]

    @property
    def height(self) -> int:
        return 20 * len(self.rows)

    def draw(self, axis: Axis, top: float) -> str:
        parts = []
        for number, one in enumerate(self.rows):
            left, right, y = axis.x(one.begin), axis.x(one.end), top + 20 * number
            parts.append(
                f'<rect x="{left:.1f}" y="{y + 2:.1f}" width="{max(3.0, right - left):.1f}" '
                f'height="15" rx="2" fill="{one.colour}"><title>{escape(one.words)}</title></rect>'
            )
            if right - left >= len(one.words) * LETTER + 6:
                parts.append(_text(left + 4, y + 13.5, one.words, "#fff"))
            else:
                parts.append(_beside(axis, left, right, y + 13.5, one.words, INK))
        return "".join(parts)


@dataclass(frozen=True)
class Line:
    """A series. None is a gap: unknown is not drawn as zero. A `limit` is drawn, or named when far."""

    title: str
    points: Sequence[tuple[float, float | None]]
    colour: str = WORK
    limit: float | None = None
    limit_words: str = ""
    last_words: str = ""
    """At the end of the line."""
    height: int = 84

    def draw(self, axis: Axis, top: float) -> str:
        values = [value for _, value in self.points if value is not None]
        highest = max(values, default=0.0)
        near = self.limit is not None and self.limit <= 4 * max(highest, 1e-9)
        ceiling = nice_ceiling(max(highest, self.limit or 0.0) if near else highest)
        bottom = top + self.height - 8

        def y(value: float) -> float:
            return bottom - (self.height - 22) * value / ceiling

        parts = [_line(EDGE, y(v), axis.width - EDGE, y(v), GRID) for v in (0, ceiling)]
        parts.append(_text(EDGE, y(ceiling) - 3, f"{ceiling:,g}", FAINT))
        for path in segments(self.points):
            where = " ".join(f"{axis.x(at):.1f},{y(value):.1f}" for at, value in path)
            parts.append(
                f'<polyline points="{where}" fill="none" stroke="{self.colour}" stroke-width="1.7"/>'
            )
        if self.limit is not None and near:
            at = y(self.limit)
            parts.append(_line(EDGE, at, axis.width - EDGE, at, BAD, 1.2, "6 3"))
            parts.append(_text(axis.width - EDGE, at - 3, self.limit_words, BAD, "end"))
        elif self.limit is not None:
            words = f"{self.limit_words}: above this scale ↑"
            parts.append(_text(axis.width - EDGE, y(ceiling) - 3, words, BAD, "end"))
        drawn = [(at, value) for at, value in self.points if value is not None]
        if self.last_words and drawn:
            at, value = drawn[-1]
            x = axis.x(at)
            parts.append(f'<circle cx="{x:.1f}" cy="{y(value):.1f}" r="3" fill="{self.colour}"/>')
            parts.append(_beside(axis, x, x, y(value) - 5, self.last_words, self.colour))
        return "".join(parts)


def picture(
    lanes: Sequence[Lane], axis: Axis, marks: Sequence[Mark], *, label: str, kind: str
) -> str:
    """All lanes under each other. `label` says in words what is to be seen; `kind` is its CSS class."""
    shown = [one for one in marks if axis.begin <= one.at <= axis.end]
    head = ROW * len(shown) + 6
    top, parts = float(head), []
    for lane in lanes:
        parts.append(_text(EDGE, top + 13, lane.title, INK, weight=600))
        parts.append(lane.draw(axis, top + 18))
        top += 18 + lane.height + 6
    rails = []
    for at, words in axis.ticks():
        x = axis.x(at)
        rails.append(_line(x, head, x, top, GRID))
        rails.append(_text(min(max(x, 20), axis.width - 24), top + 14, words, FAINT, "middle"))
    for number, mark in enumerate(shown):
        x, row = axis.x(mark.at), 11 + ROW * number
        rails.append(_line(x, row - 8, x, top, mark.colour, 1.2, "3 3"))
        rails.append(_beside(axis, x, x, row, mark.label, mark.colour))
    height = top + 22
    return (
        f'<svg class="{kind}" viewBox="0 0 {axis.width} {height:.0f}" role="img" '
        f'aria-label="{escape(label)}"><defs><pattern id="dead-{kind}" width="6" height="6" '
        'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" '
        f'fill="#f7dedb"/><rect width="2" height="6" fill="{BAD}" opacity="0.55"/></pattern></defs>'
        + "".join([*rails, *parts]).replace("url(#dead)", f"url(#dead-{kind})")
        + "</svg>"
    )


def nice_ceiling(value: float) -> float:
    """The next of 1, 2, 4, 5, 8, 10 times a power of ten, so that quarters read well."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(
        power * factor for factor in (1, 2, 4, 5, 8, 10) if value <= power * factor * 1.0001
    )


def segments(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    """The unbroken pieces of a series."""
    found: list[list[tuple[float, float]]] = [[]]
    for at, value in points:
        if value is None:
            found.append([])
        else:
            found[-1].append((at, value))
    return [one for one in found if one]


def _beside(axis: Axis, left: float, right: float, y: float, words: str, colour: str) -> str:
    """Words right of a thing, or left of it where the edge is near."""
    if right + 5 + len(words) * LETTER <= axis.width:
        return _text(right + 5, y, words, colour)
    if left - 5 - len(words) * LETTER >= 0:
        return _text(left - 5, y, words, colour, "end")
    return _text(axis.width - EDGE, y, words, colour, "end")


def _line(
    x1: float, y1: float, x2: float, y2: float, colour: str, wide: float = 1.0, dash: str = ""
) -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{wide:g}"{dashed}/>'
    )


def _text(
    x: float, y: float, words: str, colour: str, anchor: str = "start", weight: int = 400
) -> str:
    bold = f' font-weight="{weight}"' if weight != 400 else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="11" fill="{colour}" text-anchor="{anchor}"{bold} '
        f'paint-order="stroke" stroke="{"none" if colour == "#fff" else "#fff"}" stroke-width="3">'
        f"{escape(words)}</text>"
    )
