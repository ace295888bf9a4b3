"""What `lifeline dlq` asks of a region, and how the answer travels: for the command and its task.

The task's log is the only way back (`task_answers.py`), and it must not show a patient's data: what is
revealed in it is sealed for whoever asked (`sealed.py`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

ANSWER = "dead-letters-answer"
"""The `message` of the lines that carry an answer."""
REVEALED = "dead letters revealed"
REPLAYED = "dead letters replayed"
"""The `message` of the lines that are kept as the audit."""
LIST, SHOW, REPLAY = "list", "show", "replay"
MAX_REPLAYED = 20_000
"""Letters of one replay: with 12 shards at 1,000 records a second it takes no share that events need."""
_PLACE = ("origin", "incarnation", "shard", "sequence")


@dataclass(frozen=True, kw_only=True)
class Request:
    """`do` is list, show or replay; times are of the letter's record, in milliseconds.

    `expect`: replay only if exactly so many letters match; None: a dry run. `reveal_to`: the public key that
    payloads are sealed for; empty: they stay redacted. Raises ValueError for what makes no sense.
    """

    run: str
    do: str
    since_ms: int
    until_ms: int
    reasons: tuple[str, ...] = ()
    origin: str = ""
    ids: tuple[str, ...] = ()
    limit: int = 100
    expect: int | None = None
    reveal_to: str = ""
    who: str = ""

    def __post_init__(self) -> None:
        if self.do not in (LIST, SHOW, REPLAY):
            raise ValueError(f"do is {self.do!r}; allowed are {LIST}, {SHOW}, {REPLAY}")
        if self.since_ms >= self.until_ms:
            raise ValueError(f"since ({self.since_ms}) must lie before until ({self.until_ms})")
        if self.reveal_to and not self.who:
            raise ValueError("who is empty; revealed letters are audited")

    def to_json(self) -> str:
        """One argument of a command line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError for text that `to_json` did not write."""
        read = json.loads(text)
        try:
            return cls(**{**read, "reasons": tuple(read["reasons"]), "ids": tuple(read["ids"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"no request: {error}") from error

    def matches(self, letter: Letter) -> bool:
        """Whether it is one of those asked for."""
        return (
            self.since_ms <= letter.time_ms < self.until_ms
            and (not self.reasons or letter.reason in self.reasons)
            and (not self.origin or letter.headers.get("origin") == self.origin)
            and (not self.ids or letter.id in self.ids)
        )


@dataclass(frozen=True)
class Letter:
    """One record of `error.dlq`: `value` is the event's bytes as they were sent."""

    id: str
    time_ms: int
    key: bytes
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Why it lies here, in a word."""
        return self.headers.get("reason", "")

    @property
    def by_applier(self) -> bool:
        """Set aside by the event applier; else refused by the bridge."""
        return self.headers.get("kind") == "quarantined"

    def described(self) -> dict[str, Any]:
        """All that is no patient's: neither its key, which is the aggregate's id, nor a byte of its value."""
        return {
            "id": self.id,
            "at_ms": self.time_ms,
            "by": "event-applier" if self.by_applier else "stream-bridge",
            "reason": self.reason,
            "detail": self.headers.get("detail", ""),
            "origin": self.headers.get("origin", ""),
            "bytes": len(self.value),
        }


def letter_of(
    time_ms: int, key: bytes | None, value: bytes, headers: Iterable[tuple[str, bytes]]
) -> Letter:
    """A record as it was read. Its id is the event applier's, else the place in the stream it came from."""
    named = {name: text.decode(errors="replace") for name, text in headers}
    ident = named.get("id", "")
    if not ident and all(named.get(name) for name in _PLACE):
        ident = "/".join(named[name] for name in _PLACE)
    return Letter(ident or hashlib.sha256(value).hexdigest(), time_ms, key or b"", value, named)
