"""Check a finished run again, from what it left in its folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from drill import archive
from drill.checker import Findings, check
from drill.stored import Stored

JOURNALS = "journals"


def check_again(
    folder: Path, over: Callable[[Iterator[Stored]], Iterable[Stored]] = iter
) -> Findings:
    """Run the checker over the journals, and over what was read of the database and the logs.

    `over` may look at the rows as they pass, to tell how far it is.
    """
    return check(
        archive.journal_folders(folder),
        over(archive.load_stored(folder)),
        archive.load_letters(folder),
        archive.load_logged(folder),
        folder / "checker.sqlite",
    )


def differences(folder: Path, body: Mapping[str, Any]) -> list[str]:
    """A sentence for each number of the evidence that the checker finds otherwise now, or cannot find out."""
    try:
        found = check_again(folder)
    except (EOFError, OSError, TypeError, ValueError, sqlite3.Error) as error:
        return [f"the journals cannot be checked: {error!r}"]
    numbers = {**body["events"], "order_violations": body["order_violations"]}
    if "logs" in body:
        numbers["logs"] = body["logs"]
    return [
        f"{name}: evidence {value}, now {getattr(found, name)}"
        for name, value in numbers.items()
        if getattr(found, name) != value
    ]
