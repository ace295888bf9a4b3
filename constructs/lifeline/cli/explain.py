"""`lifeline explain WORD`: what the runbooks say of a word, without a network."""

from __future__ import annotations

from typing import Annotated

import typer

from lifeline.cli import handbook
from lifeline.cli.failure import Refused
from lifeline.cli.handbook import Entry
from lifeline.cli.options import Json
from lifeline.cli.output import Output


def completions(incomplete: str) -> list[str]:
    """Words that begin as what was typed."""
    return [one for one in handbook.words(handbook.load()) if one.startswith(incomplete)]


def explain(
    word: Annotated[
        str,
        typer.Argument(
            metavar="WORD",
            help="A reason of a decision (lease-moves), an alarm (log-disk), a step of the plan "
            "(open_database), a rule (A13), a setting, a word of the glossary.",
            autocompletion=completions,
        ),
    ],
    suffix: Annotated[
        str,
        typer.Option(
            envvar="SUFFIX",
            metavar="SUFFIX",
            help="Taken off the end of an alarm's name (log-disk-dev).",
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Say what the runbooks say of a word. Offline: the documentation is part of the package."""
    try:
        found = handbook.find(word, handbook.load(), suffix=suffix)
    except FileNotFoundError as error:
        raise Refused(f"The documentation is not where the package has it: {error}.") from error
    output = Output(as_json)
    output.result(
        {
            "command": "explain",
            "word": word,
            "found": [_facts(entry) for entry in found.entries],
            "nearest": list(found.nearest),
        }
    )
    if not found.entries:
        nearest = f" Near it: {', '.join(found.nearest)}." if found.nearest else ""
        raise Refused(f"No page explains {word!r}.{nearest}")
    if not as_json:
        _print(found.entries)


def _facts(entry: Entry) -> dict[str, object]:
    return {
        "kind": entry.kind,
        "page": f"docs/{entry.page}",
        "heading": entry.heading,
        "cells": dict(entry.cells),
        "text": entry.text,
    }


def _print(entries: tuple[Entry, ...]) -> None:
    from rich.console import Console, Group
    from rich.markdown import Markdown
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for entry in entries:
        console.print(Text(f"{entry.heading} · docs/{entry.page}", style="bold"))
        if entry.cells:
            table = Table.grid(padding=(0, 2))
            table.add_column(style="cyan", no_wrap=True)
            table.add_column()
            for name, cell in entry.cells.items():
                table.add_row(handbook.STARS.sub("", name), Group(Markdown(cell)))
            console.print(Padding(table, (0, 0, 1, 2)))
        else:
            console.print(Padding(Markdown(entry.text), (0, 0, 1, 2)))
