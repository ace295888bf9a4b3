"""The ledger: the edge's append-only account, one JSON list a line, and how the checker reads it back.

    ["s", at_ms, [[number, event_id, occurred_us, aggregate_id, sequence, digest, label], …]]
    ["a", at_ms, region, incarnation, [[number, shard, sequence], …]]

s: sent. a: accepted, with receipts. ["r", at_ms, region, [number, …]]: sent again.
["x", at_ms, region, number, status]: refused for good. ["f", at_ms, [[first, last], …]]: safe.
["d", at_ms, [[first, last], …]]: dropped, the disk being full.
"sent" is written before the first transmission, "sent again" before each later one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

NAME = "ledger.jsonl"


def ranges(numbers: Iterable[int]) -> list[list[int]]:
    """Sorted, closed ranges that hold exactly these numbers."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def spread(pairs: Iterable[Iterable[int]]) -> Iterator[int]:
    """The numbers of ranges, the reverse of `ranges`."""
    for first, last in pairs:
        yield from range(first, last + 1)


def read(folder: Path) -> Iterator[list[Any]]:
    """The lines of a ledger in their order. A torn last line (the edge died writing it) is left out.

    Raises ValueError for a broken line before the last: then the ledger is no evidence.
    """
    path = folder / NAME
    if not path.exists():
        return
    with path.open("rb") as file:
        broken_at = 0
        for count, line in enumerate(file, start=1):
            if broken_at:
                raise ValueError(f"{path}: line {broken_at} cannot be read")
            try:
                entry = orjson.loads(line)
            except orjson.JSONDecodeError:
                broken_at = count
                continue
            if not line.endswith(b"\n"):
                return
            yield entry
