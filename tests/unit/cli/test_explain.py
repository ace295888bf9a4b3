"""`lifeline explain`: every word that a page at night may carry is explained, offline."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lifeline.cli import handbook
from lifeline.cli.__main__ import main
from lifeline.lambdas.failover.decision import Reason
from lifeline.lambdas.failover.plan import PLAN

ROOT = Path(__file__).resolve().parents[3]
PAGE = """# How it moves

| word | means |
|---|---|
| `lease`, `lock` | Who may be active \\| at which epoch. |
| plain term | Said without code. |

## Rules
### A13 A region must be fit
`fit` is false for the loser.

It is restored on release.

### A14 Alone
- **release**: the step asks first,
  then gives up.

```
## no heading
| `no-row` | x |
|---|---|
```
"""
ALARM = """# Alarm: a copy is behind

Alarms `replication-lag-{store}` and `{cache,files}-service-lag` (page).

## Do
Look at `lag-meter`.
"""


def entries() -> list[handbook.Entry]:
    return [
        *handbook.entries_of(PAGE, "mechanisms/rules.md"),
        *handbook.entries_of(ALARM, "runbooks/lag.md"),
    ]


def reasons() -> set[str]:
    """Every reason that a decision can give."""
    return {reason.value for reason in Reason}


def alarms() -> set[str]:
    """Every alarm of a region; the construct makes the id in the template from the alarm's name."""
    folder = ROOT / "tests" / "snapshot" / "templates" / "dev"
    text = (folder / "Observability-cac1.txt").read_text()
    found = re.findall(r"^Alarms(\w+)[0-9A-F]{8} AWS::CloudWatch::Alarm\b", text, re.M)
    return {re.sub(r"(?<!^)([A-Z])", r"-\1", one).lower() for one in found}


def test_there_are_words_to_explain() -> None:
    assert len(reasons()) > 20
    assert len(alarms()) > 30


def test_every_reason_of_a_decision_stands_in_the_runbook() -> None:
    known = handbook.load()
    for reason in reasons():
        found = handbook.find(reason, known)
        assert any(entry.page == "runbooks/holds.md" for entry in found.entries), reason


def test_every_alarm_has_its_page_with_and_without_the_suffix() -> None:
    known = handbook.load()
    for alarm in alarms():
        for word in (alarm, f"{alarm}-prod"):
            found = handbook.find(word, known, suffix="prod")
            assert any(entry.page.startswith("runbooks/") for entry in found.entries), word


def test_every_word_of_the_glossary_is_explained() -> None:
    words = re.findall(r"^\*\*([^*]+)\*\*:", (ROOT / "docs" / "glossary.md").read_text(), re.M)
    assert len(words) > 40
    known = handbook.load()
    for word in words:
        found = handbook.find(word, known)
        assert any(entry.page == "glossary.md" for entry in found.entries), word


def test_an_alarm_leads_to_its_own_runbook_only() -> None:
    found = handbook.find("stream-late", handbook.load())
    assert [entry.page for entry in found.entries] == ["runbooks/bridge-behind.md"]


def test_every_step_of_the_plan_has_its_row() -> None:
    known = handbook.load()
    for step in (one.name for one in PLAN):
        found = handbook.find(step, known)
        assert any(entry.kind == "row" for entry in found.entries), step


@pytest.mark.parametrize(
    ("word", "kind", "said"),
    [
        ("LEASE", "row", "Who may be active | at which epoch."),
        ("lock", "row", "Who may be active | at which epoch."),
        ("plain-term", "row", "Said without code."),
        ("a13", "section", "`fit` is false for the loser.\n\nIt is restored on release."),
        ("release", "definition", "- **release**: the step asks first,\n  then gives up."),
        ("replication-lag-files", "page", "Look at `lag-meter`."),
        ("cache-service-lag", "page", "Look at `lag-meter`."),
    ],
)
def test_a_word_is_found_where_it_is_explained(word: str, kind: str, said: str) -> None:
    (entry,) = handbook.find(word, entries()).entries
    assert entry.kind == kind
    assert said in entry.text or said in entry.cells.values()


@pytest.mark.parametrize("word", ["no-row", "lag-meter", "database-service-lag", "{store}", ""])
def test_a_word_that_is_only_mentioned_is_not_explained(word: str) -> None:
    assert handbook.find(word, entries()).entries == ()


def test_an_unknown_word_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "leese-moves"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("No page explains 'leese-moves'. Near it: lease-moves")


def test_the_row_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "lease-moves"]) == 0
    said = capsys.readouterr().out
    assert "docs/runbooks/holds.md" in said
    assert "The active renews. The normal word of the standby." in said


def test_json_has_the_cells_of_the_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "lease-moves", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["found"][0]["cells"]["reason"] == "`lease-moves`"
    assert found["nearest"] == []
    assert main(["explain", "leese-moves", "--json"]) == 1
    missed = json.loads(capsys.readouterr().out)
    assert (missed["found"], missed["nearest"][0]) == ([], "lease-moves")
