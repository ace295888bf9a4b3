"""What `lifeline archive` asks of a region's archive, and the words of the lines that answer it."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from typing import Self

ANSWER = "archive-answer"
PROGRESS = "archive-progress"
"""The `message` of the lines."""
VERIFY, RESTORE = "verify", "restore"
DATABASE, TOPIC = "database", "topic"
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


@dataclass(frozen=True, kw_only=True)
class Request:
    """`do` is verify or restore, `into` database or topic; times are those of records, in milliseconds.

    `topics`: none for all. `archived_by`: whose archive; empty: the region's own. `expect`: restore only if
    exactly so many records are found; None: a dry run. Raises ValueError for what makes no sense.
    """

    run: str
    do: str
    since_ms: int
    until_ms: int
    topics: tuple[str, ...] = ()
    archived_by: str = ""
    reads_records: bool = True
    into: str = ""
    expect: int | None = None
    accept_gaps: bool = False

    def __post_init__(self) -> None:
        if self.do not in (VERIFY, RESTORE):
            raise ValueError(f"do is {self.do!r}; allowed are {VERIFY}, {RESTORE}")
        if self.do == RESTORE and self.into not in (DATABASE, TOPIC):
            raise ValueError(f"into is {self.into!r}; allowed are {DATABASE}, {TOPIC}")
        if self.since_ms >= self.until_ms:
            raise ValueError(f"from ({self.since_ms}) must lie before to ({self.until_ms})")
        if self.archived_by and not _REGION.fullmatch(self.archived_by):
            raise ValueError(f"archived_by is {self.archived_by!r}; allowed is a region")

    def to_json(self) -> str:
        """One argument of a command line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError for text that `to_json` did not write."""
        read = json.loads(text)
        try:
            return cls(**{**read, "topics": tuple(read["topics"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"no request: {error}") from error
