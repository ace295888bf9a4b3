"""The runbooks' first page has a row for each alarm, rule and page subject: none missing, none too many."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from lifeline.lambdas.failover import pages
from lifeline.lambdas.failover.decision import Reason
from tests.conftest import Assembly
from tests.unit.docs.rule_citations import ROOT

FIRST = ROOT / "docs" / "runbooks" / "README.md"
SUFFIX = "-test"
TOPICS = {
    "page": (f":page{SUFFIX}", "AlertsCritical"),
    "notice": (f":notice{SUFFIX}", "AlertsWarning"),
}
"""A topic as its ARN is written out, or as another stack's export is named."""


def rows(header: str) -> list[list[str]]:
    """The cells of the table whose header begins so, names without their marks."""
    lines = iter(FIRST.read_text().splitlines())
    for line in lines:
        if line.startswith(f"| {header} |"):
            break
    next(lines)
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return found


def templates(*assemblies: Assembly) -> Iterator[dict[str, Any]]:
    for one in assemblies:
        for stack in one.stacks():
            yield from one.template(stack)["Resources"].values()


@pytest.fixture(scope="module", name="resources")
def _resources(dev: Assembly, request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Of dev, and of prod, which has what only it needs."""
    return list(templates(dev, request.getfixturevalue("assembly_of")("prod")))


def tells(targets: object) -> str:
    """page, notice, or - for nobody, from the topic that stands among the targets."""
    said = json.dumps(targets)
    return next((word for word, marks in TOPICS.items() if any(one in said for one in marks)), "-")


@pytest.mark.synth
def test_every_alarm_has_its_row_and_no_row_is_left_over(resources: list[dict[str, Any]]) -> None:
    made = {
        str(one["Properties"].get("AlarmName", "an alarm without a name")).removesuffix(
            SUFFIX
        ): tells(one["Properties"].get("AlarmActions"))
        for one in resources
        if one["Type"] in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    }
    # Its action starts a task; it tells nobody.
    assert {name: told for name, told, _page in rows("alarm")} == made


@pytest.mark.synth
def test_an_alarm_s_row_leads_to_the_runbook_that_the_alarm_names(
    resources: list[dict[str, Any]],
) -> None:
    named = {
        one["Properties"]["AlarmName"].removesuffix(SUFFIX): found[1]
        for one in resources
        if one["Type"] == "AWS::CloudWatch::Alarm"
        and (
            found := re.search(
                r"Runbook: docs/runbooks/(\S+)", one["Properties"]["AlarmDescription"]
            )
        )
    }
    assert len(named) > 40
    linked = {name: page.rpartition("](")[2].rstrip(")") for name, _told, page in rows("alarm")}
    assert {name: linked[name] for name in named} == named


@pytest.mark.synth
def test_every_rule_that_tells_somebody_has_its_row(resources: list[dict[str, Any]]) -> None:
    made = {
        one["Properties"]["Name"].removesuffix(SUFFIX): told
        for one in resources
        if one["Type"] == "AWS::Events::Rule"
        and (told := tells(one["Properties"].get("Targets"))) != "-"
    }
    assert {name: told for name, told, _page in rows("rule")} == made


def paging_reasons() -> set[str]:
    """Every word with which a decision pages: read from the code, where each stands beside `page=True`."""
    tree = ast.parse((ROOT / "lambdas" / "failover" / "decision.py").read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and any(
            one.arg == "page" and isinstance(one.value, ast.Constant) and one.value.value is True
            for one in node.keywords
        ):
            found |= {
                getattr(Reason, one.attr).value
                for one in node.args
                if isinstance(one, ast.Attribute) and hasattr(Reason, one.attr)
            }
    return found


def test_every_subject_of_a_page_has_its_row() -> None:
    assert len(paging_reasons()) > 8
    assert {subject for subject, _page in rows("subject ends with")} == {
        *pages.SUBJECTS,
        *paging_reasons(),
    }


def test_nobody_pages_but_with_a_subject_of_the_pages() -> None:
    """A page that is written elsewhere would have no row: each `.page(` gives a `Page` of `pages`."""
    calls = {
        f"{path.relative_to(ROOT)}: {ast.unparse(node)}"
        for path in (ROOT / "lambdas").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "page"
        and "pager" in ast.unparse(node.func)
    }
    assert len(calls) == 3
    assert all(re.search(r"\((page|told)\.subject, \1\.text\)", one) for one in calls), calls


def test_the_first_screen_begins_with_the_command_and_its_first_words() -> None:
    text = FIRST.read_text()
    assert text.index("lifeline status --suffix") < 250
    assert {word for word, *_more in rows("first word")} == {"YES", "PARTLY", "NO", "UNKNOWN"}


def test_the_page_of_a_lag_asks_first_whether_the_other_region_is_down() -> None:
    text = (ROOT / "docs" / "runbooks" / "replication-lag.md").read_text()
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert headings[0] == "Is the other region down?"


def test_every_page_of_an_alarm_says_first_whether_it_can_wait_and_whom_to_call() -> None:
    """Three readers on call found neither, in any of eight messages."""
    folder = FIRST.parent
    named = {
        cell.rpartition("](")[2].rstrip(")")
        for header in ("alarm", "rule")
        for _name, _told, cell in rows(header)
        if "](" in cell and cell.endswith(".md)")
    }
    who = set(re.findall(r"^\| \*([\w ]+)\* \|", (folder / "holds.md").read_text(), re.M))
    assert who == {"network", "database", "developers", "incident lead"}
    # Its rows say it, each for itself.
    pages = sorted(one for one in named - {"holds.md"} if "/" not in one)
    assert len(pages) >= 15
    for one in pages:
        first = (folder / one).read_text().partition("\n\n")[2].partition("\n\n")[0]
        assert first.startswith("**Until the morning?** "), one
        called = first.partition("**Call**")[2]
        assert called, one
        assert "holds.md#whom-do-i-call" in called, one
        assert set(re.findall(r"\*([\w ]+)\*", called)) & who, one
