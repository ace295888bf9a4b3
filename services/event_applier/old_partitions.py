"""Days of `event` that are older than the hot retention: detached, then dropped once they are archived (B22).

Invariant: no partition is dropped while the archive may lack an event of it, but what a person gave up. What
is not known is kept, and told: `OldPartitions` counts the days that are there too long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.lambdas.failover.archived_markers import (
    ANYTHING,
    Held,
    Lacked,
    Source,
    not_archived,
)
from lifeline.lambdas.failover.markers import Pair, Place
from lifeline.services.event_applier.event_sources import is_there, sources_of
from lifeline.services.shared.database import Connection
from lifeline.services.shared.log_lines import say

EXTENDED_DAYS = 36
"""`extend_event_partitions` makes the days so far back: what it makes is not detached."""
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '1s'"
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
IN_DEFAULT = "SELECT count(*) FROM (SELECT FROM event_default LIMIT %s) AS found"
MOST_COUNTED = 10_000
RESTORING = "SELECT count(*), max(at)::text FROM archive_restore WHERE ended_at IS NULL"
DETACHED = """
SELECT kept.name, kept.day, kept.day >= noted_from FROM detached_partition AS kept, event_floor ORDER BY 2
"""
ACCEPTED = """
SELECT topic, partition, origin, incarnation, shard, after, until FROM accepted_gap WHERE day = %s
"""

Archived = Callable[[Iterable[Place]], Mapping[Place, Held]]
"""`ArchivedPlaces.held`"""


class OldPartitions:
    """`hot_days`: how long events stay; less than what is extended counts as that."""

    def __init__(self, archived: Archived, hot_days: int) -> None:
        self._archived = archived
        self._kept_days = max(hot_days + 1, EXTENDED_DAYS)
        self.overdue: int | None = None
        """Days that should be gone. None: not looked at."""
        self.in_default: int | None = None
        """Events that lie in no day's partition (C3), at most `MOST_COUNTED`. None: not looked at."""

    def keep_up(self, connection: Connection) -> None:
        """Detach what is old, drop what is archived. Raises psycopg.Error; the next call goes on."""
        if not is_there(connection):
            return
        # Told even if what follows fails, each time.
        self._look(connection)
        partitions, last_at = connection.execute(RESTORING).fetchone() or (0, None)
        if partitions:
            say(
                "old partitions are kept: a restore has no end yet (`lifeline archive end-restore`)",
                partitions=partitions,
                last_at=last_at,
            )
        else:
            while self._detach(connection):
                pass
            for one in kept_days(connection, self._archived):
                if one.why:
                    say("an old partition is kept", partition=one.name, why=one.why)
                    continue
                with connection.transaction():
                    connection.execute(LOCK_TIMEOUT)
                    connection.execute("SELECT drop_detached_partition(%s)", (one.name,))
                say("an old partition is dropped", partition=one.name)
        self._look(connection)

    def _look(self, connection: Connection) -> None:
        row = connection.execute(IN_DEFAULT, (MOST_COUNTED,)).fetchone()
        self.in_default = int(row[0]) if row else None
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


@dataclass(frozen=True)
class Kept:
    """A detached day, and its table. `unknown`: why nothing can be said of it."""

    name: str
    day: date
    lacked: list[Lacked]
    unknown: str

    @property
    def why(self) -> str:
        """It is kept; empty: it may be dropped."""
        if self.unknown or not self.lacked:
            return self.unknown
        more = f" and {len(self.lacked) - 1} more" if len(self.lacked) > 1 else ""
        return f"the archive does not have {self.lacked[0].name()}{more}"


def kept_days(connection: Connection, archived: Archived) -> list[Kept]:
    """Every detached day, the oldest first."""
    detached = connection.execute(DETACHED).fetchall()
    sources = {day: sources_of(connection, day) for _, day, _ in detached}
    held, unknown = _held(archived, sources.values())
    found: list[Kept] = []
    for name, day, is_noted in detached:
        accepted = _accepted(connection, day)
        lacked = not_archived(sources[day], held, accepted)
        if not (is_noted and sources[day]) and ANYTHING not in accepted:
            lacked.insert(0, ANYTHING)
        found.append(Kept(name, day, lacked, unknown))
    return found


def _held(archived: Archived, sources: Iterable[list[Source]]) -> tuple[Mapping[Place, Held], str]:
    """What is archived, and why it is not known. The archive is asked once, as it may not answer."""
    places = sorted({source.place for one in sources for source in one})
    try:
        return (archived(places) if places else {}), ""
    except (ClientError, BotoCoreError, KeyError, TypeError, ValueError) as error:
        return {}, f"the archive's state is not known: {type(error).__name__}"


def _accepted(connection: Connection, day: date) -> list[Lacked]:
    rows = connection.execute(ACCEPTED, (day,)).fetchall()
    return [
        Lacked((topic, partition), Pair(*pair), int(after), int(until))
        for topic, partition, *pair, after, until in rows
    ]
