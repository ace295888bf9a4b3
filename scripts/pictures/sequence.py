"""A sequence of messages between participants, as Mermaid and as SVG."""

from __future__ import annotations

from collections.abc import Sequence as Rows
from dataclasses import dataclass
from html import escape

from scripts.pictures.svg import FAINT, INK, open_svg

COLUMN, ROW, TOP, LEFT = 200, 34, 60, 40


@dataclass(frozen=True)
class Message:
    """`text` from one participant to another (or to itself), and when it comes at the latest."""

    source: str
    target: str
    text: str
    at: str = ""


@dataclass(frozen=True)
class Turn:
    """A line across all participants: from here on something is different."""

    text: str


@dataclass(frozen=True)
class Sequence:
    """Participants from left to right, and what happens from top to bottom."""

    title: str
    participants: tuple[str, ...]
    rows: Rows[Message | Turn]


def mermaid(sequence: Sequence) -> str:
    """The picture as a Mermaid sequence diagram."""
    lines = ["sequenceDiagram"]
    names = {name: f"p{number}" for number, name in enumerate(sequence.participants)}
    lines += [f"  participant {short} as {name}" for name, short in names.items()]
    first, last = names[sequence.participants[0]], names[sequence.participants[-1]]
    for row in sequence.rows:
        if isinstance(row, Turn):
            lines.append(f"  Note over {first},{last}: {_plain(row.text)}")
        else:
            at = f"{row.at}: " if row.at else ""
            lines.append(f"  {names[row.source]}->>{names[row.target]}: {at}{_plain(row.text)}")
    return "\n".join(lines)


def svg(sequence: Sequence) -> str:
    """The picture as one SVG document."""
    longest = max(len(row.text) for row in sequence.rows)
    width = round(LEFT + 60 + COLUMN * (len(sequence.participants) - 0.5) + 6.2 * longest + 40)
    height = TOP + ROW * (len(sequence.rows) + 1) + 20
    places = {
        name: LEFT + 60 + COLUMN * (number + 0.5)
        for number, name in enumerate(sequence.participants)
    }
    parts = [open_svg(width, height, sequence.title)]
    for name, x in places.items():
        parts.append(
            f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{TOP - 8}" y2="{height - 16}" stroke="{FAINT}" '
            'stroke-dasharray="3 4"/>'
            f'<rect x="{x - 88:.0f}" y="16" width="176" height="34" rx="6" fill="#eef2f7" '
            f'stroke="#5b6b7f"/><text x="{x:.0f}" y="38" font-size="13" font-weight="600" '
            f'fill="{INK}" text-anchor="middle">{escape(name)}</text>'
        )
    for number, row in enumerate(sequence.rows):
        y = TOP + ROW * (number + 0.8)
        parts.append(_turn(row, y, width) if isinstance(row, Turn) else _message(row, y, places))
    return "\n".join([*parts, "</svg>", ""])


def _turn(turn: Turn, y: float, width: int) -> str:
    return (
        f'<rect x="{LEFT}" y="{y - 14:.0f}" width="{width - LEFT - 20}" height="22" rx="4" '
        'fill="#fde7e5" stroke="#b3261e"/>'
        f'<text x="{width / 2:.0f}" y="{y + 2:.0f}" font-size="12" font-weight="600" fill="{INK}" '
        f'text-anchor="middle">{escape(turn.text)}</text>'
    )


def _message(message: Message, y: float, places: dict[str, float]) -> str:
    start, end = places[message.source], places[message.target]
    at = (
        f'<text x="{LEFT + 4}" y="{y + 4:.0f}" font-size="11" fill="{FAINT}">'
        f"{escape(message.at)}</text>"
    )
    if start == end:
        return at + (
            f'<circle cx="{start:.0f}" cy="{y:.0f}" r="4" fill="{INK}"/>'
            f'<text x="{start + 10:.0f}" y="{y + 4:.0f}" font-size="11" fill="{INK}">'
            f"{escape(message.text)}</text>"
        )
    middle = (start + end) / 2
    return at + (
        f'<line x1="{start:.0f}" x2="{end:.0f}" y1="{y + 6:.0f}" y2="{y + 6:.0f}" stroke="{INK}" '
        'stroke-width="1.3" marker-end="url(#tip)"/>'
        f'<text x="{middle:.0f}" y="{y:.0f}" font-size="11" fill="{INK}" '
        f'text-anchor="middle">{escape(message.text)}</text>'
    )


def _plain(text: str) -> str:
    """Text without what Mermaid reads as syntax."""
    return text.replace(";", ",").replace("#", "").replace(":", ",")
