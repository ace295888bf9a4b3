"""The command line as a whole: what it loads, what it lists, what it says of itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from lifeline.cli import checkout
from lifeline.cli.__main__ import app, main

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "docs" / "reference" / "cli.md"
AWS = {"boto3", "botocore"}
CDK = {"aws_cdk", "constructs", "jsii"}
DRILL = {"drill", "lab"}
LOADED = """
import json, sys
from lifeline.cli.__main__ import main
sys.stdout = sys.stderr
code = main(sys.argv[1:])
print(json.dumps([code, sorted({name.split(".")[0] for name in sys.modules})]), file=sys.__stdout__)
"""


def loaded(*arguments: str, **environment: str) -> tuple[int, set[str]]:
    """The exit code of a command in a fresh interpreter, and the packages that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    code, names = json.loads(done.stdout.splitlines()[-1])
    return code, set(names)


@pytest.mark.parametrize(
    "arguments",
    [
        ("version",),
        ("explain", "lease-moves"),
        ("authority", "--help"),
        ("authority", "pause", "--help"),
        ("evidence", "check", "no-such-folder"),
    ],
)
def test_what_asks_nothing_of_aws_loads_no_client(arguments: tuple[str, ...]) -> None:
    code, names = loaded(*arguments)
    assert code == (2 if "no-such-folder" in arguments else 0)
    assert names.isdisjoint(AWS | CDK | DRILL)


@pytest.mark.parametrize(
    "arguments",
    [("authority", "show", "--watch", "0"), ("smoke-check", "--wait", "0")],
)
def test_what_asks_aws_loads_its_client_and_no_construct(arguments: tuple[str, ...]) -> None:
    code, names = loaded(
        *arguments,
        SUFFIX="t",
        AWS_ENDPOINT_URL="http://127.0.0.1:1",
        AWS_ACCESS_KEY_ID="testing",
        AWS_SECRET_ACCESS_KEY="testing",
        AWS_MAX_ATTEMPTS="1",
    )
    assert code == 1
    assert names >= AWS
    assert names.isdisjoint(CDK | DRILL)


def test_the_drills_are_listed_without_loading_the_lab() -> None:
    code, names = loaded("drill", "list")
    assert code == 0
    assert "drill" in names
    assert names.isdisjoint(CDK | {"lab"})


def test_drill_is_a_command_where_there_is_a_checkout_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["drill", "list", "--json"]) == 0
    assert "region-loss" in json.loads(capsys.readouterr().out)["scenarios"]
    monkeypatch.chdir(tmp_path)
    assert main(["drill", "list"]) == 0, "the package is linked from a checkout"
    monkeypatch.setattr(checkout, "HERE", tmp_path / "checkout.py")
    assert main(["drill", "list"]) == 2
    assert "No such command 'drill'" in capsys.readouterr().err
    assert main(["--help"]) == 0
    assert "drill" not in re.findall(r"^│ (\w+) ", capsys.readouterr().out, re.MULTILINE)
    monkeypatch.chdir(ROOT)
    assert main(["drill", "list"]) == 0, "the current directory is one"


def test_a_folder_that_only_looks_like_a_checkout_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "drill").mkdir()
    (tmp_path / "drill" / "__main__.py").write_text("raise SystemExit('run')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])
    assert main(["drill", "list"]) == 1
    assert "which is not in the checkout" in capsys.readouterr().err


def commands(group: Any = None, name: str = "lifeline") -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its full name."""
    command = typer.main.get_command(app) if group is None else group
    if not isinstance(command, TyperGroup):
        yield name, command
        return
    context = typer.Context(command)
    for one in command.list_commands(context):
        yield from commands(command.get_command(context, one), f"{name} {one}")


def options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts if name[:2] == "--"}


def test_every_command_and_every_option_stands_in_the_reference() -> None:
    text = REFERENCE.read_text()
    sections = dict(re.findall(r"^### `(lifeline [^`]+)`\n(.*?)(?=^##|\Z)", text, re.M | re.S))
    known = dict(commands())
    assert set(sections) == set(known)
    shared = {"--suffix", "--home", "--recovery", "--witness", "--json", "--dry-run", "--help"}
    assert all(f"`{one}`" in text.split("## Commands")[0] for one in shared)
    for name, command in known.items():
        missing = {one for one in options(command) - shared if f"`{one}" not in sections[name]}
        assert not missing, (name, missing)
        named = set(re.findall(r"`(--[a-z-]+)", sections[name]))
        assert named <= options(command), name


def test_every_help_page_names_the_exit_codes() -> None:
    without = [name for name, command in commands() if "Exit codes: " not in (command.epilog or "")]
    assert without == []


CHANGING = {
    "lifeline activate",
    "lifeline migrate",
    "lifeline release",
    "lifeline authority takeover",
    "lifeline authority init",
    "lifeline authority pause",
    "lifeline authority resume",
    "lifeline authority approve",
    "lifeline authority abort",
    "lifeline authority hand-over",
    "lifeline log repair",
    "lifeline evidence publish",
    "lifeline drill aws",
    "lifeline drill heal",
}
"""The commands that write to AWS. A drill's run in the lab writes to the local disk only."""


def test_what_changes_something_has_a_dry_run_and_every_answer_is_json_too() -> None:
    own = {name: options(command) for name, command in commands()}
    assert {name for name, had in own.items() if "--dry-run" in had} == CHANGING
    spoken = {name for name, had in own.items() if "--json" not in had}
    # check-events answers in lines of JSON always.
    drills = {f"lifeline drill {name}" for name in ("run", "losses", "check", "aws", "heal")}
    assert spoken == {*drills, "lifeline check-events"}


def test_the_json_keys_in_the_reference_are_those_that_are_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = REFERENCE.read_text()
    for arguments in (["version"], ["explain", "lease-moves"], ["drill", "list"]):
        assert main([*arguments, "--json"]) == 0
        name = " ".join(arguments[:1] if arguments[0] != "drill" else arguments)
        section = text.split(f"### `lifeline {name}`")[1].split("\n### ")[0]
        for key in json.loads(capsys.readouterr().out):
            assert f"`{key}`" in section or key == "command", (name, key)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_offered(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lifeline.cli", "--show-completion", shell],
        cwd=ROOT,
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "_LIFELINE_COMPLETE" in done.stdout


def test_words_of_the_handbook_are_completed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lifeline.cli"],
        cwd=ROOT,
        env={
            **os.environ,
            "_LIFELINE_COMPLETE": "complete_bash",
            "COMP_WORDS": "lifeline explain lease-m",
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "lease-moves" in done.stdout.split()


NAMED = re.compile(r"(?:\.venv/bin/|`|^\s*)lifeline((?: [a-z][a-z-]*)+)([^`\n]*)", re.MULTILINE)


def named_in(path: Path) -> list[tuple[str, str]]:
    """The commands that a text names, with what follows them."""
    return [(match[1].strip(), match[2]) for match in NAMED.finditer(path.read_text())]


def test_every_command_that_a_page_names_exists() -> None:
    known = dict(commands())
    groups = {name.rsplit(" ", 1)[0] for name in known}
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    steps = (ROOT / "constructs" / "lifeline" / "failover" / "drill_steps").glob("*.sh")
    seen = 0
    for path in [*pages, *steps]:
        for words, rest in named_in(path):
            tried = [" ".join(["lifeline", *words.split()[:count]]) for count in (1, 2)]
            name = next((one for one in tried if one in known), None)
            assert name or tried[0] in groups, f"{path}: lifeline {words}"
            if name:
                seen += 1
                given = set(re.findall(r"(--[a-z][a-z-]*)", rest))
                assert given <= options(known[name]), f"{path}: {name} has no {given}"
    assert seen > 20


def test_an_environment_inside_a_checkout_is_not_linked_from_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A wheel installed in the checkout's own .venv must not run that checkout's drill with its own code."""
    (tmp_path / "drill").mkdir()
    (tmp_path / "drill" / "__main__.py").touch()
    (tmp_path / "lab").mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    installed = tmp_path / ".venv" / "lib" / "site-packages" / "lifeline" / "cli" / "checkout.py"
    monkeypatch.setattr(checkout, "HERE", installed)
    assert checkout.find_checkout() is None
    linked = tmp_path / "constructs" / "lifeline" / "cli" / "checkout.py"
    monkeypatch.setattr(checkout, "HERE", linked)
    assert checkout.find_checkout() == tmp_path
