"""A FHIR R4 Observation as the read side needs it: what it measures, when, and what it corrects. Pure.

What names an Observation: its `id`, and each of its `identifier`s. An amended, corrected or entered-in-error
one corrects every other Observation of the same aggregate that shares a name with it (ADR 21).
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import msgspec

from lifeline.lambdas.failover.event_limits import MAX_FUTURE

KEPT = "SELECT to_regclass('public.quality_flag') IS NOT NULL"
"""Whether the database has the tables for Observations: a release is deployed before it migrates."""
OBSERVATION = "ObservationRecordedEvent"
WITHDRAWN = "entered-in-error"
CORRECTIONS = frozenset({"amended", "corrected", WITHDRAWN})
MEASURED = frozenset({"preliminary", "final", "amended", "corrected"})
"""The statuses whose value was measured, and is not taken back."""
LOINC = "http://loinc.org"
_EPOCH, _DAY_SECONDS = datetime(1970, 1, 1, tzinfo=UTC), 86_400
_PRECISION = len("2026-11-21T12:00:00")


class _Coding(msgspec.Struct):
    system: str = ""
    code: str = ""


class _Concept(msgspec.Struct):
    coding: list[_Coding] = []


class _Quantity(msgspec.Struct):
    value: msgspec.Raw = msgspec.Raw()
    code: str = ""
    unit: str = ""


class _Identifier(msgspec.Struct):
    system: str = ""
    value: str = ""


class _Period(msgspec.Struct):
    start: str = ""
    end: str = ""


class _Component(msgspec.Struct):
    code: _Concept = msgspec.field(default_factory=_Concept)
    valueQuantity: _Quantity | None = None


class _Observation(msgspec.Struct):
    status: str = ""
    id: str = ""
    identifier: list[_Identifier] = []
    code: _Concept = msgspec.field(default_factory=_Concept)
    valueQuantity: _Quantity | None = None
    component: list[_Component] = []
    effectiveDateTime: str = ""
    effectiveInstant: str = ""
    effectivePeriod: _Period | None = None


_DECODER = msgspec.json.Decoder(_Observation)


class Quantity(msgspec.Struct, frozen=True):
    """One measured quantity. `component` is its place in a panel; None: the Observation's own value.

    `value` is the number as it was written (C8); empty: there is none.
    """

    code: str
    component: int | None
    value: str
    unit: str
    ucum: str


class Observation(msgspec.Struct, frozen=True):
    """`names` are hashes: an identifier may be long, and a patient's.

    `measured` is when, if the sender says it to the second (`timed`), else when the event occurred.
    """

    status: str
    names: tuple[str, ...]
    measured: datetime
    timed: bool
    quantities: tuple[Quantity, ...]
    """One for each LOINC code that it has, with or without a value."""

    @property
    def corrects(self) -> bool:
        """Whether it takes the place of what shares a name with it, or takes it back."""
        return self.status in CORRECTIONS


def observation_of(payload: bytes, occurred_on: datetime) -> Observation | None:
    """None for a payload that is no Observation: `payload` passed a schema of some release."""
    try:
        read = _DECODER.decode(payload)
    except msgspec.DecodeError:
        return None
    measured = _measured(read, occurred_on)
    return Observation(
        read.status,
        _names(read),
        measured or occurred_on.astimezone(UTC),
        measured is not None,
        _quantities(read),
    )


def sortable(moment: datetime) -> str:
    """Microseconds since 1970, as many digits for each: what was measured before counts as then."""
    since = moment - _EPOCH
    microseconds = (since.days * _DAY_SECONDS + since.seconds) * 1_000_000 + since.microseconds
    return f"{max(0, microseconds):017d}"


def _names(read: _Observation) -> tuple[str, ...]:
    names = [_hashed("id", read.id)] if read.id else []
    names += [_hashed("identifier", one.system, one.value) for one in read.identifier if one.value]
    return tuple(names)


def _hashed(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _quantities(read: _Observation) -> tuple[Quantity, ...]:
    found: list[Quantity] = []
    if read.valueQuantity is not None or not read.component:
        _add(found, None, read.code, read.valueQuantity)  # a panel's own code has no value to have
    for number, one in enumerate(read.component):
        _add(found, number, one.code, one.valueQuantity)
    return tuple(found)


def _add(
    found: list[Quantity], component: int | None, concept: _Concept, quantity: _Quantity | None
) -> None:
    for coding in concept.coding:
        if coding.system == LOINC and coding.code:
            if quantity is None:
                found.append(Quantity(coding.code, component, "", "", ""))
            else:
                value = bytes(quantity.value).decode()
                found.append(Quantity(coding.code, component, value, quantity.unit, quantity.code))


def _measured(read: _Observation, occurred_on: datetime) -> datetime | None:
    texts = [read.effectiveDateTime, read.effectiveInstant]
    if read.effectivePeriod is not None:
        texts += [read.effectivePeriod.end, read.effectivePeriod.start]
    for text in texts:
        if len(text) > _PRECISION:  # a day or a year alone says no order
            try:
                read_as = datetime.fromisoformat(text)
                found = read_as.astimezone(UTC)
            except (ValueError, OverflowError):  # no such day, or at the edges of the calendar
                continue
            # A clock years ahead must not hold the newest place for years; one without a zone says little.
            if read_as.tzinfo is not None and found - occurred_on <= MAX_FUTURE:
                return found
    return None
