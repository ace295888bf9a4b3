"""A migration expands before it contracts: while a release is staged, the former one reads the same tables.

A contracting statement is refused, unless the file says in which release its expansion was:
`-- contracts after 0.3.0: 0004.new_column`, a release that the CHANGELOG dates and an earlier migration.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "services" / "event_applier" / "migrations"
MIGRATIONS = sorted(one for one in FOLDER.glob("*.sql") if not one.name.endswith(".rollback.sql"))
RELEASES = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
NOTE = re.compile(r"^-- contracts after (?P<release>\d+\.\d+\.\d+): (?P<expansion>[\w.-]+)$", re.M)
TEXTS = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|(\$\w*\$).*?\1", re.S)
"""Comments, and what a function's body or a literal says: it is not run by the migration."""
CONTRACTS = {
    "DROP": r"\bDROP\b(?! +NOT +NULL\b)",
    "TRUNCATE": r"\bTRUNCATE\b",
    "RENAME": r"\bRENAME\b",
    "ALTER TYPE": r"\bALTER\s+(?:COLUMN\s+)?\S+\s+(?:SET\s+DATA\s+)?TYPE\b",
    "SET NOT NULL": r"\bSET\s+NOT\s+NULL\b",
    "NOT NULL without a default": r"\bADD\s+(?:COLUMN\s+)?(?:IF\s+NOT\s+EXISTS\s+)?(?!CONSTRAINT\b)\S+\s+"
    r"(?:(?!\bDEFAULT\b|\bGENERATED\b)[^,;])*\bNOT\s+NULL\b(?!(?:(?!\bADD\b)[^,;])*\bDEFAULT\b)",
    "a new constraint": r"\bADD\s+(?:CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN)\b",
}


def contracting(text: str) -> list[str]:
    """What in the migration takes something from the release before."""
    run = TEXTS.sub(" ", text)
    found = [kind for kind, pattern in CONTRACTS.items() if re.search(pattern, run, re.I)]
    # A default set in the same migration lets the former release insert without the column.
    for column in re.findall(r"\bALTER\s+COLUMN\s+(\S+)\s+SET\s+NOT\s+NULL", run, re.I):
        if not re.search(rf"\bALTER\s+COLUMN\s+{re.escape(column)}\s+SET\s+DEFAULT\b", run, re.I):
            return found
    return [kind for kind in found if kind != "SET NOT NULL"]


def refusal(name: str, text: str, known: list[str], releases: list[str]) -> str | None:
    """Why this migration may not be released; None: it may."""
    found = contracting(text)
    if not found:
        return None
    note = NOTE.search(text)
    if note is None:
        return (
            f"{name} contracts ({', '.join(found)}); allowed is that only after its expansion was "
            "released: -- contracts after RELEASE: MIGRATION"
        )
    if note["release"] not in releases:
        return f"{name}: {note['release']} is not released; released are {', '.join(releases)}"
    if note["expansion"] not in [one for one in known if one < name]:
        return f"{name}: {note['expansion']} is no earlier migration"
    return None


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.stem)
def test_a_migration_takes_nothing_from_the_release_before(path: Path) -> None:
    known = [one.stem for one in MIGRATIONS]
    assert refusal(path.stem, path.read_text(), known, RELEASES) is None


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("ALTER TABLE event DROP COLUMN shard;", "DROP"),
        ("drop table if exists aggregate;", "DROP"),
        ("ALTER TABLE event RENAME COLUMN shard TO stripe;", "RENAME"),
        ("ALTER TABLE event RENAME TO events;", "RENAME"),
        ("ALTER TABLE event ALTER COLUMN version TYPE bigint;", "ALTER TYPE"),
        ("ALTER TABLE event ALTER version SET DATA TYPE bigint;", "ALTER TYPE"),
        ("ALTER TABLE event ALTER COLUMN topic SET NOT NULL;", "SET NOT NULL"),
        ("ALTER TABLE event ADD COLUMN ward text NOT NULL;", "NOT NULL without a default"),
        ("ALTER TABLE event ADD ward text NOT NULL, ADD x int DEFAULT 1;", "NOT NULL without"),
        ("ALTER TABLE event ADD CONSTRAINT few CHECK (version < 3);", "a new constraint"),
        ("TRUNCATE aggregate;", "TRUNCATE"),
        ("-- contracts after next year: 0001.authority\nDROP TABLE aggregate;", "DROP"),
    ],
)
def test_a_contracting_statement_is_refused(statement: str, kind: str) -> None:
    said = refusal("0009.new", statement, ["0001.authority"], ["0.1.0"])
    assert said is not None
    assert kind in said
    assert "only after its expansion was released" in said


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE event ADD COLUMN ward text;",
        "ALTER TABLE event ADD COLUMN ward text NOT NULL DEFAULT '';",
        "ALTER TABLE event ADD COLUMN ward text DEFAULT '' NOT NULL;",
        "ALTER TABLE event ALTER COLUMN topic DROP NOT NULL;",
        "CREATE TABLE ward (id text NOT NULL);",
        "-- DROP TABLE event\nCREATE INDEX a ON event (topic);",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DROP TABLE x $$;",
        "ALTER TABLE event ALTER COLUMN topic SET DEFAULT '', ALTER COLUMN topic SET NOT NULL;",
        "-- contracts after 0.1.0: 0001.authority\nDROP TABLE aggregate;",
    ],
)
def test_an_expanding_statement_passes(statement: str) -> None:
    assert refusal("0009.new", statement, ["0001.authority"], ["0.1.0"]) is None


def test_a_note_names_what_was_released() -> None:
    drop = "\nDROP TABLE aggregate;"
    future = refusal("0009.new", f"-- contracts after 9.9.9: 0001.a{drop}", ["0001.a"], ["0.1.0"])
    assert future == "0009.new: 9.9.9 is not released; released are 0.1.0"
    for other in ("0010.b", "0009.new"):
        said = refusal("0009.new", f"-- contracts after 0.1.0: {other}{drop}", [other], ["0.1.0"])
        assert said == f"0009.new: {other} is no earlier migration"
    assert RELEASES, "the CHANGELOG names a release"
