"""Every relative link, anchor and picture in README.md and docs/ leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.docs.rule_citations import ROOT, cited_files

LINK = re.compile(r"\]\((?!\w+:)(?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
HEADING = re.compile(r"^#{1,6} (.+?)\s*$", re.M)
MENTION = re.compile(r"\bdocs/[\w./-]+\.(?:md|svg)\b")
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the page's headings."""
    found: set[str] = set()
    for heading in HEADING.findall(prose(page)):
        slug = anchor_of(heading)
        number = 0
        while (name := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(name)
    return found


def anchor_of(heading: str) -> str:
    """Link texts and code lose their marks; other punctuation goes; spaces become hyphens."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def links(page: Path) -> Iterator[str]:
    yield from (match["target"] for match in LINK.finditer(prose(page)))


def broken(page: Path) -> list[str]:
    found = []
    for target in links(page):
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        no_anchor = anchor and path.suffix == ".md" and path.is_file()
        if not path.exists() or (no_anchor and anchor not in anchors(path)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert not broken(page)


def test_the_scan_finds_links_pictures_and_anchors() -> None:
    found = [target for page in PAGES for target in links(page)]
    assert len(found) > 60
    assert any("#" in target for target in found)
    assert any(target.endswith(".svg") for target in found)


def test_a_link_to_nothing_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# What is `it`?\n\n[a](#what-is-it) [b](#no) [c](no.md) [d](page.md#what-is-it) "
        "[e](https://example.org)\n\n```\n[f](no.md)\n```\n"
    )
    assert broken(page) == ["#no", "no.md"]


def test_every_page_that_somebody_names_exists() -> None:
    """Alarms, docstrings and pages name runbooks and mechanisms by their path."""
    missing = sorted(
        f"{path.relative_to(ROOT)}: {name}"
        for path in cited_files()
        for name in MENTION.findall(path.read_text())
        if not (ROOT / name).is_file()
    )
    assert not missing


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, open_pages = set(), [ROOT / "README.md"]
    while open_pages:
        page = open_pages.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in links(page):
            path = (page.parent / target.partition("#")[0]).resolve()
            if path.is_dir():
                open_pages += path.glob("*.md")
            elif path.suffix == ".md" and path.is_file():
                open_pages.append(path)
    lost = [str(page.relative_to(ROOT)) for page in PAGES if page not in reached]
    assert not lost, "nobody who starts at the README finds these"
