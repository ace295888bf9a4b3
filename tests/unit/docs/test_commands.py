"""Every command that a page tells somebody to run exists."""

from __future__ import annotations

import re

import pytest

from lifeline.cli.__main__ import main
from tests.unit.docs.rule_citations import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CODE = re.compile(r"^ *```[^\n]*\n(?P<block>.*?)^ *```|`(?P<inline>[^`\n]+)`", re.M | re.S)
MAKE = re.compile(r"^ *make ([a-z]+)", re.M)
LIFELINE = re.compile(r"^ *(?:[\w.]+/)*lifeline ([a-z]+) ([a-z]+)", re.M)
CODES = [
    match["block"] or match["inline"] for page in PAGES for match in CODE.finditer(page.read_text())
]
TARGETS = sorted({name for code in CODES for name in MAKE.findall(code)})
COMMANDS = sorted({found for code in CODES for found in LIFELINE.findall(code)})


def test_the_scan_finds_commands() -> None:
    assert {"drill", "test", "docs", "deploy"} <= set(TARGETS)
    assert len(COMMANDS) >= 3


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_of_make_exists(name: str) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    assert name in targets


@pytest.mark.parametrize(("group", "command"), COMMANDS)
def test_a_command_of_lifeline_exists(
    group: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code: object
    try:
        code = main([group, command, "--help"])
    except SystemExit as ended:
        code = ended.code
    assert code == 0
    assert command in capsys.readouterr().out
