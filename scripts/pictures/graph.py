"""A picture as data: boxes on a grid, arrows between them, frames around them; and as Mermaid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a box is; it decides the colours."""

    PLAIN = "plain"
    GOOD = "good"
    CAREFUL = "careful"
    FINAL = "final"
    STORE = "store"


COLOURS: dict[Kind, tuple[str, str]] = {
    Kind.PLAIN: ("#eef2f7", "#5b6b7f"),
    Kind.GOOD: ("#e3f4ea", "#2e6f57"),
    Kind.CAREFUL: ("#fff3dc", "#c77700"),
    Kind.FINAL: ("#fde7e5", "#b3261e"),
    Kind.STORE: ("#e8e6fa", "#5a4fb0"),
}
"""Fill and border of each kind."""


@dataclass(frozen=True)
class Box:
    """`column` and `row` are grid positions; fractions are allowed. `lines` stand below the title."""

    id: str
    title: str
    column: float
    row: float
    lines: tuple[str, ...] = ()
    kind: Kind = Kind.PLAIN


@dataclass(frozen=True)
class Arrow:
    """From one box's id to another's."""

    source: str
    target: str
    label: str = ""
    dashed: bool = False


@dataclass(frozen=True)
class Frame:
    """A labelled frame around the boxes whose ids it names."""

    title: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """One picture. `cell` is the width and height of a grid cell in pixels."""

    title: str
    boxes: Sequence[Box]
    arrows: Sequence[Arrow] = ()
    frames: Sequence[Frame] = ()
    cell: tuple[int, int] = (190, 96)
    direction: str = "LR"
    """Mermaid's own layout: `LR` or `TD`. The SVG uses the grid."""

    def __post_init__(self) -> None:
        known = {box.id for box in self.boxes}
        named = {end for arrow in self.arrows for end in (arrow.source, arrow.target)}
        named |= {member for frame in self.frames for member in frame.members}
        if named - known:
            raise ValueError(
                f"picture {self.title!r} names boxes it does not have: "
                f"{sorted(named - known)}; it has {sorted(known)}"
            )


def mermaid(graph: Graph) -> str:
    """The picture as a Mermaid flowchart."""
    lines = [f"flowchart {graph.direction}"]
    framed = {member for frame in graph.frames for member in frame.members}
    boxes = {box.id: box for box in graph.boxes}
    for number, frame in enumerate(graph.frames):
        lines.append(f'  subgraph frame{number}["{_plain(frame.title)}"]')
        lines += [f"    {_node(boxes[member])}" for member in frame.members]
        lines.append("  end")
    lines += [f"  {_node(box)}" for box in graph.boxes if box.id not in framed]
    for arrow in graph.arrows:
        line = "-.->" if arrow.dashed else "-->"
        label = f'|"{_plain(arrow.label)}"|' if arrow.label else ""
        lines.append(f"  {arrow.source} {line}{label} {arrow.target}")
    for kind in Kind:
        members = [box.id for box in graph.boxes if box.kind is kind]
        if members:
            fill, border = COLOURS[kind]
            lines.append(f"  classDef {kind} fill:{fill},stroke:{border},color:#1c2733")
            lines.append(f"  class {','.join(members)} {kind}")
    return "\n".join(lines)


def _node(box: Box) -> str:
    text = "<br/>".join(_plain(line) for line in (box.title, *box.lines))
    return f'{box.id}["{text}"]'


def _plain(text: str) -> str:
    """Text without what Mermaid reads as syntax."""
    return text.replace('"', "'").replace("#", "").replace(";", ",")
