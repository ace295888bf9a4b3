"""Every rule that somebody cites stands in docs/mechanisms/rules.md, with its true state."""

from __future__ import annotations

import re

import pytest

from tests.unit.docs.rule_citations import (
    ROOT,
    Citation,
    Rule,
    citations,
    codes_in,
    rules,
)

RULES = rules()
SAYS_NOT_BUILT = re.compile(
    r"not built|not there yet|not in this release|still to come|planned", re.I
)
LAST = {"A": 22, "B": 27, "C": 10, "D": 12, "E": 5}


def test_the_page_has_every_rule_once_and_in_order() -> None:
    expected = [f"{letter}{n}" for letter, last in LAST.items() for n in range(1, last + 1)]
    assert [rule.code for rule in RULES] == expected


def test_the_scan_finds_citations_in_code_tests_and_documents() -> None:
    tops = {citation.path.parts[0] for citation in citations()}
    assert {"constructs", "docs", "drill", "lambdas", "services", "tests"} <= tops


def test_a_range_names_each_of_its_codes() -> None:
    assert list(codes_in("rules A1-A3 and B23; 1e0, 3E2, #C00, A4")) == [
        *("A1", "A2", "A3", "B23", "A4"),
    ]


def test_every_cited_rule_has_a_heading() -> None:
    known = {rule.code for rule in RULES}
    unknown = sorted({f"{one.path}: {one.code}" for one in citations() if one.code not in known})
    assert not unknown, "a code that docs/mechanisms/rules.md does not explain"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_says_why_and_in_which_state_it_is(rule: Rule) -> None:
    assert len(rule.states) == 1, f"{rule.code} needs exactly one line `State: **...**.`"
    state, shown = rule.states[0]
    assert re.search(r"^Why: \S", rule.text, re.M), f"{rule.code} does not say why"
    if state == "not built yet":
        assert re.search(r"\*\*\. \S", rule.text), f"{rule.code} does not say what is true today"
        return
    code = [one for one in _paths(shown) if not one.startswith("tests/")]
    tests = [one for one in _paths(shown) if one.startswith("tests/")]
    assert code, f"{rule.code} names no module"
    assert tests or (state == "partly" and "No test" in shown), f"{rule.code} names no test"
    if state == "partly":
        assert "Missing:" in shown, f"{rule.code} does not say what is missing"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_what_a_rule_names_exists(rule: Rule) -> None:
    for one in _paths(rule.text):
        name, _, test = one.partition("::")
        assert (ROOT / name).exists(), f"{rule.code} names {name}, which does not exist"
        if test:
            source = (ROOT / name).read_text()
            assert f"def {test}(" in source, f"{rule.code} names {test}, which {name} lacks"


def test_who_cites_a_rule_that_is_not_built_says_so() -> None:
    unbuilt = {rule.code for rule in RULES if rule.states[0][0] == "not built yet"}
    assert unbuilt
    promising = [one for one in citations() if one.code in unbuilt and not _says_so(one)]
    assert not promising, [f"{one.path}: {one.code}" for one in promising]


def _says_so(citation: Citation) -> bool:
    return SAYS_NOT_BUILT.search(citation.passage) is not None


def _paths(text: str) -> list[str]:
    return [one for one in re.findall(r"`([^`\s]+)`", text) if re.match(r"\w+/[\w./]+", one)]
