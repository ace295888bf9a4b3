"""What a region's log holds: each event record of every partition, whatever topic it lies in (E1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from confluent_kafka import Message

from drill.envelope import digest_of, parsed
from drill.log_reading import headers_of, records, topics_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OF_THE_PLATFORM = ("system.", "mm2-", "__", "heartbeats", "peer.checkpoints")
"""Topics without events, by how their names begin: the watermark's, Connect's and Kafka's own."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One record: where it lies, from which place of which stream it came, and what it says.

    `sequence` is a decimal text: a stream's has 56 digits. Of a record that is no envelope `event_id` and
    `digest` are empty, and `occurred_us` is 0.
    """

    log: str
    topic: str
    partition: int
    origin: str
    incarnation: str
    shard: str
    sequence: str
    event_id: str
    occurred_us: int
    digest: str


def read_log(region: str, bootstrap: str) -> Iterator[Logged]:
    """All of it, to its end as of now. Raises what `records` raises."""
    topics = [one for one in topics_of(bootstrap) if not one.startswith(OF_THE_PLATFORM)]
    for message in records(bootstrap, topics):
        found = logged_of(region, message)
        if found is not None:
            yield found


def logged_of(region: str, message: Message) -> Logged | None:
    """One record; None for a marker, which is no event."""
    headers = headers_of(message)
    if headers.get("kind") == "marker":
        return None
    event_id, occurred_us, digest = "", 0, ""
    try:
        body = parsed(message.value() or b"")
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        event_id, digest = str(body.get("eventId") or ""), digest_of(body)
        occurred_us = _microseconds(str(body.get("occurredOn") or ""))
    return Logged(
        log=region,
        topic=str(message.topic()),
        partition=int(message.partition() or 0),
        origin=headers.get("origin", ""),
        incarnation=headers.get("incarnation", ""),
        shard=headers.get("shard", ""),
        sequence=headers.get("sequence", ""),
        event_id=event_id,
        occurred_us=occurred_us,
        digest=digest,
    )


def _microseconds(text: str) -> int:
    """Since 1970; 0 for what is no time."""
    try:
        return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)
    except (TypeError, ValueError):
        return 0
