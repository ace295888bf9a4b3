"""How far a long reading is: a bar on a terminal, a line in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
EVERY_SECONDS = 0.2
WIDTH = 24


class Bar:
    """`say` gets a line for each thing that was done; a terminal also sees it grow."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def over(self, things: Iterable[T], doing: str, total: int) -> Iterator[T]:
        """The things, one by one; `total` is about how many there are."""
        began = time.monotonic()
        drawn, number = 0.0, 0
        terminal = sys.stdout.isatty()
        for number, one in enumerate(things, start=1):
            yield one
            # The clock is asked once for many rows: asking it for each would be most of the work.
            if terminal and number % 1024 == 0 and time.monotonic() - drawn >= EVERY_SECONDS:
                drawn = time.monotonic()
                sys.stdout.write(f"\r{drawing(doing, number, total)}")
                sys.stdout.flush()
        if terminal:
            sys.stdout.write("\r\033[K")
        self._say(f"drill: {doing}: {number:,} rows, {time.monotonic() - began:.1f} s")


def drawing(doing: str, number: int, total: int) -> str:
    """`drill: comparing  [######------]  50 %`; a total that was too small stays below full."""
    share = min(0.99, number / total) if total else 0.0
    filled = int(share * WIDTH)
    return f"drill: {doing}  [{'#' * filled}{'-' * (WIDTH - filled)}] {share:4.0%}"
