"""A row of the table of refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from lab.refusals.situation import Case

Rule = Callable[[Case], object]
"""True, or a text with what was given: AWS refuses. Anything that is false: it does not, or nobody knows."""


class Known(StrEnum):
    """How we know."""

    DOCUMENTED = "documented"
    INFERRED = "inferred"


class On(StrEnum):
    """What is judged."""

    MADE = "made"
    """The resource as it is to be, in a new stack or in a changed one."""
    CREATED = "created"
    """A resource that is not there yet."""
    CHANGED = "changed"
    """A resource that is there: as it was, and as it is to be."""
    DELETED = "deleted"
    """A resource that is there and will not be."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Something that AWS refuses. `sentence` says what is allowed."""

    id: str
    types: tuple[str, ...]
    refuses: Rule
    sentence: str
    source: str
    on: On = On.MADE
    known: Known = Known.DOCUMENTED


@dataclass(frozen=True)
class Refusal:
    """What AWS would have refused: which row, where, the sentence with what was given, the source."""

    row: str
    path: str
    resource_type: str
    sentence: str
    source: str
    known: Known = Known.DOCUMENTED

    def __str__(self) -> str:
        return (
            f"{self.path} ({self.resource_type}): {self.sentence} [{self.row}, {self.known.value}: "
            f"{self.source}]"
        )
