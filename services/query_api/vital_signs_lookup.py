"""A patient's newest vital signs out of what the event applier keeps, corrected as they are read (ADR 21).

The values are those of the stored events, digit by digit (C8): `vital_sign` only says where they stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from lifeline.services.shared.database import Connection
from lifeline.services.shared.observations import (
    KEPT,
    WITHDRAWN,
    Observation,
    Quantity,
    observation_of,
    sortable,
)
from lifeline.services.shared.vital_signs import vital_signs

# One partition each: the day is in the reading, so no index of another day is asked.
READINGS = """
SELECT held.code, reading, e.event_id::text, e.occurred_on, coalesce(e.payload_text::text, e.payload::text),
    ARRAY(SELECT f.flag FROM quality_flag AS f WHERE f.event_id = e.event_id
        AND f.occurred_on = e.occurred_on AND f.code = held.code ORDER BY f.flag)
FROM vital_sign AS held, unnest(held.readings) WITH ORDINALITY AS place (reading, number),
LATERAL (SELECT * FROM event WHERE event_id = split_part(reading, ' ', 3)::uuid
    AND occurred_on = 'epoch'::timestamptz + split_part(reading, ' ', 2)::bigint * interval '1 microsecond'
    AND (event.aggregate_type, event.aggregate_id) = (held.aggregate_type, held.aggregate_id)
    LIMIT 1) AS e
WHERE held.aggregate_type = %s AND held.aggregate_id = %s
ORDER BY held.code, number
"""
CORRECTIONS = """
SELECT name, status, event_id::text FROM observation_correction
WHERE aggregate_type = %s AND aggregate_id = %s AND name = ANY(%s)
ORDER BY occurred_on, sequence, event_id
"""

# It changes with every value that counts, at the cost of a look at two indexes: corrections may be many, and
# each changes the number of their aggregate. The text in front: the release before made versions otherwise.
VERSION = """
SELECT encode(sha256(convert_to(concat_ws('|', 'numbered',
    (SELECT string_agg(concat_ws(' ', code, array_to_string(readings, ',')), ';' ORDER BY code)
        FROM vital_sign WHERE aggregate_type = %(type)s AND aggregate_id = %(id)s),
    (SELECT number FROM correction_version WHERE aggregate_type = %(type)s AND aggregate_id = %(id)s)
), 'UTF8')), 'hex')
"""
# The tables for Observations; and those of the version, which `migrate` lets the workloads read at its end.
MIGRATED = f"""
{KEPT}, coalesce(has_table_privilege(to_regclass('public.correction_version'), 'SELECT'), false)
"""


@dataclass(frozen=True)
class Correction:
    """The newest one of a name."""

    status: str
    event_id: str


@dataclass(frozen=True)
class _Reading:
    code: str
    event_id: str
    observation: Observation
    quantity: Quantity
    flags: list[str]


def newest_vital_signs(
    connection: Connection, aggregate_type: str, aggregate_id: str
) -> list[dict[str, Any]]:
    """One for each vital sign that has a value which nobody took back, by code."""
    place = (aggregate_type, aggregate_id)
    readings = [
        one for row in connection.execute(READINGS, place).fetchall() if (one := _reading(*row))
    ]
    names = sorted({name for one in readings for name in one.observation.names})
    newest = newest_corrections(connection, aggregate_type, aggregate_id, names)
    found: dict[str, dict[str, Any]] = {}
    for one in readings:
        if one.code not in found and not is_corrected(
            one.event_id, correction_of(one.observation, newest)
        ):
            found[one.code] = _shown(one)
    return list(found.values())


def migrated(connection: Connection) -> tuple[bool, bool]:
    """Whether the database has vital signs, and whether it has versions of them."""
    is_kept, has_versions = connection.execute(MIGRATED).fetchone() or (False, False)
    return bool(is_kept), bool(has_versions)


def version_of(connection: Connection, aggregate_type: str, aggregate_id: str) -> str:
    """64 digits that differ as soon as a value of the patient is newer, or corrected."""
    asked = {"type": aggregate_type, "id": aggregate_id}
    (version,) = connection.execute(VERSION, asked).fetchone() or ("",)
    return str(version)


def newest_corrections(
    connection: Connection, aggregate_type: str, aggregate_id: str, names: list[str]
) -> dict[str, Correction]:
    """By name, the newest last."""
    if not names:
        return {}
    rows = connection.execute(CORRECTIONS, (aggregate_type, aggregate_id, names)).fetchall()
    return {name: Correction(status, event_id) for name, status, event_id in rows}


def correction_of(observation: Observation, newest: dict[str, Correction]) -> Correction | None:
    """The newest correction that shares a name with it."""
    shared = [one for name, one in newest.items() if name in observation.names]
    return shared[-1] if shared else None


def is_corrected(event_id: str, correction: Correction | None) -> bool:
    """Whether the event's value does not count: the newest correction's own does, unless withdrawn."""
    return correction is not None and (
        correction.event_id != event_id or correction.status == WITHDRAWN
    )


def _reading(
    code: str, text: str, event_id: str, occurred_on: datetime, payload: str, flags: list[str]
) -> _Reading | None:
    measured, _, _, component = text.split(" ")
    observation = observation_of(payload.encode(), occurred_on)
    # The same id may have come with another content, which is not the one that is stored (C9).
    if observation is None or sortable(observation.measured) != measured:
        return None
    for one in observation.quantities:
        place = "" if one.component is None else str(one.component)
        if (one.code, place) == (code, component) and one.value:
            return _Reading(code, event_id, observation, one, flags)
    return None


def _shown(one: _Reading) -> dict[str, Any]:
    return {
        "code": one.code,
        "name": vital_signs()[one.code].name if one.code in vital_signs() else "",
        "value": orjson.Fragment(one.quantity.value),
        "unit": one.quantity.unit,
        "unitCode": one.quantity.ucum,
        "measuredAt": one.observation.measured.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "status": one.observation.status,
        "eventId": one.event_id,
        "flags": one.flags,
    }
