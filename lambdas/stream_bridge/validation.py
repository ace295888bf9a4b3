"""What the bridge accepts and why it refuses: pure, time passed in (C2, C3).

The verdict on a record follows from the record alone: age is counted from its arrival in the stream, so
that a redelivered batch, or a tail drained days later, is judged as it was the first time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from lifeline.lambdas.failover.event_limits import (
    HOT_RETENTION,
    MAX_AGGREGATE_ID,
    MAX_FRACTION_DIGITS,
    MAX_FUTURE,
    MAX_OFFSET,
    MAX_SEQUENCE,
    MAX_VERSION,
)
from lifeline.lambdas.stream_bridge.event_schemas import EventSchemas
from lifeline.lambdas.stream_bridge.observation_rules import broken_rule
from lifeline.lambdas.stream_bridge.strict_json import NotTaken, strictly_read

_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
    rf"(?:\.\d{{1,{MAX_FRACTION_DIGITS}}})?(?:Z|[+-]\d{{2}}:[0-5]\d)",
    re.ASCII,
)
_INTEGERS = {"version": MAX_VERSION, "sequence": MAX_SEQUENCE}
_TYPE = re.compile(r"[A-Z][a-zA-Z]*Event", re.ASCII)
_TOPICS = (
    (re.compile(r"ObservationRecordedEvent"), "clinical.observation.recorded"),
    (re.compile(r"Patient[a-zA-Z]*Event"), "clinical.patient.events"),
    (re.compile(r"Appointment[a-zA-Z]*Event"), "administrative.appointment.events"),
)


UNFIT = frozenset({"malformed", "unknown-type", "wrong-version", "bad-time", "schema"})
"""The reasons that say an event is not as its schema wants it; the others are its age, or our defect."""


class Accepted(NamedTuple):
    """Goes to `topic` under `key`."""

    topic: str
    key: str


@dataclass(frozen=True)
class Rejected:
    """Goes raw to `error.dlq`. `detail` is a sentence without any value out of the event."""

    reason: str
    detail: str
    defect: str = ""
    """The class of the exception that judging raised: a defect of ours, not of the record's sender."""


Verdict = Accepted | Rejected
T = TypeVar("T")


def judge(raw: bytes, arrived_at: datetime, schemas: EventSchemas) -> Verdict:
    """The verdict on one event. Never raises for anything that `raw` may hold (B23)."""
    return total(_judged, raw, arrived_at, schemas)


def total(judgement: Callable[..., T], *arguments: object) -> T | Rejected:
    """What `judgement` returns; a reject with the reason `defect` when it raises (B23).

    An exception would have the batch delivered again for ever: one record would stop its shard. Its text
    may quote the record, so only its class is kept. Raises what says nothing about the record: no memory
    left, or the process told to end.
    """
    try:
        return judgement(*arguments)
    except (MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of a native package is no Exception
        name = type(error).__name__
        return Rejected(
            "defect", f"A defect of the bridge: judging the record raised {name}.", name
        )


def _judged(raw: bytes, arrived_at: datetime, schemas: EventSchemas) -> Verdict:
    try:
        event = strictly_read(raw)
    except NotTaken as error:
        return Rejected("malformed", str(error))
    refused = _refused_kind(event, schemas)
    if refused is not None:
        return refused
    occurred_on = _moment(event.get("occurredOn"))
    if isinstance(occurred_on, Rejected):
        return occurred_on
    refused = _refused_shape(event, schemas)
    if refused is not None:
        return refused
    if occurred_on is None:
        raise AssertionError("judged before: the envelope wants a text for occurredOn")
    return _refused_age(occurred_on, arrived_at) or _routed(event)


@lru_cache(maxsize=100)
def topic_of(event_type: str) -> str | None:
    """The topic that an event type is written to; None for a type without one."""
    for pattern, topic in _TOPICS:
        if pattern.fullmatch(event_type):
            return topic
    return None


def _refused_kind(event: dict[str, Any], schemas: EventSchemas) -> Rejected | None:
    event_type, version = event.get("eventType"), event.get("version")
    if not isinstance(event_type, str) or not _TYPE.fullmatch(event_type):
        return None  # the envelope's schema says it better
    known = schemas.versions.get(event_type)
    if known is None or topic_of(event_type) is None:
        return Rejected("unknown-type", "No schema is released for the event's type.")
    if isinstance(version, int) and not isinstance(version, bool) and version not in known:
        released = ", ".join(str(one) for one in sorted(known))
        return Rejected("wrong-version", f"Released versions of {event_type}: {released}.")
    return None


def _moment(occurred_on: object) -> datetime | Rejected | None:
    if not isinstance(occurred_on, str):
        return None  # the envelope's schema says it better
    if not _TIME.fullmatch(occurred_on):
        return Rejected(
            "bad-time",
            "occurredOn is not RFC 3339 with seconds and offset minutes 00-59 and at most "
            f"{MAX_FRACTION_DIGITS} fractional digits.",
        )
    try:
        moment = datetime.fromisoformat(occurred_on)
        moment.astimezone(UTC)  # raises OverflowError at the edges of the calendar
        offset = moment.utcoffset()
    except (ValueError, OverflowError):
        return Rejected("bad-time", "occurredOn names a day or a zone offset that does not exist.")
    if offset is None or abs(offset) > MAX_OFFSET:
        return Rejected("bad-time", "occurredOn names a zone offset that does not exist.")
    return moment


def _refused_shape(event: dict[str, Any], schemas: EventSchemas) -> Rejected | None:
    if not schemas.envelope.is_valid(event):
        return Rejected("schema", _why(schemas.envelope, event, "envelope"))
    # JSON Schema takes 2.0 for an integer; the database's columns do not, nor does the schema's name.
    for name, most in _INTEGERS.items():
        if not isinstance(event[name], int):
            return Rejected(
                "schema", f"{name} must be written as an integer, without fraction or exponent."
            )
        if event[name] > most:
            return Rejected("schema", f"{name} is above {most}.")
    if len(event["aggregateId"]) > MAX_AGGREGATE_ID:
        return Rejected("schema", f"aggregateId has more than {MAX_AGGREGATE_ID} characters.")
    payload_schema = schemas.payloads[event["eventType"], event["version"]]
    if not payload_schema.is_valid(event["payload"]):
        return Rejected("schema", _why(payload_schema, event["payload"], "payload"))
    broken = broken_rule(event["eventType"], event["version"], event["payload"])
    if broken:
        return Rejected("schema", broken)
    return None


def _refused_age(occurred_on: datetime, arrived_at: datetime) -> Rejected | None:
    # Subtraction, never addition: the year 0001 and 9999 must not overflow.
    age = arrived_at - occurred_on
    if age > HOT_RETENTION:
        return Rejected(
            "too-old", f"The event is older than {HOT_RETENTION.days} days at its arrival."
        )
    if -age > MAX_FUTURE:
        return Rejected(
            "from-future", "The event lies more than 5 minutes in the future at its arrival."
        )
    return None


def _routed(event: dict[str, Any]) -> Accepted:
    topic = topic_of(event["eventType"])
    if topic is None:
        raise AssertionError("judged before: a type without topic is an unknown type")
    return Accepted(topic=topic, key=event["aggregateId"])


def _why(validator: Any, value: object, what: str) -> str:
    """The first broken keyword and where; never the value, which may be a patient's."""
    error = next(iter(validator.iter_errors(value)))
    place = "/".join([what, *(str(part) for part in error.instance_path)])
    return f"{place} breaks `{error.schema_path[-1]}` of its schema."
