"""Every word of our own has a sentence in docs/glossary.md, and a file where it is defined."""

from __future__ import annotations

import re

import pytest

from tests.unit.docs.rule_citations import ROOT, cited_files

GLOSSARY = ROOT / "docs" / "glossary.md"
ENTRY = re.compile(r"^\*\*(?P<term>[^*]+)\*\*: (?P<text>.+?)(?=\n\n|\Z)", re.M | re.S)
LINK = re.compile(r"\]\((?P<target>[^)#]+)(?:#[^)]*)?\)")
NEEDED = (
    *("accepted", "active region", "bridge", "epoch", "event applier", "failover plan", "home"),
    *("keeper", "lease", "marker", "point of no return", "probe", "query API", "receipt"),
    *("recovery region", "region state table", "safe", "standby", "veto", "watermark", "witness"),
)
ENTRIES = {match["term"]: match["text"] for match in ENTRY.finditer(GLOSSARY.read_text())}


def test_the_words_that_a_reader_meets_first_are_there() -> None:
    assert not set(NEEDED) - set(ENTRIES)


def test_terms_are_in_the_order_of_the_alphabet() -> None:
    assert list(ENTRIES) == sorted(ENTRIES, key=str.lower)


@pytest.mark.parametrize("term", ENTRIES)
def test_a_term_says_where_it_is_defined(term: str) -> None:
    targets = [match["target"] for match in LINK.finditer(ENTRIES[term])]
    assert targets, f"{term} has no link to where it is defined"
    missing = [one for one in targets if not (GLOSSARY.parent / one).exists()]
    assert not missing, f"{term} links to what does not exist"


@pytest.mark.parametrize("term", ENTRIES)
def test_a_term_is_used(term: str) -> None:
    """In code or in documents: an entry for a word that nobody uses any more goes."""
    words = re.compile(re.escape(term).replace(r"\ ", r"[\s_-]+"), re.I)
    used = (path for path in cited_files() if path != GLOSSARY and words.search(path.read_text()))
    assert next(used, None), f"nobody uses {term}"
