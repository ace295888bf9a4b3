"""How many records the next transaction applies: pure.

The database ends a transaction after some seconds. What it could not do in one must not come again as
one, for ever: a batch that failed is halved until it passes, down to one record. A record that fails alone is
stored without what is derived of it (B23): the event itself is a row as any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifeline.services.event_applier.batch import LogRecord, Place

ALONE_FAILURES = 3
"""Of one record by itself, before it is taken to be the cause: a database that just starts fails as well."""
MOST_REMEMBERED = 1_000
"""Records that failed alone: between two positions lies a second's worth, and few of them are such."""


class Pace:
    """For one applier, whatever its connections do.

    After a failure the log is read again from the last positions, which may lie before what failed. So the
    batches grow again only once that is behind.
    """

    def __init__(self, most: int) -> None:
        self._most = self.records = most
        self._ahead: dict[Place, int] = {}
        """By place the offset up to which the newest batch that failed went."""
        self._alone: dict[tuple[Place, int], int] = {}
        """How often each record failed by itself, the one of the newest failure last."""

    def together(self, records: Sequence[LogRecord]) -> int:
        """How many of the first of these go into one transaction: a known cause goes by itself."""
        if not self._alone:
            return len(records)
        found = (number for number, one in enumerate(records) if self._is_cause(one))
        return max(1, next(found, len(records)))

    def is_plain(self, records: Sequence[LogRecord]) -> bool:
        """Whether these are stored without their vital signs."""
        return len(records) == 1 and self._is_cause(records[0])

    def _is_cause(self, record: LogRecord) -> bool:
        return self._alone.get((_place(record), record.offset), 0) >= ALONE_FAILURES

    def applied(self, records: Sequence[LogRecord]) -> None:
        """These are stored."""
        if self._ahead:
            for place, offset in _ends(records).items():
                if offset >= self._ahead.get(place, offset + 1):
                    del self._ahead[place]
        if not self._ahead:
            self.records = min(self._most, 2 * self.records)

    def failed(self, records: Sequence[LogRecord]) -> None:
        """These are not, and the database said why or nothing."""
        self._ahead = _ends(records)
        self.records = max(1, min(self.records, len(records)) // 2)
        if len(records) == 1:
            alone = (_place(records[0]), records[0].offset)
            self._alone[alone] = self._alone.pop(alone, 0) + 1
            while len(self._alone) > MOST_REMEMBERED:
                del self._alone[next(iter(self._alone))]

    def keep_only(self, places: Iterable[Place]) -> None:
        """What another task has now is not waited for."""
        kept = set(places)
        self._ahead = {place: offset for place, offset in self._ahead.items() if place in kept}


def _ends(records: Iterable[LogRecord]) -> dict[Place, int]:
    return {_place(one): one.offset for one in records}


def _place(record: LogRecord) -> Place:
    return record.topic, record.partition
