"""What the survivor's `error.dlq` topic holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from drill.log_reading import headers_of, records

TOPIC = "error.dlq"
MOST = 200_000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A rejected record: its place in the edge stream (the receipt), its id if it has one, and why."""

    origin: str
    incarnation: str
    shard: str
    sequence: int
    event_id: str
    reason: str
    detail: str


def read_dead_letters(bootstrap: str, *, deadline_seconds: float = 60.0) -> list[DeadLetter]:
    """All rejects. Raises TimeoutError when the end is not reached, ValueError when there are too many."""
    found: list[DeadLetter] = []
    for message in records(bootstrap, [TOPIC], deadline_seconds=deadline_seconds):
        letter = letter_of(headers_of(message), message.value() or b"")
        if letter is not None:
            found.append(letter)
        if len(found) > MOST:
            raise ValueError(f"{TOPIC} holds more than {MOST} rejects")
    return found


def letter_of(headers: Mapping[str, str], value: bytes) -> DeadLetter | None:
    """One record as a dead letter; None for a marker."""
    if headers.get("kind") == "marker":
        return None
    event_id = ""
    try:
        body = orjson.loads(value)
        if isinstance(body, dict):
            event_id = str(body.get("eventId") or "")
    except orjson.JSONDecodeError:
        pass
    return DeadLetter(
        origin=headers.get("origin", ""),
        incarnation=headers.get("incarnation", ""),
        shard=headers.get("shard", ""),
        sequence=int(headers.get("sequence") or 0),
        event_id=event_id,
        reason=headers.get("reason", ""),
        detail=headers.get("detail", ""),
    )
