"""Every example in docs/constructs/ runs as it stands, in a stack of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.constructs.conftest import MakeStack

PAGES = Path(__file__).parents[3] / "docs" / "constructs"
BLOCK = re.compile(r"^## (?P<heading>.+?)$|^```python\n(?P<code>.*?)^```$", re.M | re.S)
PREDEFINED = ("site", "stack", "keys", "network")


def examples() -> list[tuple[str, str]]:
    """Every python block with the page and the heading it stands under."""
    found = []
    for page in sorted(PAGES.glob("*.md")):
        heading = ""
        for match in BLOCK.finditer(page.read_text()):
            if match["heading"]:
                heading = match["heading"].strip()
            else:
                found.append((f"{page.stem}: {heading}", match["code"]))
    return found


EXAMPLES = examples()


def test_the_scan_finds_examples() -> None:
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize(("name", "code"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_runs(name: str, code: str, make_stack: MakeStack) -> None:
    made = make_stack(profile="staging")
    given = {"site": made.site, "stack": made.stack, "keys": made.keys}
    if "network" in code:
        given["network"] = made.network()
    exec(compile(code, name, "exec"), given)
    assert made.template().to_json()["Resources"]
