"""Who cites a rule of the protocol, and what docs/mechanisms/rules.md says of it."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "docs" / "mechanisms" / "rules.md"

FOLDERS = (
    *("bench", "constructs", "docs", "drill", "holes", "lab", "lambdas"),
    *("schemas", "scripts", "services", "stacks", "tests"),
)
SUFFIXES = frozenset({".md", ".py", ".sql", ".vtl", ".sh", ".properties", ".java", ".j2"})
EXCLUDED = (
    RULES,
    ROOT / "docs" / "compliance" / "nag-report.md",  # codes of rule packs, not ours
    ROOT / "tests" / "snapshot" / "templates",
    Path(__file__).parent,  # codes as examples
)

CODE = re.compile(r"\b([A-E])([1-9]\d?)(?:-([A-E])([1-9]\d?))?\b(?![.:/]\d)")
"""`A13`, or a range of one letter: `A1-A15`. No leading zero: a colour such as `C00` is no rule."""

HEADING = re.compile(r"^### ([A-E][1-9]\d?) - (\S.*)$", re.M)
STATE = re.compile(r"^State: \*\*(built|partly|not built yet)\*\*\.(.*)$", re.M)


@dataclass(frozen=True)
class Rule:
    """One section of rules.md: `text` is all between its heading and the next."""

    code: str
    title: str
    text: str

    @property
    def states(self) -> list[tuple[str, str]]:
        """Each state line: the state and what follows it on the line."""
        return [(found[1], found[2].strip()) for found in STATE.finditer(self.text)]


@dataclass(frozen=True)
class Citation:
    """One code in one file. `passage` is the comment, the docstring or the paragraph around it."""

    code: str
    path: Path
    passage: str


def rules() -> list[Rule]:
    """Every rule of rules.md, in the page's order."""
    page = RULES.read_text()
    found = list(HEADING.finditer(page))
    ends = [*(match.start() for match in found), len(page)][1:]
    return [
        Rule(match[1], match[2], re.split(r"^## ", page[match.end() : end], flags=re.M)[0])
        for match, end in zip(found, ends, strict=True)
    ]


def codes_in(text: str) -> Iterator[str]:
    """Every code that `text` names; a range names each code in it."""
    for match in CODE.finditer(text):
        letter, first, last_letter, last = match.groups()
        final = int(last) if last_letter == letter else int(first)
        for number in range(int(first), final + 1):
            yield f"{letter}{number}"
        if last_letter not in (None, letter):
            yield f"{last_letter}{last}"


def cited_files() -> list[Path]:
    """Every file that may cite a rule; a linked folder is read once, where it is."""
    found = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "Makefile", ROOT / "app.py"]
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            linked = any(parent.is_symlink() for parent in (path, *path.parents))
            excluded = any(path == one or one in path.parents for one in EXCLUDED)
            if path.suffix in SUFFIXES and path.is_file() and not linked and not excluded:
                found.append(path)
    return found


def passages(path: Path) -> Iterator[str]:
    """Comments and strings of Python; paragraphs of everything else, each below its heading."""
    if path.suffix == ".py":
        yield from _python_passages(path)
        return
    heading = ""
    for paragraph in re.split(r"\n\s*\n", path.read_text()):
        title = re.match(r"#+ (.*)", paragraph)
        if title and path.suffix == ".md":
            heading = title[1]
        yield f"{heading}\n{paragraph}"


def _python_passages(path: Path) -> Iterator[str]:
    comment: list[str] = []
    with tokenize.open(path) as source:
        for token in tokenize.generate_tokens(source.readline):
            if token.type == tokenize.COMMENT:
                comment.append(token.string)
                continue
            if token.type in (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
                continue
            if comment:
                yield "\n".join(comment)
                comment = []
            if token.type == tokenize.STRING:
                yield token.string


def citations() -> list[Citation]:
    """Every citation of a rule outside rules.md."""
    return [
        Citation(code, path.relative_to(ROOT), passage)
        for path in cited_files()
        for passage in passages(path)
        for code in codes_in(passage)
    ]
