"""`lifeline status` as a picture: drawn from looks that were recorded in a run of the lab."""

from __future__ import annotations

import io
import json
from html import escape
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from lifeline.cli.status.facts import Facts
from lifeline.cli.status.recorded import from_json
from lifeline.cli.status.render import rendered
from lifeline.cli.status.screen import screen

COLUMNS = 116
RECORDED = Path(__file__).resolve().parent / "recorded"


def looks(folder: Path = RECORDED) -> dict[str, Facts]:
    """The recorded looks by the picture's name. Raises ValueError when there are none."""
    files = sorted(folder.glob("status-*.json"))
    if not files:
        raise ValueError(f"no look is recorded in {folder}: nothing to draw")
    return {one.stem: from_json(json.loads(one.read_text())) for one in files}


def svg(name: str, facts: Facts) -> str:
    """One screen; its text is text, its title says what it shows. No font is fetched from anywhere."""
    console = Console(
        width=COLUMNS,
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
    )
    found = screen(facts)
    console.print(rendered(facts, found))
    title = f"lifeline status --suffix {facts.suffix}"
    drawn = console.export_svg(title=title, code_format=_without_fonts(), unique_id=name)
    label = escape(f"{title}: {found.serving.verdict}. {found.serving.sentence}", quote=True)
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1) + "\n"


def _without_fonts() -> str:
    """Rich's format without its `@font-face` rules, which name an address of others."""
    first = CONSOLE_SVG_FORMAT.index("@font-face")
    return (
        CONSOLE_SVG_FORMAT[:first]
        + CONSOLE_SVG_FORMAT[CONSOLE_SVG_FORMAT.index(".{unique_id}-matrix") :]
    )
