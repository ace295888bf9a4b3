"""The screen for a terminal: Rich, with a word beside every colour."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lifeline.cli.status.facts import Facts
from lifeline.cli.status.screen import Row, Screen, State, StoreRow
from lifeline.cli.status.serving import Verdict
from lifeline.cli.words import moment

VERDICTS = {
    Verdict.YES: "bold white on dark_green",
    Verdict.PARTLY: "bold black on yellow",
    Verdict.NO: "bold white on red",
    Verdict.UNKNOWN: "bold white on magenta",
}
STATES = {
    State.OK: ("ok", "green"),
    State.NOTE: ("note", "yellow"),
    State.BAD: ("BAD", "bold red"),
    State.UNKNOWN: ("UNKNOWN", "bold magenta"),
}


def rendered(facts: Facts, screen: Screen) -> RenderableType:
    """The answer first, then what would happen, then why."""
    serving = screen.serving
    first = Text.assemble(
        (f" {serving.verdict} ", VERDICTS[serving.verdict]), " ", (serving.sentence, "bold")
    )
    parts: list[RenderableType] = [first]
    if screen.serving_command:
        parts.append(_next(screen.serving_command))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, width=7)
    table.add_column(overflow="fold")
    for row in (screen.if_active_died, *screen.rows):
        _add(table, row)
    stores = _stores(screen.stores)
    where = screen.stores[0].region if screen.stores else ""
    title = Text(f"What {where} lacks, by store (estimates)")
    asked = Text(
        f"{facts.suffix}, {moment(facts.now)}. A word you do not know: lifeline explain WORD. "
        "Runbooks: docs/runbooks/README.md",
        style="dim",
    )
    return Group(*parts, Text(), table, Text(), title, stores, Text(), asked)


def _add(table: Table, row: Row) -> None:
    word, style = STATES[row.state]
    body = Text(row.text)
    if row.command:
        body.append_text(Text("\n")).append_text(_next(row.command))
    table.add_row(Text(row.label, style="cyan"), Text(word, style=style), body)


def _next(command: str) -> Text:
    return Text.assemble(("  type: ", "dim"), (command, "bold cyan"))


def _stores(stores: tuple[StoreRow, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name, justify in (
        ("store", "left"),
        ("behind", "right"),
        ("events", "right"),
        ("patients", "right"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for one in stores:
        behind = None if one.seconds is None else f"{one.seconds:.1f} s"
        table.add_row(
            one.store,
            behind or Text("UNKNOWN", style="bold magenta"),
            _count(one.events),
            _count(one.patients),
        )
    return table


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
