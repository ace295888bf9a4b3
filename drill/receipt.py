"""Receipts and the watermark as an edge reads them (B1, B2): what is safe, by sequence, never by a clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

VECTOR_FORMATS = (1, 2)
"""Of `/v1/watermark`, as an integrator reads them; an answer without the field is of format 1."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where an accepted event lies."""

    region: str
    incarnation: str
    shard: str
    sequence: int

    @property
    def pair(self) -> tuple[str, str, str]:
        """(region, incarnation, shard): within it, sequences are comparable."""
        return self.region, self.incarnation, self.shard


@dataclass(frozen=True, slots=True)
class SafeUpTo:
    """One entry of a watermark: all of the pair in (`after`, `sequence`] is in the log of `safe_in` too."""

    region: str
    incarnation: str
    shard: str
    sequence: int
    born_ms: int
    safe_in: str
    after: int = -1

    @property
    def pair(self) -> tuple[str, str, str]:
        """The same key as a receipt's."""
        return self.region, self.incarnation, self.shard


def entries_of(body: Mapping[str, Any]) -> list[SafeUpTo]:
    """The entries of a `/v1/watermark` answer that prove safety.

    An entry of a region about itself proves nothing and is left out; so is one that cannot be read.
    An answer of a format that this drill does not know proves nothing, whatever it looks like.
    """
    found: list[SafeUpTo] = []
    if body.get("format", 1) not in VECTOR_FORMATS:
        return found
    rows: Iterable[Any] = body.get("entries") or []
    for row in rows:
        try:
            entry = SafeUpTo(
                region=str(row["region"]),
                incarnation=str(row["incarnation"]),
                shard=str(row["shard"]),
                sequence=int(row["sequence"]),
                born_ms=int(row["born_ms"]),
                safe_in=str(row["safe_in"]),
                after=int(row.get("after", -1)),
            )
        except (KeyError, TypeError, ValueError):
            continue
        if entry.safe_in and entry.safe_in != entry.region:
            found.append(entry)
    return found
