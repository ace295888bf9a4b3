"""Days of `event` that are older than the hot retention: detached, then dropped once they are archived (B22).

Invariant: no partition is dropped while the archive may lack an event of it. What is not known is kept, and
told: `OldPartitions` counts the days that are there too long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.lambdas.failover.archived_markers import AppliedThen, Held, not_archived
from lifeline.lambdas.failover.markers import Pair, Place
from lifeline.services.shared.database import Connection
from lifeline.services.shared.log_lines import say

EXTENDED_DAYS = 36
"""`extend_event_partitions` makes the days so far back: what it makes is not detached."""
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '1s'"
IS_THERE = "SELECT to_regclass('detached_partition') IS NOT NULL"
"""Whether migration 0009 has run. A release applies without it: it may be there first."""
OVERDUE = """
SELECT count(*) FROM (
    SELECT to_date(substr(c.relname, 7), 'YYYYMMDD') AS day
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'event'::regclass AND c.relname ~ '^event_[0-9]{8}$'
    UNION ALL SELECT day FROM detached_partition
) AS kept
WHERE day < (clock_timestamp() AT TIME ZONE 'UTC')::date - %s
"""
GRACE_DAYS = 2
"""The archive is minutes behind, and this is looked at once an hour."""

Archived = Callable[[Iterable[Place]], Mapping[Place, Held]]
"""`ArchivedPlaces.held`"""


class OldPartitions:
    """`hot_days`: how long events stay; less than what is extended counts as that."""

    def __init__(self, archived: Archived, hot_days: int) -> None:
        self._archived = archived
        self._kept_days = max(hot_days + 1, EXTENDED_DAYS)
        self.overdue: int | None = None
        """Days that should be gone. None: not looked at."""

    def keep_up(self, connection: Connection) -> None:
        """Detach what is old, drop what is archived. Raises psycopg.Error; the next call goes on."""
        row = connection.execute(IS_THERE).fetchone()
        if row is None or not row[0]:
            return
        while self._detach(connection):
            pass
        rows = connection.execute("SELECT name, day, markers FROM detached_partition ORDER BY day")
        detached = {
            name: _Detached(_began_ms(day), _applied(markers))
            for name, day, markers in rows.fetchall()
        }
        for name, why in self._why_kept(detached).items():
            if why:
                say("an old partition is kept", partition=name, why=why)
                continue
            with connection.transaction():
                connection.execute(LOCK_TIMEOUT)
                connection.execute("SELECT drop_detached_partition(%s)", (name,))
            say("an old partition is dropped", partition=name)
        found = connection.execute(OVERDUE, (self._kept_days + GRACE_DAYS,)).fetchone()
        self.overdue = int(found[0]) if found else None

    def _detach(self, connection: Connection) -> bool:
        with connection.transaction():
            connection.execute(LOCK_TIMEOUT)
            row = connection.execute(
                "SELECT detach_old_partition(%s)", (self._kept_days,)
            ).fetchone()
        name = row[0] if row else None
        if name is not None:
            say("an old partition is detached", partition=name)
        return name is not None

    def _why_kept(self, detached: Mapping[str, _Detached]) -> dict[str, str]:
        """Empty words for what is archived. The archive is asked once, as it may not answer."""
        places = {applied.place for one in detached.values() for applied in one.applied}
        archived: Mapping[Place, Held] = {}
        if places:
            try:
                archived = self._archived(sorted(places))
            except (ClientError, BotoCoreError, KeyError, TypeError, ValueError) as error:
                why = f"the archive's state is not known: {type(error).__name__}"
                return dict.fromkeys(detached, why)
        return {
            name: not_archived(one.applied, archived, day_ms=one.day_ms)
            for name, one in detached.items()
        }


@dataclass(frozen=True)
class _Detached:
    """A day's begin, and how far the database had applied the log when it was detached."""

    day_ms: int
    applied: list[AppliedThen]


def _began_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _applied(markers: list[Any]) -> list[AppliedThen]:
    return [
        AppliedThen((topic, partition), Pair(*pair), int(sequence), int(age_ms))
        for topic, partition, *pair, sequence, age_ms in markers
    ]
