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
KEEP_FLAG = f"""
INSERT INTO quality_flag (event_id, occurred_on, code, flag)
SELECT %(event_id)s::uuid, %(occurred_on)s::timestamptz, %(code)s, %(flag)s WHERE EXISTS ({STORED})
ON CONFLICT DO NOTHING
"""


@dataclass
class Observed:
    """Of one batch. `counts` is by flag; `seen` the vital signs that were looked at."""

    readings: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)
    corrections: list[dict[str, Any]] = field(default_factory=list)
    flags: list[dict[str, Any]] = field(default_factory=list)
    seen: int = 0

    @property
    def incomplete(self) -> int:
        """Flags that say something is missing."""
        return sum(one["flag"] in INCOMPLETE for one in self.flags)

    @property
    def implausible(self) -> int:
        """The other flags."""
        return len(self.flags) - self.incomplete


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
        if found.flags:
            cursor.executemany(KEEP_FLAG, sorted(found.flags, key=itemgetter("event_id")))


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
    for code, flag in flags_of(observation):
        found.flags.append({**_stored(event), "code": code, "flag": flag})


def _stored(event: Envelope) -> dict[str, Any]:
    payload = bytes(event.payload).decode()
    return {"event_id": event.eventId, "occurred_on": event.occurredOn, "payload": payload}
