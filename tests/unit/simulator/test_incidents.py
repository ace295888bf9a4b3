"""Published incidents: what went wrong there, done to the deployed code (docs/mechanisms/incidents.md)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulator.incidents import INCIDENTS
from simulator.places import REGIONS
from simulator.run import Finding

PAGE = Path(__file__).resolve().parents[3] / "docs" / "mechanisms" / "incidents.md"


def served(finding: Finding) -> tuple[tuple[str, int], ...]:
    """Who served and at which epoch, in order, without repeats."""
    said = [
        (line.who, int(line.what.rpartition(" ")[2]))
        for line in finding.lines
        if line.who in REGIONS and line.what.startswith("serves at epoch")
    ]
    return tuple(dict.fromkeys(said))


@pytest.mark.parametrize("name", INCIDENTS)
def test_an_incident_ends_here_as_its_row_says(name: str) -> None:
    incident = INCIDENTS[name]
    found = incident.run()
    assert found.well, found.faulty
    assert served(found) == incident.served
    told = {line.what.split()[-1] for line in found.lines if line.who.startswith("page from")}
    assert set(incident.told) <= told


def test_the_page_has_a_row_for_each_with_its_source() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| \[[^]]+\]\((\S+)\)", PAGE.read_text(), re.M))
    assert rows == {name: one.source for name, one in INCIDENTS.items()}
