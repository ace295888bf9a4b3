"""A mutant: a piece of a file's text and what stands there instead; what became of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.mutants.areas import ROOT
from scripts.mutants.runs import SeenTest

SECONDS_OF_TESTS = 12.0
"""A mutant's tests, the quickest first, until they took so long; at least one."""


@dataclass(frozen=True)
class Mutant:
    """`first` and `last`: the lines of the statement that it stands in. `start`, `end`: of the text.

    `function`: the first and the last line of the function.
    """

    key: str
    file: str
    line: int
    first: int
    last: int
    function: tuple[int, int]
    start: int
    end: int
    text: str

    def applied(self, source: str) -> str:
        """The file's text with it."""
        return source[: self.start] + self.text + source[self.end :]

    def shown(self, source: str) -> tuple[str, str]:
        """The lines that it changes, as they are and as it makes them."""
        begin = source.rfind("\n", 0, self.start) + 1
        end = source.find("\n", self.end)
        end = len(source) if end < 0 else end
        changed = source[begin : self.start] + self.text + source[self.end : end]
        return " ".join(source[begin:end].split()), " ".join(changed.split())


@dataclass(frozen=True)
class Result:
    """`outcome`: killed, survived or timeout. `tests`: how many ran; 0 if none reaches the statement."""

    key: str
    tests_digest: str
    file: str
    line: int
    was: str
    becomes: str
    outcome: str
    tests: int


def listed(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Mutant]:
    """The mutants that `listing.py` printed, in the order of files and places.

    A key is of the file's text, too: when that changes, its mutants are others.
    """
    mutants = []
    for file in sorted(found):
        text = (ROOT / file).read_bytes()
        for one in found[file]:
            told = f"{file}:{one['start']}:{one['end']}:{one['text']}".encode()
            key = hashlib.sha256(text + told).hexdigest()[:16]
            function = (one["function"][0], one["function"][1])
            mutants.append(Mutant(**{**one, "key": key, "file": file, "function": function}))
    return mutants


def tests_for(mutant: Mutant, tests: Sequence[SeenTest]) -> tuple[list[str], float]:
    """The tests that run its statement, the quickest first, and how long they take.

    If none was seen to, those that run its function: not every call of a long test was looked at.
    """

    def reaching(first: int, last: int) -> list[SeenTest]:
        lines = range(first, last + 1)
        return [
            one for one in tests if not one.lines.get(mutant.file, frozenset()).isdisjoint(lines)
        ]

    found = reaching(mutant.first, mutant.last) or reaching(*mutant.function)
    found.sort(key=lambda one: one.seconds)
    picked: list[str] = []
    seconds = 0.0
    for one in found:
        if picked and seconds + one.seconds > SECONDS_OF_TESTS:
            break
        picked.append(one.name)
        seconds += one.seconds
    return picked, seconds
