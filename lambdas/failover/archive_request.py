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
ACCEPT_GAP, END_RESTORE, BRING_BACK = "accept-gap", "end-restore", "bring-back"
DOES = (VERIFY, RESTORE, ACCEPT_GAP, END_RESTORE, BRING_BACK)
HOURS = {"Bulk": 48, "Standard": 12}
"""Within which a cold object is readable, by tier (Amazon S3 User Guide, "Archive retrieval options")."""
DATABASE, TOPIC = "database", "topic"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


@dataclass(frozen=True, kw_only=True)
class Request:
    """`do` is one of `DOES`, `into` database or topic; times are those of records, in milliseconds.

    `since_ms`: None for the hot days, or as long as the archive keeps them. `topics`: none for all.
    `archived_by`: whose archive; empty: the region's own. `expect`: do it only if exactly so many records are
    found, or objects brought back; None: a dry run. `tier` and `kept_days` of what is brought back. `day` of
    a gap that is accepted (2026-10-13); empty: all that are kept. `who` and `why`: of what a person decides.
    Raises ValueError for what makes no sense.
    """

    run: str
    do: str
    since_ms: int | None = None
    until_ms: int
    topics: tuple[str, ...] = ()
    archived_by: str = ""
    reads_records: bool = True
    into: str = ""
    expect: int | None = None
    accept_gaps: bool = False
    tier: str = "Bulk"
    kept_days: int = 7
    day: str = ""
    who: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        if self.do not in DOES:
            raise ValueError(f"do is {self.do!r}; allowed are {', '.join(DOES)}")
        if self.do == RESTORE and self.into not in (DATABASE, TOPIC):
            raise ValueError(f"into is {self.into!r}; allowed are {DATABASE}, {TOPIC}")
        if self.since_ms is not None and self.since_ms >= self.until_ms:
            raise ValueError(f"from ({self.since_ms}) must lie before to ({self.until_ms})")
        if self.archived_by and not _REGION.fullmatch(self.archived_by):
            raise ValueError(f"archived_by is {self.archived_by!r}; allowed is a region")
        if self.tier not in HOURS:
            raise ValueError(f"tier is {self.tier!r}; allowed are {', '.join(HOURS)}")
        if self.day and not _DAY.fullmatch(self.day):
            raise ValueError(f"day is {self.day!r}; allowed is a day such as 2026-10-13")
        if self.do == ACCEPT_GAP and self.expect is not None and not (self.day and self.why):
            raise ValueError("a gap is accepted of one day, and with a reason")

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
