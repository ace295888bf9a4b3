"""The tables of probes and observations: complete, distinct, and what the pages say."""

from __future__ import annotations

import re
from pathlib import Path

from lifeline.preflight.observations import OBSERVATIONS, When
from lifeline.preflight.probes import PROBES
from scripts import preflight_page

ROOT = Path(__file__).resolve().parents[3]


def test_every_probe_says_all_of_itself() -> None:
    for probe in PROBES:
        said = (probe.fact, probe.expects, probe.if_not, probe.mend, probe.source)
        assert all(said), probe.id
        assert probe.asks, probe.id
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", probe.id)


def test_ids_are_one_a_thing() -> None:
    ids = [*(one.id for one in PROBES), *(one.id for one in OBSERVATIONS)]
    assert len(ids) == len(set(ids))


def test_every_observation_says_where_to_look_and_when() -> None:
    for one in OBSERVATIONS:
        assert all((one.fact, one.look, one.if_not)), one.id
    assert {one.when for one in OBSERVATIONS} == set(When)


def test_the_page_of_deploying_holds_nothing_as_prose_alone() -> None:
    """What only a real account tells is a probe or a row of the table: the section is that table."""
    text = (ROOT / "docs" / "mechanisms" / "deploying.md").read_text()
    section = text.split("## What can only a real account tell?\n")[1].split("\n## ")[0]
    prose, _, rest = section.partition("<!-- make docs: first-drill -->\n")
    table, _, after = rest.partition("\n<!-- make docs: end -->")
    assert table == preflight_page.observations()
    assert (prose.count("\n\n"), after.strip()) == (1, "")


def test_the_probes_page_is_the_table() -> None:
    text = (ROOT / "docs" / "reference" / "preflight.md").read_text()
    assert text == preflight_page.page()
