"""What a batch's Observations change on the read side, in the transaction that stores them.

Invariant: the order of arrival changes nothing. Each write keeps the newest of what it knows, and correcting
is the reader's, so a correction may come before what it corrects, twice, or after a failover (ADR 21).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from lifeline.services.event_applier.batch import Envelope
from lifeline.services.event_applier.data_quality import INCOMPLETE, flags_of
from lifeline.services.shared.database import Connection
from lifeline.services.shared.observations import (
    MEASURED,
    OBSERVATION,
    Observation,
    observation_of,
    sortable,
)
from lifeline.services.shared.vital_signs import vital_signs

KEPT_READINGS = 5
"""Of each vital sign of a patient. When the newest is taken back, the one before it counts."""

# A reading's text begins with its times as digits, so that it sorts by them. Mostly what came is newer than
# what is held: then nothing is sorted.
KEEP_READINGS = """
INSERT INTO vital_sign AS held (aggregate_type, aggregate_id, code, readings)
SELECT aggregate_type, aggregate_id, code, string_to_array(readings, ',')
FROM unnest(%(types)b::text[], %(ids)b::text[], %(codes)b::text[], %(readings)b::text[])
    AS given (aggregate_type, aggregate_id, code, readings)
ON CONFLICT (aggregate_type, aggregate_id, code) DO UPDATE SET readings =
    CASE WHEN held.readings[1] < excluded.readings[cardinality(excluded.readings)]
    THEN (excluded.readings || held.readings)[:%(kept)s]
    ELSE ARRAY(SELECT DISTINCT one FROM unnest(held.readings || excluded.readings) AS one
        ORDER BY one DESC LIMIT %(kept)s) END
WHERE NOT held.readings @> excluded.readings
"""

# Only what is stored with this very payload counts: the same id may have come with another content (C9).
STORED = (
    "SELECT 1 FROM event WHERE event_id = %(event_id)s::uuid "
    "AND occurred_on = %(occurred_on)s::timestamptz "
    "AND payload_text::text = %(payload)s"
)
KEEP_CORRECTION = f"""
INSERT INTO observation_correction AS held
    (aggregate_type, aggregate_id, name, status, occurred_on, sequence, event_id)
SELECT %(aggregate_type)s, %(aggregate_id)s, name, %(status)s, %(occurred_on)s::timestamptz,
    %(sequence)s, %(event_id)s::uuid
FROM unnest(%(names)s::text[]) AS name WHERE EXISTS ({STORED})
ON CONFLICT (aggregate_type, aggregate_id, name) DO UPDATE
SET status = excluded.status, occurred_on = excluded.occurred_on, sequence = excluded.sequence,
    event_id = excluded.event_id
WHERE (held.occurred_on, held.sequence, held.event_id)
    < (excluded.occurred_on, excluded.sequence, excluded.event_id)
"""
KEEP_FLAGS = f"""
INSERT INTO quality_flag (event_id, occurred_on, code, flag)
SELECT %(event_id)s::uuid, %(occurred_on)s::timestamptz, code, flag
FROM unnest(%(codes)s::text[], %(flags)s::text[]) AS given (code, flag) WHERE EXISTS ({STORED})
ON CONFLICT DO NOTHING
"""


@dataclass
class Observed:
    """Of one batch. `seen`: the vital signs that came; `incomplete` and `implausible`: their flags."""

    readings: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)
    corrections: list[dict[str, Any]] = field(default_factory=list)
    flagged: list[dict[str, Any]] = field(default_factory=list)
    """One for each event: a payload is sent once, however many values it has."""
    seen: int = 0
    incomplete: int = 0
    implausible: int = 0

    @property
    def says_something(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.readings or self.corrections or self.flagged)


def observed(events: Iterable[Envelope], found: Observed | None = None) -> Observed:
    """What they say, added to what was `found`. What is no Observation says nothing: it is stored as well."""
    found = found or Observed()
    for event in events:
        if event.eventType != OBSERVATION:
            continue
        try:
            occurred_on = datetime.fromisoformat(event.occurredOn).astimezone(UTC)
            observation = observation_of(bytes(event.payload), occurred_on)
            if observation is not None:
                _add(found, event, occurred_on, observation)
        except MemoryError:  # says nothing about the event
            raise
        except Exception:  # whatever it is, one event must not stop the log (B23)
            continue
    return found


def write(connection: Connection, found: Observed) -> None:
    """Inside the apply transaction, after its rows are stored. Keys are sorted (C6)."""
    with connection.cursor() as cursor:
        if found.readings:
            keys = sorted(found.readings)
            newest = [sorted(found.readings[key], reverse=True)[:KEPT_READINGS] for key in keys]
            cursor.execute(
                KEEP_READINGS,
                {
                    "types": [key[0] for key in keys],
                    "ids": [key[1] for key in keys],
                    "codes": [key[2] for key in keys],
                    "readings": [",".join(one) for one in newest],
                    "kept": KEPT_READINGS,
                },
                prepare=True,
            )
        if found.corrections:
            order = itemgetter("aggregate_type", "aggregate_id", "occurred_on")
            cursor.executemany(KEEP_CORRECTION, sorted(found.corrections, key=order))
        if found.flagged:
            cursor.executemany(KEEP_FLAGS, sorted(found.flagged, key=itemgetter("event_id")))


def _add(found: Observed, event: Envelope, occurred_on: datetime, observation: Observation) -> None:
    if observation.corrects and observation.names:
        found.corrections.append(
            {
                **_stored(event),
                "aggregate_type": event.aggregateType,
                "aggregate_id": event.aggregateId,
                "sequence": event.sequence,
                "status": observation.status,
                "names": sorted(set(observation.names)),
            }
        )
    vital = [one for one in observation.quantities if one.code in vital_signs()]
    if not vital:
        return
    found.seen += len(vital)
    if observation.status in MEASURED:
        times = f"{sortable(observation.measured)} {sortable(occurred_on)}"
        for quantity in vital:
            if quantity.value:
                component = "" if quantity.component is None else quantity.component
                key = (event.aggregateType, event.aggregateId, quantity.code)
                reading = f"{times} {event.eventId.lower()} {component}"
                found.readings.setdefault(key, set()).add(reading)
    flags = list(flags_of(observation))
    if not flags:
        return
    missing = sum(flag in INCOMPLETE for _, flag in flags)
    found.incomplete += missing
    found.implausible += len(flags) - missing
    each = sorted(set(flags))
    found.flagged.append(
        {
            **_stored(event),
            "codes": [code for code, _ in each],
            "flags": [flag for _, flag in each],
        }
    )


def _stored(event: Envelope) -> dict[str, Any]:
    payload = bytes(event.payload).decode()
    return {"event_id": event.eventId, "occurred_on": event.occurredOn, "payload": payload}
