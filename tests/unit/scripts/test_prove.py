"""`make prove` as a command: its exit code, its sentences, its reports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lifeline.compliance.reach.rights import Ask
from scripts import iam_evaluator, prove
from tests.conftest import ROOT
from tests.unit.constructs.compliance.reach.small_world import HOME, Resources, region, world


def assembly(folder: Path, home: Resources | None = None) -> Path:
    """A small world as `cdk synth` would have written it."""
    artifacts: dict[str, Any] = {}
    for one in world(home).templates:
        (folder / f"{one.stack}.template.json").write_text(json.dumps(one.body))
        artifacts[one.stack] = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://unknown-account/{one.region}",
            "properties": {"templateFile": f"{one.stack}.template.json"},
        }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


def run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """The command on an assembly; reports beside it."""
    command = [sys.executable, "-m", "scripts.prove", "--assembly", str(folder)]
    return subprocess.run(
        [*command, "--out", str(folder / "reports"), *more],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def test_a_failure_is_a_sentence_an_exit_code_and_the_first_thing_on_the_page(
    tmp_path: Path,
) -> None:
    home = region(HOME)
    del home["FromClients"]
    done = run(assembly(tmp_path, home), "--profile", "small")
    assert done.returncode == 1, done.stderr
    sentence = f"keeper in {HOME} (Home.Keeper) calls the region's database in {HOME}: no ingress"
    assert sentence in done.stdout
    report = json.loads((tmp_path / "reports" / "small.json").read_text())
    assert any(one.startswith(sentence) for one in report["failures"])
    assert report["regions"]["home"] == HOME
    (failing,) = [one for one in report["calls"] if one["fails"]]
    assert failing["verdicts"]["normal"]["verdict"] == "FAILS"
    assert {one["region"] for one in report["static_stability"]} >= {"ca-west-1"}
    assert all(one["found_by"] or one["covered_by"] for one in report["removals"])
    page = (tmp_path / "reports" / "small.html").read_text()
    assert page.index("no ingress rule") < page.index("Who calls what?")
    assert page.index(f"keeper in {HOME}</b>") < page.index("keeper in ca-west-1</b>")


def test_nothing_is_removed_where_nobody_asks_for_it(tmp_path: Path) -> None:
    """The small world has calls that its two regions cannot spare: only their sentences are left."""
    done = run(assembly(tmp_path), "--no-removals")
    report = json.loads((tmp_path / "reports" / "dev.json").read_text())
    assert report["removals"] == []
    assert "0 removals" in done.stdout
    assert all("nothing needs the excuse" in one for one in report["failures"])


def test_help_says_what_it_proves() -> None:
    done = run(Path(), "--help")
    assert done.returncode == 0
    assert "every call has a route and a right" in " ".join(done.stdout.split())


def test_the_evaluator_says_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iam_evaluator, "PACKAGE", tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="none is missing; `make setup` installs it"):
        iam_evaluator.evaluate({}, [])


def ask(identity: tuple[str, ...], context: tuple[tuple[str, str], ...] = ()) -> Ask:
    """May the role publish."""
    role, topic = "arn:aws:iam::111122223333:role/one", "arn:aws:sns:ca-west-1:111122223333:page"
    return Ask(role, "sns:Publish", topic, context, identity, "", ())


def test_the_answers_stand_in_the_questions_order_and_name_the_statement() -> None:
    allow = {"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}
    other = {"Effect": "Allow", "Action": "sns:Subscribe", "Resource": "*"}
    documents = {
        "both": {"Version": "2012-10-17", "Statement": [other, allow]},
        "one": {"Version": "2012-10-17", "Statement": [other]},
    }
    asks = [ask(("one",)), ask(("both",)), ask(("one",))]
    said = iam_evaluator.evaluate(documents, asks)
    assert [one.allowed for one in said] == [False, True, False]
    assert said[1].by == (("both", 1),)


def test_a_policy_that_is_none_is_a_refusal_with_the_reason() -> None:
    broken = {"broken": {"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps"}]}}
    (said,) = iam_evaluator.evaluate(broken, [ask(("broken",))])
    assert not said.allowed
    assert "the evaluator refuses the policies" in said.reason


def test_groups_hold_every_removal_once() -> None:
    every = [str(number) for number in range(2 * prove.REMOVALS_AT_ONCE + 1)]
    assert [one for group in prove._groups(every) for one in group] == every
