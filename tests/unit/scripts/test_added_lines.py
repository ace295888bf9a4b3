"""The example that gains the failover: how many lines that takes, and that the rest is untouched."""

from __future__ import annotations

from scripts.added_lines import EXAMPLE, added, diff

MOST_LINES = 25


def test_at_most_25_lines_are_added() -> None:
    lines = added(diff())
    assert 0 < len(lines) <= MOST_LINES, "\n".join(lines)


def test_nothing_but_what_is_shown_differs() -> None:
    """No file beside those that the diff reads: what is not shown is not changed."""
    before = EXAMPLE / "before"
    old = {one.relative_to(before) for one in before.rglob("*") if one.is_file()}
    new = {
        one.relative_to(EXAMPLE)
        for one in EXAMPLE.rglob("*")
        if one.is_file() and before not in one.parents
    }
    kept = {one for one in new if "__pycache__" not in one.parts}
    assert kept == {one for one in old if "__pycache__" not in one.parts}
