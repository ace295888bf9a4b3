"""Whether the next batch is copied straight into the table, or staged: pure.

A copy that meets one stored event was for nothing. So after one, batches are staged until enough of them came
without a duplicate: twice as many after each vain copy, half as many after each good one.
"""

from __future__ import annotations

MOST_STAGED = 64


class CopyChoice:
    """For one connection, which remembers."""

    def __init__(self) -> None:
        self._wanted = 1
        self._staged = 1

    @property
    def is_copied(self) -> bool:
        """Whether the next batch is copied first."""
        return self._staged >= self._wanted

    def copied(self) -> None:
        """A copied batch was new, all of it."""
        self._wanted = max(1, self._wanted // 2)

    def in_vain(self) -> None:
        """A copied batch held what is stored already."""
        self._wanted = min(MOST_STAGED, 2 * self._wanted)
        self._staged = 0

    def staged(self, *, is_new: bool) -> None:
        """A staged batch was new, all of it, or not."""
        self._staged = self._staged + 1 if is_new else 0
