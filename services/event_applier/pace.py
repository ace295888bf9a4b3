"""How many records the next transaction applies: pure.

The database ends a transaction after some seconds. What it could not do in one must not come again as
one, for ever: the records of a batch that failed are *suspects*, of which fewer and fewer go into one
transaction, down to one record. A record that fails alone is stored without what is derived of it (B23): the
event itself is a row as any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum, auto
from itertools import takewhile

from lifeline.services.event_applier.batch import LogRecord, Place

ALONE_FAILURES = 3
"""Of one record by itself, before it is taken to be the cause: a database that just starts fails as well."""
GROWS_AFTER = 8
"""Transactions: each try to do more may fail, which costs its 5 seconds and reading again."""
FORGETS_AFTER = 1_000
"""Transactions without a failure: what failed before them is as if it never was."""
MOST_REMEMBERED = 1_000
"""Records that failed alone: between two positions lies a second's worth, and few of them are such."""


class _Kind(Enum):
    """A transaction has records of one kind, and each kind has a limit of its own."""

    FRESH = auto()
    """Never tried. The limit is doubled by some successes, each of them progress."""
    SUSPECT = auto()
    """Of a batch that failed, and not stored since. The limit is doubled by each success: it leaves fewer."""
    AGAIN = auto()
    """Stored, and read again, as a failure restarts all partitions at their last positions. The limit becomes
    smaller only: if it grew there, it could fail there for ever. The next failure of fresh ones sets it."""


class Pace:
    """For one applier at one epoch and log, whatever its connections do.

    Suspects slow down nothing but themselves: they may come late, or never, if they were stored and only the
    answer was lost.

    Invariant: every record is stored after a bounded number of transactions, in whatever order the
    partitions are read: all limits are halved by failures, and grow with records that were not stored before.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._forget()

    def _forget(self) -> None:
        self._limits = dict.fromkeys(_Kind, self._most)
        self._full = 0
        """Fresh transactions as large as may be that were stored since the limit changed."""
        self._calm = 0
        """Transactions since the last failure."""
        self._stored: dict[Place, int] = {}
        """By place the last offset."""
        self._suspects: dict[Place, int] = {}
        """Likewise."""
        self._alone: dict[tuple[Place, int], int] = {}
        """How often each record failed by itself, the one of the newest failure last."""

    @property
    def records(self) -> int:
        """How many to read for the next transaction."""
        return max(self._limits.values())

    def together(self, records: Sequence[LogRecord]) -> int:
        """How many of the first of these go into one transaction: a known cause goes by itself."""
        if not self._alone and min(self._limits.values()) == self._most:
            return len(records)
        if not records or self._is_cause(records[0]):
            return len(records[:1])
        kind = self._kind(records[0])
        alike = takewhile(lambda one: self._kind(one) is kind and not self._is_cause(one), records)
        return min(sum(1 for _ in alike), self._limits[kind])

    def is_plain(self, records: Sequence[LogRecord]) -> bool:
        """Whether these are stored without their vital signs."""
        return len(records) == 1 and self._is_cause(records[0])

    def applied(self, records: Sequence[LogRecord]) -> None:
        """These, of one kind, are stored."""
        if not records:
            return
        self._calm += 1
        if self._calm >= FORGETS_AFTER:
            self._forget()
        kind = self._kind(records[0])
        self._full += kind is _Kind.FRESH and len(records) >= self._limits[kind]
        if kind is _Kind.SUSPECT or self._full >= GROWS_AFTER:
            self._limits[kind] = min(self._most, 2 * self._limits[kind])
            self._full = 0
        for place, last in _ends(records).items():
            self._stored[place] = max(last, self._stored.get(place, last))
            if self._suspects.get(place, -1) <= self._stored[place]:
                self._suspects.pop(place, None)

    def failed(self, records: Sequence[LogRecord]) -> None:
        """These, of one kind, are not, and the database said why or nothing."""
        kind = self._kind(records[0])
        half = self._limits[kind] = max(1, min(self._limits[kind], len(records)) // 2)
        self._full = self._calm = 0
        if kind is _Kind.FRESH:
            if not self._suspects:
                self._limits[_Kind.SUSPECT] = self._limits[_Kind.AGAIN] = half
            self._suspects |= _ends(records)
        if len(records) == 1:
            alone = (_place(records[0]), records[0].offset)
            self._alone[alone] = self._alone.pop(alone, 0) + 1
            while len(self._alone) > MOST_REMEMBERED:
                del self._alone[next(iter(self._alone))]

    def keep_only(self, places: Iterable[Place]) -> None:
        """What another task has now is not waited for."""
        kept = set(places)
        self._suspects = {place: last for place, last in self._suspects.items() if place in kept}
        self._stored = {place: last for place, last in self._stored.items() if place in kept}

    def _kind(self, record: LogRecord) -> _Kind:
        place = _place(record)
        if record.offset <= self._stored.get(place, -1):
            return _Kind.AGAIN
        return _Kind.SUSPECT if record.offset <= self._suspects.get(place, -1) else _Kind.FRESH

    def _is_cause(self, record: LogRecord) -> bool:
        return self._alone.get((_place(record), record.offset), 0) >= ALONE_FAILURES


def _ends(records: Iterable[LogRecord]) -> dict[Place, int]:
    return {_place(one): one.offset for one in records}


def _place(record: LogRecord) -> Place:
    return record.topic, record.partition
