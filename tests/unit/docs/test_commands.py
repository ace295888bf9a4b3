"""Every command that a page tells somebody to run exists, with the options that it is given."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer.main

from lifeline.cli.__main__ import app
from tests.unit.docs.rule_citations import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CODE = re.compile(r"^ *```[^\n]*\n(?P<block>.*?)^ *```|`(?P<inline>[^`\n]+)`", re.M | re.S)
MAKE = re.compile(r"^ *make ([a-z-]+)([^\n#]*)", re.M)
VARIABLE = re.compile(r"(?:^| )([A-Z][A-Z_]+)=")
LIFELINE = re.compile(r"^ *(?:[\w.]+/)*lifeline( [^\n#]*)", re.M)
MAKEFILE = (ROOT / "Makefile").read_text()
CODES = [
    (str(page.relative_to(ROOT)), (match["block"] or match["inline"]).replace("\\\n", " "))
    for page in PAGES
    for match in CODE.finditer(page.read_text())
]
MADE = sorted({found for _, code in CODES for found in MAKE.findall(code)})
COMMANDS = sorted({(page, found) for page, code in CODES for found in LIFELINE.findall(code)})


def recipe(target: str) -> str:
    """The target's own lines, and those of no target: variables, and the files that `setup` makes."""
    return re.sub(rf"^(?!{target}:)[a-z-]+:.*\n(\t.*\n)*", "", MAKEFILE, flags=re.M)


def test_the_scan_finds_commands() -> None:
    assert {"drill", "test", "docs", "deploy", "images", "account"} <= {name for name, _ in MADE}
    assert any("activate --suffix" in words for _, words in COMMANDS)
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize(("name", "words"), MADE)
def test_a_target_of_make_exists_and_takes_what_it_is_given(name: str, words: str) -> None:
    assert re.search(rf"^{name}:", MAKEFILE, re.M)
    for variable in VARIABLE.findall(words):
        # Read by make, or exported and read by the shell.
        assert re.search(rf"\$\({variable}\)|\$\${variable}\b", recipe(name)), variable


@pytest.mark.parametrize(("page", "words"), COMMANDS)
def test_a_command_of_lifeline_exists_and_takes_its_options(page: str, words: str) -> None:
    command: Any = typer.main.get_command(app)
    rest = words.split()
    while rest and hasattr(command, "get_command") and re.fullmatch(r"[a-z][a-z-]*", rest[0]):
        found = command.get_command(typer.Context(command), rest.pop(0))
        assert found is not None, f"{page}: lifeline{words}"
        command = found
    known = {one for parameter in command.params for one in parameter.opts} | {"--help"}
    given = {one.partition("=")[0] for one in rest if one.startswith("--")}
    assert given <= known, f"{page}: lifeline{words}"
