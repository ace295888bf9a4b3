"""A patient's newest vital signs out of the cache, if the database says that nothing has changed since.

Invariant: no newer value is ever hidden. Each read takes the version from the database, behind the guard; the
cache only spares reading the events and taking them apart (ADR 29).
"""

from __future__ import annotations

from typing import Any

import orjson

from lifeline.services.query_api.cache_entry import Kind
from lifeline.services.query_api.session_cache import SessionCache
from lifeline.services.query_api.vital_signs_lookup import newest_vital_signs, version_of
from lifeline.services.shared.database import Connection

KEPT_SECONDS = 120
"""How long what nobody reads lies in the cache. Also the longest that a quality flag which is found later, or
the end of an event's retention, may not show: neither is a value."""
PATIENT = "Patient"
"""The aggregate's type of who has vital signs."""


def vital_signs_of(
    connection: Connection, patient: str, *, epoch: int, cache: SessionCache | None
) -> dict[str, Any]:
    """The answer's fields. `epoch`: the one that the guard let the read pass at."""
    version = ""
    if cache is not None:
        version = version_of(connection, PATIENT, patient)
        kept = cache.read(Kind.VITAL_SIGNS, patient, epoch)
        if kept is not None and kept.startswith(version.encode()):
            return _answer(patient, kept[len(version) :], epoch, cached=True)
    found = orjson.dumps(newest_vital_signs(connection, PATIENT, patient))
    # Only what did not change while it was read: it would stand under the version of something older.
    if cache is not None and version == version_of(connection, PATIENT, patient):
        cache.write(
            Kind.VITAL_SIGNS, patient, epoch, version.encode() + found, seconds=KEPT_SECONDS
        )
    return _answer(patient, found, epoch, cached=False)


def _answer(patient: str, vital_signs: bytes, epoch: int, *, cached: bool) -> dict[str, Any]:
    # As they were written: parsing them would bend their numbers (C8).
    return {
        "patientId": patient,
        "vitalSigns": orjson.Fragment(vital_signs),
        "epoch": epoch,
        "cached": cached,
    }
