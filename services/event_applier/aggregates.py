"""The newest state of each aggregate, out of the events that a transaction stores (C4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import LiteralString

from lifeline.lambdas.failover.event_limits import MAX_SEQUENCE_JUMP
from lifeline.services.event_applier.batch import Envelope
from lifeline.services.event_applier.wild_sequences import Inserted, Key
from lifeline.services.shared.database import Connection

# From `inserted`: one row for each aggregate, keys sorted (C6), that replaces only what is older. One with
# a sequence far from the others is left alone, for `wild_sequences` (C9): it is not in `folded`.
FOLD: LiteralString = """
newest AS (
    SELECT DISTINCT ON (aggregate_type, aggregate_id) aggregate_type, aggregate_id, sequence,
        occurred_on, event_id, payload, min(first) OVER one AS first, sum(events) OVER one AS events
    FROM inserted WINDOW one AS (PARTITION BY aggregate_type, aggregate_id)
    ORDER BY aggregate_type, aggregate_id, sequence DESC, occurred_on DESC, event_id DESC
), folded AS (
    INSERT INTO aggregate AS held (aggregate_type, aggregate_id, sequence, occurred_on, event_id, state,
        first_sequence, events)
    SELECT aggregate_type, aggregate_id, sequence, occurred_on, event_id, payload::jsonb, first, events
    FROM newest WHERE sequence - first <= %(jump)s ORDER BY aggregate_type, aggregate_id
    ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE
    SET sequence = greatest(held.sequence, excluded.sequence),
        occurred_on = CASE WHEN (held.sequence, held.occurred_on, held.event_id)
            < (excluded.sequence, excluded.occurred_on, excluded.event_id)
            THEN excluded.occurred_on ELSE held.occurred_on END,
        event_id = CASE WHEN (held.sequence, held.occurred_on, held.event_id)
            < (excluded.sequence, excluded.occurred_on, excluded.event_id)
            THEN excluded.event_id ELSE held.event_id END,
        state = CASE WHEN (held.sequence, held.occurred_on, held.event_id)
            < (excluded.sequence, excluded.occurred_on, excluded.event_id)
            THEN excluded.state ELSE held.state END,
        first_sequence = least(coalesce(held.first_sequence, held.sequence), excluded.first_sequence),
        events = held.events + excluded.events
    WHERE held.withheld_runs IS NULL
        AND excluded.first_sequence >= coalesce(held.first_sequence, held.sequence) - %(jump)s
        AND excluded.sequence <= held.sequence + %(jump)s
    RETURNING aggregate_type, aggregate_id
)
"""

FOLD_KNOWN = f"""
WITH inserted AS (
    SELECT * FROM unnest(%(types)b::text[], %(ids)b::text[], %(sequences)b::bigint[],
        %(times)b::text[]::timestamptz[], %(event_ids)b::text[]::uuid[], %(payloads)b::text[],
        %(firsts)b::bigint[], %(events)b::bigint[])
    AS known (aggregate_type, aggregate_id, sequence, occurred_on, event_id, payload, first, events)
), {FOLD}
SELECT aggregate_type, aggregate_id FROM inserted
EXCEPT SELECT aggregate_type, aggregate_id FROM folded
"""

STORED = """
SELECT e.aggregate_type, e.aggregate_id, e.sequence, e.occurred_on, e.event_id
FROM unnest(%(event_ids)b::text[]::uuid[], %(times)b::text[]::timestamptz[]) AS asked (event_id, occurred_on),
LATERAL (SELECT * FROM event
    WHERE event.event_id = asked.event_id AND event.occurred_on = asked.occurred_on LIMIT 1) AS e
"""


@dataclass
class Newest:
    """Of an aggregate's events in one batch: those with its highest sequence, its lowest one, how many."""

    last: list[Envelope]
    first: int
    events: int


def newest_of(events: Iterable[Envelope], found: dict[Key, Newest]) -> None:
    """Add the events to what was `found`. Pure; of two with one sequence the database takes the newer."""
    for event in events:
        key, sequence = (event.aggregateType, event.aggregateId), event.sequence
        known = found.get(key)
        if known is None:
            found[key] = Newest([event], sequence, 1)
            continue
        known.events += 1
        if sequence > known.last[0].sequence:
            known.last = [event]
        elif sequence == known.last[0].sequence:
            known.last.append(event)
        elif sequence < known.first:
            known.first = sequence


def fold(
    connection: Connection, newest: dict[Key, Newest], stored: Sequence[Envelope]
) -> list[Inserted]:
    """Inside the apply transaction that stored `stored`. Those of aggregates with a wild sequence."""
    rows = [
        (event, one.first, 0 if n else one.events)
        for _, one in sorted(newest.items())
        for n, event in enumerate(one.last)
    ]
    given = {
        "jump": MAX_SEQUENCE_JUMP,
        "types": [event.aggregateType for event, _, _ in rows],
        "ids": [event.aggregateId for event, _, _ in rows],
        "sequences": [event.sequence for event, _, _ in rows],
        "times": [event.occurredOn for event, _, _ in rows],
        "event_ids": [event.eventId for event, _, _ in rows],
        "payloads": [bytes(event.payload).decode() for event, _, _ in rows],
        "firsts": [first for _, first, _ in rows],
        "events": [events for _, _, events in rows],
    }
    wild = set(connection.execute(FOLD_KNOWN, given, prepare=True).fetchall())
    if not wild:
        return []
    theirs = [one for one in stored if (one.aggregateType, one.aggregateId) in wild]
    asked = {
        "event_ids": [one.eventId for one in theirs],
        "times": [one.occurredOn for one in theirs],
    }
    return connection.execute(STORED, asked).fetchall()
