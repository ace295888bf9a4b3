"""Every built rule has a killer, or an argument why it cannot have one; the page shows them (E4)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from simulator.killers import rule_of, table
from simulator.mutants import MUTANTS, ROOT, Mutant, Unusable, killed, passes, text_of

PAGE = (ROOT / "docs" / "mechanisms" / "rules.md").read_text()
STATES = dict(re.findall(r"^### ([A-E]\d+) .*?^State: \*\*([a-z ]+)\*\*", PAGE, re.M | re.S))


def test_every_built_rule_has_a_killer_or_an_argument() -> None:
    assert len(STATES) > 70
    shown = {rule_of(rule) for rule, _, _ in table()}
    built = {rule for rule, state in STATES.items() if state != "not built yet"}
    assert built - shown == set()
    assert shown - built == set(), "of what is not built nothing can be switched off"


def test_the_page_shows_each_rules_killer() -> None:
    rows = re.findall(r"^\| ([A-E]\d+[a-z-]*) \| (.+?) \| (.+?) \|$", PAGE, re.M)
    unbuilt = [(rule, state, "-") for rule, state in STATES.items() if state == "not built yet"]
    assert rows == [*table(), *unbuilt]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.rule)
def test_a_mutants_text_and_test_are_there(mutant: Mutant) -> None:
    assert text_of(mutant) != (ROOT / mutant.file).read_text()
    file, *names = mutant.test.split("::")
    assert (ROOT / file).exists()
    # The last one is a function: of the module, or of the class that stands before it.
    for indent, name in enumerate(names):
        kind = "def" if name == names[-1] else "class"
        pattern = rf"^{'    ' * indent}{kind} {name}\b"
        assert re.search(pattern, (ROOT / file).read_text(), re.M), mutant.test


def test_a_row_whose_text_is_not_there_is_refused() -> None:
    with pytest.raises(Unusable, match=r"A3: lambdas/failover/lease.py has 'no such text' 0 times"):
        text_of(replace(MUTANTS[0], text="no such text"))


def test_a_mutant_is_killed_by_a_test_that_fails_and_by_no_other(tmp_path: Path) -> None:
    (tmp_path / "answer.py").write_text("ANSWER = 42\n")
    (tmp_path / "test_it.py").write_text(
        "from answer import ANSWER\n\ndef test_right():\n    assert ANSWER == 42\n\n"
        "def test_any():\n    assert ANSWER\n"
    )
    mutant = Mutant("E4", "answer.py", "42", "41", "test_it.py::test_right")
    assert killed(mutant, tmp_path)
    assert not killed(replace(mutant, test="test_it.py::test_any"), tmp_path)
    assert (tmp_path / "answer.py").read_text() == "ANSWER = 42\n"
    with pytest.raises(Unusable, match="was not run"):
        passes("test_it.py::test_no_such", tmp_path)
