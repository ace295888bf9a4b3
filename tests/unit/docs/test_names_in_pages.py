"""Every physical name that a page gives somebody to look up is made by a template."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.conftest import Assembly
from tests.unit.docs.rule_citations import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAME = re.compile(r"(?<![\w}…-])([a-z][a-z0-9]*(?:-[a-z0-9]+)*)-(?:\{suffix\}|\{sfx\}|\$SUFFIX)")
"""`keeper-{suffix}`; names with other parts in braces are left out."""

BY_SETTING = {
    "kafka-links": ROOT / "constructs" / "lifeline" / "streaming" / "private_links.py",
    "traffic-here": ROOT / "constructs" / "lifeline" / "application" / "api_domain.py",
}
"""What no profile makes by itself, and the construct that does when a setting asks for it."""


def names(page: Path) -> set[str]:
    """What the page calls by its physical name, without the suffix."""
    return set(NAME.findall(page.read_text()))


def test_what_only_a_setting_makes_is_in_its_construct() -> None:
    for name, construct in BY_SETTING.items():
        assert f'"{name}"' in construct.read_text()


@pytest.mark.synth
def test_a_name_in_a_page_is_a_name_of_a_resource(
    dev: Assembly, request: pytest.FixtureRequest
) -> None:
    assemblies = [dev, request.getfixturevalue("assembly_of")("prod")]
    templates = [json.dumps(one.template(stack)) for one in assemblies for stack in one.stacks()]
    # A stack's own name stands beside its template.
    templates += [(one.folder / "manifest.json").read_text() for one in assemblies]
    made = set(re.findall(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?=-test\b)", "\n".join(templates)))
    used = {name: page for page in PAGES for name in names(page)}
    assert len(used) > 10
    unknown = sorted(
        f"{page.relative_to(ROOT)}: {name}"
        for name, page in used.items()
        if name not in made | set(BY_SETTING)
    )
    assert not unknown
