"""What the survivor's `error.dlq` topic holds: read from the beginning to its end as of now, bounded."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

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
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "drill-checker",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": False,
        }
    )
    try:
        return _read(consumer, bootstrap, time.monotonic() + deadline_seconds)
    finally:
        consumer.close()


def _read(consumer: Consumer, bootstrap: str, deadline: float) -> list[DeadLetter]:
    topic = consumer.list_topics(TOPIC, timeout=10).topics[TOPIC]
    if topic.error is not None:
        raise KafkaException(topic.error)
    # Up to the end as it stands now: the platform goes on writing markers behind it, and the drill
    # has settled, so a record younger than this look ends its partition as the end itself does.
    began_ms = time.time() * 1000
    open_partitions = set(topic.partitions)
    consumer.assign([TopicPartition(TOPIC, number, OFFSET_BEGINNING) for number in open_partitions])
    found: list[DeadLetter] = []
    while open_partitions:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{TOPIC} at {bootstrap} was not read to its end in time")
        message = consumer.poll(0.5)
        if message is None:
            continue
        error = message.error()
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            open_partitions.discard(message.partition())
            continue
        letter = letter_of(_texts(message.headers()), message.value() or b"")
        if letter is not None:
            found.append(letter)
        if len(found) > MOST:
            raise ValueError(f"{TOPIC} holds more than {MOST} rejects")
        if message.timestamp()[1] >= began_ms:
            open_partitions.discard(message.partition())
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


def _texts(headers: object) -> dict[str, str]:
    pairs = headers if isinstance(headers, list) else []
    return {
        str(key): value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
        for key, value in pairs
    }
