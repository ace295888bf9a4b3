"""`make mutants`: it finds what no test notices, and changes no file."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.mutants import __main__ as command
from scripts.mutants import areas, mutant, runs
from scripts.mutants.areas import AREAS, ROOT, Area, chosen
from scripts.mutants.mutant import Mutant, Result
from scripts.mutants.report import report, show
from scripts.mutants.runs import SeenTest

FAILOVER = AREAS[0]
LISTED: dict[str, Any] = {
    "line": 3,
    "first": 3,
    "last": 3,
    "function": [2, 4],
    "start": 4,
    "end": 5,
    "text": "<=",
}


def test_an_area_is_chosen_by_its_name_or_a_files() -> None:
    assert list(chosen([])) == list(AREAS)
    assert chosen(["decision"]) == {FAILOVER: ["lambdas/failover/decision.py"]}
    assert len(chosen(["failover"])[FAILOVER]) > 30
    with pytest.raises(ValueError, match="areas: failover, keeper"):
        chosen(["nothing"])


def test_every_area_has_sources_and_tests() -> None:
    for area in AREAS:
        assert area.files(), area.name
        assert all((ROOT / place).exists() for place in area.tests), area.name
        assert area.wanted >= (90 if area is FAILOVER else 80)


def seen(name: str, seconds: float, *lines: int) -> SeenTest:
    return SeenTest(name, seconds, True, {"a.py": frozenset(lines)})


def test_of_a_mutant_the_tests_run_that_reach_it_the_quickest_first() -> None:
    one = Mutant("k", "a.py", 3, 3, 4, (1, 9), 0, 0, "")
    tests = [seen("slow", 2.0, 4), seen("quick", 0.1, 3), seen("elsewhere", 0.1, 5)]
    assert mutant.tests_for(one, tests) == (["quick", "slow"], 2.1)
    # A long test is not looked at to its end: then whatever runs the function.
    assert mutant.tests_for(one, tests[2:]) == (["elsewhere"], 0.1)
    assert mutant.tests_for(one, [seen("other", 0.1, 10)]) == ([], 0.0)
    assert mutant.tests_for(one, [seen("first", 90.0, 3), seen("second", 91.0, 3)]) == (
        ["first"],
        90.0,
    )


def test_a_mutants_key_is_of_the_files_text(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(mutant, "ROOT", tmp_path)
    (tmp_path / "a.py").write_text("a < b\nc")
    (first,) = mutant.listed({"a.py": [LISTED]})
    (tmp_path / "a.py").write_text("a < d\nc")
    (second,) = mutant.listed({"a.py": [LISTED]})
    assert first.key != second.key
    changed = Mutant("k", "a.py", 1, 1, 1, (1, 1), 2, 3, "<=")
    assert changed.applied("a < b\nc") == "a <= b\nc"
    assert changed.shown("a < b\nc") == ("a < b", "a <= b")


def test_a_sample_is_the_same_for_the_same_seed() -> None:
    every = [Mutant(str(number), "a.py", 1, 1, 1, (1, 1), 0, 0, "") for number in range(100)]
    first = command.sample(every, 10, "1-failover")
    assert first == command.sample(every, 10, "1-failover") != command.sample(every, 10, "2")
    assert first == sorted(first, key=lambda one: int(one.key))
    assert command.sample(every, 1_000, "1") == every


def result(outcome: str, key: str = "k", digest: str = "d") -> Result:
    return Result(key, digest, "a.py", 3, "a < b", "a <= b", outcome, 2)


def test_the_report_and_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    area = Area("small", 80, (), ())
    outcomes = ["killed"] * 7 + ["timeout", "survived", "survived"]
    found = report({area: [result(one) for one in outcomes]})
    assert found["small"] | {"survivors": []} == {
        "mutants": 10,
        "killed": 7,
        "survived": 2,
        "timeout": 1,
        "score": 80.0,
        "wanted": 80,
        "survivors": [],
    }
    assert found["small"]["survivors"][0] == {
        "place": "a.py:3",
        "was": "a < b",
        "becomes": "a <= b",
        "tests": 2,
    }
    assert show(found) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("PASS")
    assert show(report({area: [result(one) for one in outcomes[1:]]}), 9) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        "FAIL: too few mutants were noticed in a sample of 9 an area: small 77.8 % (80 % wanted)"
    )


@pytest.mark.parametrize(("arguments", "sampled"), [([], True), (["ARGS=-k holes"], False)])
def test_the_soak_runs_a_sample_of_every_area(arguments: list[str], sampled: bool) -> None:
    """And fails with it. Who chooses tests wants these alone."""
    words = ["make", "--no-print-directory", "-n", "soak", "PYTHON=python3", *arguments]
    # The tests may run under a make that was given ARGS itself.
    env = {"PATH": os.environ["PATH"]}
    said = subprocess.run(
        words, cwd=ROOT, env=env, check=True, capture_output=True, text=True
    ).stdout
    last = said.strip().splitlines()[-1]
    assert ("-m pytest -m soak" in said, "-m scripts.mutants" in last) == (True, sampled)
    if sampled:
        given = last.partition("-m scripts.mutants ")[2].split()
        assert (given[0], given[2]) == ("--sample", "--seed")
        assert int(given[1]) >= 50, "of each area, whatever its percentage"
        assert "--area" not in given
        assert "||" not in last


SOURCE = "def old(age: int) -> bool:\n    return age > 65\n"
TEST = "from aged import old\ndef test_old() -> None:\n    assert old(66) and not old(1)\n"
HANGS = SOURCE.replace("return", "while True: pass\n    return")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source and its test, in a place of their own."""
    for module in (areas, mutant, runs, command):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(command, "KEPT", tmp_path / "kept")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "aged.py").write_text(SOURCE)
    (tmp_path / "test_aged.py").write_text(TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = lab\n")
    return tmp_path


def test_a_run_notices_what_the_test_notices_and_changes_no_file(small: Path) -> None:
    (told,) = runs.seen(["aged.py"], ["test_aged.py"])
    assert told["passed"]
    assert told["lines"] == {"aged.py": [1, 2]}
    tests = [told["name"]]
    for text, expected in (
        (SOURCE, "survived"),
        (SOURCE.replace("e >", "e >="), "survived"),
        (SOURCE.replace("e >", "e <"), "killed"),
        (SOURCE.replace("return age", "return agee"), "killed"),
        (HANGS, "timeout"),
    ):
        seconds = 3.0 if expected == "timeout" else 60.0
        assert runs.outcome("aged.py", text, tests, seconds) == expected, text
    assert (small / "aged.py").read_text() == SOURCE
    with pytest.raises(RuntimeError, match="none of the tests"):
        runs.outcome("aged.py", SOURCE, ["test_aged.py::test_gone"], 60.0)


def test_what_a_tests_file_runs_at_its_import_counts_for_its_tests(small: Path) -> None:
    (small / "test_aged.py").write_text(
        "from aged import old\nOLD = old(66)\ndef test_old() -> None:\n    assert OLD\n"
    )
    (told,) = runs.seen(["aged.py"], ["test_aged.py"])
    assert 2 in told["lines"]["aged.py"]
    changed = SOURCE.replace("e >", "e <")
    assert runs.outcome("aged.py", changed, [told["name"]], 60.0) == "killed"


def test_a_run_goes_on_where_it_was_ended(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    area = Area("small", 80, ("aged.py",), ("test_aged.py",))
    at = SOURCE.index("> 65")
    mutants = mutant.listed(
        {
            "aged.py": [
                LISTED | {"line": 2, "first": 2, "last": 2, "start": at, "end": at + 1, "text": to}
                for to in ("<", ">=")
            ]
        }
    )
    assert [one.outcome for one in command.run(area, mutants[:1], False)] == ["killed"]
    with (small / "kept" / "small.jsonl").open("a") as file:
        file.write('{"key": "half a li\n')
    ran: list[str] = []
    true_run = runs.outcome

    def counted(path: str, source: str, tests: list[str], seconds: float) -> str:
        ran.append(path)
        return true_run(path, source, tests, seconds)

    monkeypatch.setattr(runs, "outcome", counted)
    found = command.run(area, mutants, False)
    assert [one.outcome for one in found] == ["killed", "survived"]
    assert (found[1].was, found[1].becomes) == ("return age > 65", "return age >= 65")
    assert len(ran) == 1
    # A test more: what was noticed stays noticed, the survivor runs again.
    (small / "test_aged.py").write_text(TEST + "def test_65() -> None:\n    assert not old(65)\n")
    assert [one.outcome for one in command.run(area, mutants, True)] == ["killed", "killed"]
    assert len(ran) == 2


@pytest.mark.parametrize("second", ["survived", "killed", "timeout"])
def test_what_seems_never_to_end_is_run_once_more_for_longer(
    small: Path, monkeypatch: pytest.MonkeyPatch, second: str
) -> None:
    """A machine that is busy with something else must not make a survivor count as noticed."""
    allowed: list[float] = []
    said = ["timeout", second]

    def outcome(path: str, source: str, tests: list[str], seconds: float) -> str:
        allowed.append(seconds)
        return said.pop(0)

    monkeypatch.setattr(runs, "outcome", outcome)
    area = Area("small", 80, ("aged.py",), ("test_aged.py",))
    (found,) = command.run(area, [Mutant("k", "aged.py", 2, 2, 2, (1, 2), 0, 0, "")], False)
    assert (found.outcome, said) == (second, [])
    assert allowed[1] == command.LONGER * allowed[0]


def test_a_test_that_fails_without_a_mutant_ends_the_run(small: Path) -> None:
    (small / "test_aged.py").write_text(TEST.replace("66", "6"))
    area = Area("small", 80, ("aged.py",), ("test_aged.py",))
    with pytest.raises(SystemExit, match="fail without a mutant"):
        command.run(area, [Mutant("k", "aged.py", 2, 2, 2, (1, 2), 0, 0, "")], False)


def test_a_list_is_kept_until_the_file_changes(small: Path, monkeypatch: Any) -> None:
    called: list[list[Any]] = []

    def run(words: list[Any], **_: Any) -> SimpleNamespace:
        called.append(words)
        return SimpleNamespace(stdout=json.dumps({"aged.py": [LISTED]}))

    monkeypatch.setattr(subprocess, "run", run)
    for _ in range(2):
        assert command._listing(["aged.py"]) == {"aged.py": [LISTED]}
    assert called == [[command.LISTING_PYTHON, command.LISTING, "aged.py"]]
    (small / "aged.py").write_text(SOURCE + "\n")
    command._listing(["aged.py"])
    assert len(called) == 2


@pytest.mark.skipif(not command.LISTING_PYTHON.exists(), reason="made by `make mutants`")
def test_the_list_has_mutmuts_changes_and_ours_and_each_is_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "KEPT", tmp_path / "kept")
    source = tmp_path / "one.py"
    source.write_text(
        "LIMIT = 3\n\n\nclass One:\n    @property\n    def large(self) -> bool:\n"
        "        if self.size > LIMIT:\n            self.tell('large')\n"
        "            raise ValueError('for a person')\n        match self.size:\n            case 1:\n"
        "                return True\n        return False\n"
    )
    text = source.read_text()
    (found,) = command._listing([str(source)]).values()
    made = {text[: one["start"]] + one["text"] + text[one["end"] :] for one in found}  # type: ignore[index, operator]
    for changed in made:
        compile(changed, "one.py", "exec")
    for was, becomes in (
        ("if self.size > LIMIT", "if self.size >= LIMIT"),
        ("if self.size > LIMIT", "if not (self.size > LIMIT)"),
        ("if self.size > LIMIT", "if False"),
        ("self.tell('large')", "pass"),
        ("self.tell('large')", "self.tell('XXlargeXX')"),
        ("return False", "return True"),
    ):
        assert text.replace(was, becomes) in made, becomes
    assert not any("XXfor a person" in one or "LIMIT = 4" in one for one in made)
