"""The page of what grows names every table of the database, and every kind of item of the checkpoints."""

from __future__ import annotations

import re

import pytest

from lifeline.services.archiver.archived_places import PREFIX
from lifeline.services.query_api.reader_checkpoint import GIVEN_UP
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "mechanisms" / "growth.md").read_text()
MIGRATIONS = ROOT / "services" / "event_applier" / "migrations"
ROW = re.compile(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \| [^|]+ \|$", re.M)
CREATED = re.compile(r"^CREATE TABLE (\w+) \(", re.M)
FORGETS = re.compile(r"DELETE FROM (\w+)")


def tables() -> set[str]:
    """What the migrations create and do not drop."""
    found: set[str] = set()
    for path in sorted(MIGRATIONS.glob("*.sql")):
        if not path.name.endswith(".rollback.sql"):
            text = path.read_text()
            found |= set(CREATED.findall(text))
            found -= set(re.findall(r"^DROP TABLE (\w+)", text, re.M))
    return found


def test_every_table_has_its_row_and_no_row_is_left_over() -> None:
    rows = ROW.findall(PAGE.partition("## DynamoDB")[0])
    assert len(rows) == len(set(rows))
    assert set(rows) == tables()


def test_what_is_forgotten_says_so() -> None:
    """A row that names days, or its event, is one that a function of the migrations deletes, and no other."""
    text = "".join(path.read_text() for path in MIGRATIONS.glob("*.sql"))
    forgotten = set(FORGETS.findall(text)) - {"detached_partition"}
    bounded = {
        line.split("`")[1]
        for line in PAGE.splitlines()
        if line.startswith("| `") and re.search(r"\d+ days|the day of its event", line)
    }
    assert bounded - {PREFIX} == forgotten


@pytest.mark.parametrize("name", [PREFIX, GIVEN_UP])
def test_the_items_of_the_checkpoints_are_named(name: str) -> None:
    assert f"| `{name}` | `log-checkpoints` |" in PAGE
