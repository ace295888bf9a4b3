"""The documentation as a list of explained words: rows of tables, sections, definitions, alarms' pages.

Read from Markdown, so that a word's explanation is written once. Pure but for `load`. Needs no network.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
"""In a checkout a link to docs/; the wheel holds the files (docs/decisions/0012)."""

FOLDERS = ("runbooks", "", "mechanisms", "reference")
"""Where words are explained, best place first; "" is a page beside the folders, such as a glossary."""

LIST_OF_PAGES = "README.md"
"""It leads to the pages that explain, and explains nothing itself."""

HEADING = re.compile(r"(#{1,6})\s+(.*)")
CODE = re.compile(r"`([^`]+)`")
RULE = re.compile(r"\*{0,2}([A-Z]\d{1,2})\b")
ITEM = re.compile(r"[-*]\s+(?:\*\*([^*]+)\*\*|`([^`]+)`)")
TERM = re.compile(r"\*\*([^*]+)\*\*:")
"""A word of the glossary, at the start of its paragraph."""
CELL = re.compile(r"(?<!\\)\|(?=(?:[^`]*`[^`]*`)*[^`]*$)")
ONLY_CODE = re.compile(r"\s*`[^`]+`(?:\s*,\s*`[^`]+`)*\s*")
STARS = re.compile(r"[*`]+")


@dataclass(frozen=True)
class Entry:
    """An explanation. `names` may hold patterns: `{a,b}` is one of these, `{store}` is any word."""

    kind: str
    """row, section, definition or page"""
    names: tuple[str, ...]
    page: str
    """Its path under docs/, such as runbooks/holds.md."""
    heading: str
    text: str = ""
    cells: Mapping[str, str] = field(default_factory=dict)
    """Of a row: column → cell."""


@dataclass(frozen=True)
class Found:
    """`entries` explain the word; when there are none, `nearest` are words that look like it."""

    word: str
    entries: tuple[Entry, ...] = ()
    nearest: tuple[str, ...] = ()


def load(docs: Path = DOCS) -> list[Entry]:
    """Every entry of the documentation. Raises FileNotFoundError when there is none."""
    entries = [
        entry
        for folder in FOLDERS
        for path in sorted((docs / folder).glob("*.md"))
        if path.name != LIST_OF_PAGES
        for entry in entries_of(path.read_text(encoding="utf-8"), _page(docs, path))
    ]
    if not entries:
        raise FileNotFoundError(docs)
    return entries


def find(word: str, entries: Sequence[Entry], *, suffix: str = "") -> Found:
    """What explains `word`. Case, blanks, "-" and "_" do not matter.

    A name of AWS may end with the environment's `suffix`.
    """
    asked = _plain(word)
    for one in dict.fromkeys((asked, asked.removesuffix(f"-{suffix}") if suffix else asked)):
        exact = tuple(entry for entry in entries if one in map(_plain, entry.names))
        found = exact or tuple(
            entry for entry in entries if any(_matches(name, one) for name in entry.names)
        )
        if found:
            return Found(one, entries=found)
    known = {_plain(one): one for one in words(entries)}
    nearest = difflib.get_close_matches(asked, known, n=5, cutoff=0.6)
    return Found(asked, nearest=tuple(known[one] for one in nearest))


def words(entries: Iterable[Entry]) -> list[str]:
    """Every word that can be asked for, patterns of a choice written out."""
    return sorted(
        {
            STARS.sub("", one).strip()
            for entry in entries
            for name in entry.names
            for one in _written_out(name)
            if "{" not in one
        }
    )


def entries_of(text: str, page: str) -> Iterator[Entry]:
    """The entries of one page of Markdown."""
    lines = _without_fences(text.splitlines())
    title = next((match[2] for line in lines if (match := HEADING.match(line))), page)
    if title.casefold().startswith("alarm"):
        yield from _alarm_page(lines, page, title)
    glossary = "glossary" in page
    heading = title
    for number, line in enumerate(lines):
        if match := HEADING.match(line):
            heading = match[2]
            names = _names_of_heading(heading, whole=glossary and len(match[1]) > 1)
            if names and len(match[1]) > 1:
                body = _section(lines[number + 1 :], level=len(match[1]))
                yield Entry("section", names, page, STARS.sub("", heading), body)
        elif glossary and (match := TERM.match(line)):
            body = "\n".join([line, *_continuation(lines[number + 1 :])])
            yield Entry("definition", (match[1],), page, title, body)
        elif match := ITEM.match(line):
            body = "\n".join([line, *_continuation(lines[number + 1 :])])
            yield Entry("definition", (match[1] or match[2],), page, STARS.sub("", heading), body)
        elif line.startswith("|") and _is_rule(lines, number + 1):
            yield from _rows(lines[number:], page, STARS.sub("", heading))


def _alarm_page(lines: Sequence[str], page: str, title: str) -> Iterator[Entry]:
    """A page about alarms explains each name that stands before its first section."""
    body = list(lines[next(i for i, line in enumerate(lines) if HEADING.match(line)) + 1 :])
    intro = "\n".join(_section_lines(body, level=2))
    names = tuple(dict.fromkeys(CODE.findall(intro)))
    if names:
        yield Entry("page", names, page, title, "\n".join(body).strip())


def _names_of_heading(heading: str, *, whole: bool) -> tuple[str, ...]:
    names = CODE.findall(heading)
    if match := RULE.match(heading):
        names.append(match[1])
    if whole:
        names.append(STARS.sub("", heading))
    return tuple(names)


def _rows(lines: Sequence[str], page: str, heading: str) -> Iterator[Entry]:
    header = _cells(lines[0])
    column = 1 if header[0] in ("", "#") and len(header) > 1 else 0
    for line in lines[2:]:
        if not line.startswith("|"):
            return
        cells = _cells(line)
        named = cells[column] if column < len(cells) else ""
        names = CODE.findall(named) if ONLY_CODE.match(named) else []
        names = names or [STARS.sub("", one).strip() for one in named.split(",")]
        names = [one for one in names if one]
        if names:
            told = {key: cell for key, cell in zip(header, cells, strict=False) if key and cell}
            yield Entry("row", tuple(names), page, heading, cells=told)


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in CELL.split(line.strip().strip("|"))]


def _is_rule(lines: Sequence[str], number: int) -> bool:
    return number < len(lines) and re.fullmatch(r"\|[\s:|-]+\|?", lines[number]) is not None


def _section(lines: Sequence[str], *, level: int) -> str:
    return "\n".join(_section_lines(lines, level=level)).strip()


def _section_lines(lines: Sequence[str], *, level: int) -> Iterator[str]:
    for line in lines:
        if (match := HEADING.match(line)) and len(match[1]) <= level:
            return
        yield line


def _continuation(lines: Sequence[str]) -> Iterator[str]:
    """The lines that belong to a list item: indented ones."""
    for line in lines:
        if not line.startswith("  "):
            return
        yield line


def _without_fences(lines: Sequence[str]) -> list[str]:
    """Fenced code keeps its lines, indented: what stands in it is no heading and no table."""
    found, fenced = [], False
    for line in lines:
        if line.lstrip().startswith("```"):
            fenced = not fenced
            found.append("")
        else:
            found.append(f"    {line}" if fenced else line)
    return found


def _matches(name: str, word: str) -> bool:
    """Whether a pattern means the word. One that is all wildcard means nothing."""
    if "{" not in name or not re.search(r"[a-z]{3}", re.sub(r"\{[^}]*\}", "", name)):
        return False
    return any(
        re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[a-z0-9-]+", re.escape(_plain(one))), word)
        for one in _written_out(name)
    )


def _written_out(name: str) -> list[str]:
    """`{a,b}-c` as a-c and b-c; a lone `{store}` stays."""
    match = re.search(r"\{([^{}]*,[^{}]*)\}", name)
    if match is None:
        return [name]
    before, after = name[: match.start()], name[match.end() :]
    return [
        one for choice in match[1].split(",") for one in _written_out(f"{before}{choice}{after}")
    ]


def _plain(word: str) -> str:
    return STARS.sub("", word).strip().casefold().replace(" ", "-").replace("_", "-")


def _page(docs: Path, path: Path) -> str:
    return path.relative_to(docs).as_posix()
