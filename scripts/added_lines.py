"""What `examples/existing_application` adds to the application in its folder `before`, for the docs."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "existing_application"


def diff() -> list[str]:
    """A unified diff of all its files, with one line of context."""
    before = EXAMPLE / "before"
    names = sorted(
        one.relative_to(before)
        for one in before.rglob("*")
        if one.is_file() and "__pycache__" not in one.parts
    )
    return [line for name in names for line in _of_file(before / name, EXAMPLE / name, str(name))]


def _of_file(old: Path, new: Path, name: str) -> Iterator[str]:
    was, now = old.read_text().splitlines(), new.read_text().splitlines()
    return difflib.unified_diff(was, now, f"before/{name}", name, lineterm="", n=1)


def added(lines: list[str]) -> list[str]:
    """Every line that is new or changed, empty ones, too."""
    return [line for line in lines if line.startswith("+") and not line.startswith("+++")]


def markdown() -> str:
    """The diff as a block for a page."""
    return "\n".join(["```diff", *diff(), "```"])
