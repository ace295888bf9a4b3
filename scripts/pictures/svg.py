"""A graph as SVG: no script, no font and no image from elsewhere; readable on a light or dark page."""

from __future__ import annotations

from html import escape

from scripts.pictures.graph import COLOURS, Arrow, Box, Frame, Graph

MARGIN, TITLE, LINE = 28, 18, 15
GAP = 26
"""Pixels between two boxes of neighbouring cells."""
INK, FAINT = "#1c2733", "#8a97a6"


def svg(graph: Graph) -> str:
    """The picture as one SVG document."""
    width = max(box.column for box in graph.boxes) + 1
    height = max(box.row for box in graph.boxes) + 1
    size = (
        round(width * graph.cell[0] + 2 * MARGIN),
        round(height * graph.cell[1] + 2 * MARGIN),
    )
    boxes = {box.id: box for box in graph.boxes}
    parts = [
        open_svg(*size, graph.title),
        *(_frame(frame, boxes, graph) for frame in graph.frames),
        *(_arrow(arrow, boxes, graph) for arrow in graph.arrows),
        *(_box(box, graph) for box in graph.boxes),
        *(_label(arrow, boxes, graph) for arrow in graph.arrows if arrow.label),
    ]
    return "\n".join([*parts, "</svg>", ""])


def open_svg(width: int, height: int, title: str) -> str:
    """The first lines of a picture: its size, its title, the arrows' tip and a white ground."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" '
        'font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif">\n'
        f"<title>{escape(title)}</title>\n"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        f'markerHeight="8" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{INK}"/></marker></defs>\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>'
    )


def _rectangle(box: Box, graph: Graph) -> tuple[float, float, float, float]:
    """x, y, width, height of a box: centred in its cell, as high as its lines need."""
    width = graph.cell[0] - GAP
    height = min(graph.cell[1] - 14, TITLE + LINE * len(box.lines) + 16)
    x = MARGIN + box.column * graph.cell[0] + GAP / 2
    y = MARGIN + box.row * graph.cell[1] + (graph.cell[1] - height) / 2
    return x, y, width, height


def _box(box: Box, graph: Graph) -> str:
    x, y, width, height = _rectangle(box, graph)
    fill, border = COLOURS[box.kind]
    middle = x + width / 2
    parts = [
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="6" '
        f'fill="{fill}" stroke="{border}" stroke-width="1.4"/>',
        f'<text x="{middle:.0f}" y="{y + TITLE + 3:.0f}" font-size="13" font-weight="600" '
        f'fill="{INK}" text-anchor="middle">{escape(box.title)}</text>',
    ]
    for number, line in enumerate(box.lines):
        parts.append(
            f'<text x="{middle:.0f}" y="{y + TITLE + 5 + LINE * (number + 1):.0f}" font-size="11" '
            f'fill="{INK}" text-anchor="middle">{escape(line)}</text>'
        )
    return "".join(parts)


def _frame(frame: Frame, boxes: dict[str, Box], graph: Graph) -> str:
    corners = [_rectangle(boxes[member], graph) for member in frame.members]
    left = min(x for x, _, _, _ in corners) - 12
    top = min(y for _, y, _, _ in corners) - 26
    right = max(x + width for x, _, width, _ in corners) + 12
    bottom = max(y + height for _, y, _, height in corners) + 12
    return (
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{right - left:.0f}" '
        f'height="{bottom - top:.0f}" rx="10" fill="none" stroke="{FAINT}" stroke-dasharray="6 4"/>'
        f'<text x="{left + 10:.0f}" y="{top + 16:.0f}" font-size="12" font-weight="600" '
        f'fill="{FAINT}">{escape(frame.title)}</text>'
    )


def _ends(arrow: Arrow, boxes: dict[str, Box], graph: Graph) -> tuple[float, float, float, float]:
    """Where the line leaves the one box and meets the other."""
    start = _rectangle(boxes[arrow.source], graph)
    end = _rectangle(boxes[arrow.target], graph)
    shift = 11.0 if any(_opposite(arrow, other) for other in graph.arrows) else 0.0
    x1, y1 = start[0] + start[2] / 2, start[1] + start[3] / 2
    x2, y2 = end[0] + end[2] / 2, end[1] + end[3] / 2
    if abs(x2 - x1) > abs(y2 - y1):
        side = shift if x2 > x1 else -shift
        y1, y2 = y1 - side, y2 - side
    else:
        side = shift * 4 if y2 > y1 else -shift * 4
        x1, x2 = x1 + side, x2 + side
    return *_border(start, x1, y1, x2, y2), *_border(end, x2, y2, x1, y1)


def _opposite(arrow: Arrow, other: Arrow) -> bool:
    return (arrow.source, arrow.target) == (other.target, other.source)


def _border(
    box: tuple[float, float, float, float], x: float, y: float, to_x: float, to_y: float
) -> tuple[float, float]:
    """Where the line from (x, y) inside `box` to the other point crosses the box's border."""
    left, top, width, height = box
    dx, dy = to_x - x, to_y - y
    reach = [1.0]
    if dx:
        reach.append(((left + width if dx > 0 else left) - x) / dx)
    if dy:
        reach.append(((top + height if dy > 0 else top) - y) / dy)
    share = min(reach)
    return x + dx * share, y + dy * share


def _arrow(arrow: Arrow, boxes: dict[str, Box], graph: Graph) -> str:
    x1, y1, x2, y2 = _ends(arrow, boxes, graph)
    dashes = ' stroke-dasharray="5 4"' if arrow.dashed else ""
    return (
        f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="{INK}" '
        f'stroke-width="1.3" marker-end="url(#tip)"{dashes}/>'
    )


def _label(arrow: Arrow, boxes: dict[str, Box], graph: Graph) -> str:
    x1, y1, x2, y2 = _ends(arrow, boxes, graph)
    # Two opposite arrows lie side by side: their labels must not.
    share = 0.4 if any(_opposite(arrow, other) for other in graph.arrows) else 0.5
    x, y = x1 + (x2 - x1) * share, y1 + (y2 - y1) * share
    width = 6.1 * len(arrow.label) + 8
    return (
        f'<rect x="{x - width / 2:.0f}" y="{y - 9:.0f}" width="{width:.0f}" height="16" rx="3" '
        'fill="#ffffff" fill-opacity="0.92"/>'
        f'<text x="{x:.0f}" y="{y + 3:.0f}" font-size="11" fill="{INK}" '
        f'text-anchor="middle">{escape(arrow.label)}</text>'
    )
