"""Of which records of the log each day's events were made, and what comes again of a day that is gone (B22).

Invariant: once its places are noted, a day of `event` has no row whose record lies outside of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from lifeline.lambdas.failover.archived_markers import Source
from lifeline.lambdas.failover.markers import Pair
from lifeline.services.event_applier.batch import Batch
from lifeline.services.shared.database import Connection

IS_THERE = "SELECT to_regclass('event_source') IS NOT NULL"
"""Whether migration 0011 has run. A release applies without it: it may be there first."""
ABOVE_FLOOR = "WHERE occurred_on >= (SELECT day::timestamp AT TIME ZONE 'UTC' FROM event_floor)"
"""What is left of the rows of `stage`: days under the floor are detached or dropped."""
FLOOR = "SELECT day::text FROM event_floor"
UNDER_FLOOR = """
SELECT ord - (SELECT min(ord) FROM stage), (occurred_on AT TIME ZONE 'UTC')::date FROM stage
WHERE occurred_on < (SELECT day::timestamp AT TIME ZONE 'UTC' FROM event_floor)
"""
NOTE = """
INSERT INTO event_source AS held (day, topic, partition, origin, incarnation, shard, first, last)
SELECT * FROM unnest(%s::date[], %s::text[], %s::integer[], %s::text[], %s::text[], %s::text[],
    %s::numeric[], %s::numeric[])
ON CONFLICT (day, topic, partition, origin, incarnation, shard) DO UPDATE
SET first = least(held.first, excluded.first), last = greatest(held.last, excluded.last)
WHERE held.first > excluded.first OR held.last < excluded.last
"""
OF_DAY = """
SELECT topic, partition, origin, incarnation, shard, first, last FROM event_source WHERE day = %s
ORDER BY topic, partition, origin, incarnation, shard
"""

_Key = tuple[object, ...]
"""Day, topic, partition, origin, incarnation, shard."""


class UnderFloor(Exception):
    """A day of the batch is detached or dropped."""


def is_there(connection: Connection) -> bool:
    """Whether sources can be noted."""
    row = connection.execute(IS_THERE).fetchone()
    return bool(row and row[0])


def note(connection: Connection, batch: Batch, stored: Iterable[int]) -> None:
    """Inside the apply transaction; `stored`: the places in the batch of what the database has by now."""
    found: dict[_Key, list[str]] = {}
    # Most records are like the one before: nothing is looked up for those.
    before: _Key = ()
    sequences: list[str] = []
    for number in stored:
        origin = batch.origins[number]
        here: _Key = (batch.days[number], *batch.events[number][:2], *origin[:3])
        if here != before:
            before, sequences = here, found.setdefault(here, [])
        sequences.append(origin[3])
    if found:
        # In order: two tasks may hold a partition for a moment (C6).
        rows = [(*key, *_ends(sequences)) for key, sequences in sorted(found.items())]
        connection.execute(NOTE, [list(column) for column in zip(*rows, strict=True)])


def require_above_floor(connection: Connection, batch: Batch) -> None:
    """After the events were written: no day can be detached now until the transaction ends.

    Raises UnderFloor for a batch with an event of a day that is gone.
    """
    row = connection.execute(FLOOR).fetchone()
    floor = str(row[0]) if row else "-infinity"
    if floor != "-infinity" and min(batch.days) < floor:
        raise UnderFloor(floor)


def _ends(sequences: list[str]) -> tuple[int, int]:
    if len({len(one) for one in sequences}) == 1:  # a stream's sort as text, too
        return int(min(sequences)), int(max(sequences))
    numbers = [int(one) for one in sequences]
    return min(numbers), max(numbers)


def sources_of(connection: Connection, day: date) -> list[Source]:
    """All that is noted of a day."""
    return [
        Source((topic, partition), Pair(*pair), int(first), int(last))
        for topic, partition, *pair, first, last in connection.execute(OF_DAY, (day,)).fetchall()
    ]


def never_stored(
    connection: Connection, batch: Batch, gone: Iterable[tuple[int, date]]
) -> list[int]:
    """Of records of days that are gone those in no noted place: nothing says that they were stored."""
    known: dict[date, dict[tuple[object, Pair], Source]] = {}
    found = []
    for number, day in gone:
        if day not in known:
            known[day] = {(one.place, one.pair): one for one in sources_of(connection, day)}
        record, (*pair, told) = batch.events[number], batch.origins[number]
        source = known[day].get(((record.topic, record.partition), Pair(*pair)))
        if source is None or not source.first <= int(told) <= source.last:
            found.append(number)
    return found
