"""Aggregates with a wild sequence: their runs are read, joined with the new events and written again (C9)."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

from lifeline.services.event_applier.sequence_runs import Run, settled
from lifeline.services.shared.database import Connection

Key = tuple[str, str]
Inserted = tuple[str, str, int, datetime, UUID]
"""Aggregate type and id, sequence, time, event id."""

RUNS = """
SELECT aggregate_type, aggregate_id, coalesce(first_sequence, sequence), sequence, events, occurred_on,
       event_id, withheld_runs
FROM aggregate JOIN unnest(%(types)s::text[], %(ids)s::text[]) AS asked(t, i)
    ON (aggregate_type, aggregate_id) = (asked.t, asked.i)
"""
FOLLOW = """
INSERT INTO aggregate AS held (aggregate_type, aggregate_id, first_sequence, sequence, events,
    withheld_runs, occurred_on, event_id, state)
SELECT %s, %s, %s, %s, %s, %s, occurred_on, event_id, payload
FROM event WHERE occurred_on = %s AND event_id = %s
ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE
SET first_sequence = excluded.first_sequence, sequence = excluded.sequence, events = excluded.events,
    withheld_runs = excluded.withheld_runs, occurred_on = excluded.occurred_on,
    event_id = excluded.event_id, state = excluded.state
"""


def settle(connection: Connection, inserted: list[Inserted]) -> int:
    """Inside the apply transaction. How many of `inserted` are withheld from their aggregate."""
    runs: dict[Key, list[Run]] = defaultdict(list)
    for kind, name, sequence, occurred_on, event_id in inserted:
        runs[kind, name].append(Run(sequence, sequence, 1, occurred_on, event_id))
    keys = sorted(runs)  # C6
    asked = {"types": [kind for kind, _ in keys], "ids": [name for _, name in keys]}
    for kind, name, *run, others in connection.execute(RUNS, asked).fetchall():
        runs[kind, name] += [Run(*run), *map(_read, others or [])]
    followed = []
    spans = {}
    for key in keys:
        main, others = settled(runs[key])
        spans[key] = range(main.first, main.sequence + 1)
        withheld = json.dumps([_written(run) for run in others]) if others else None
        place = (main.occurred_on, main.event_id)
        followed.append((*key, main.first, main.sequence, main.events, withheld, *place))
    with connection.cursor() as cursor:
        cursor.executemany(FOLLOW, followed)
    return sum(sequence not in spans[kind, name] for kind, name, sequence, *_ in inserted)


def _written(run: Run) -> list[Any]:
    return [run.first, run.sequence, run.events, run.occurred_on.isoformat(), str(run.event_id)]


def _read(written: list[Any]) -> Run:
    first, sequence, events, occurred_on, event_id = written
    return Run(first, sequence, events, datetime.fromisoformat(occurred_on), UUID(event_id))
