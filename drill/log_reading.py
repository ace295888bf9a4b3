"""A region's log read to its end as of now, bounded. No code of the platform is in it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

BATCH = 1_000


def topics_of(bootstrap: str) -> list[str]:
    """Every topic of the log. Raises KafkaException."""
    consumer = _consumer(bootstrap)
    try:
        return sorted(consumer.list_topics(timeout=10).topics)
    finally:
        consumer.close()


def records(
    bootstrap: str, topics: Sequence[str], *, deadline_seconds: float = 120.0
) -> Iterator[Message]:
    """Every record of these topics' partitions.

    Raises TimeoutError when nothing comes for `deadline_seconds` and the end is not reached.
    """
    consumer = _consumer(bootstrap)
    try:
        yield from _read(consumer, bootstrap, topics, deadline_seconds)
    finally:
        consumer.close()


def headers_of(message: Message) -> Mapping[str, str]:
    """A record's headers as text."""
    pairs = message.headers()
    return {
        str(key): value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
        for key, value in (pairs if isinstance(pairs, list) else [])
    }


def _consumer(bootstrap: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "drill-checker",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": False,
        }
    )


def _read(
    consumer: Consumer, bootstrap: str, topics: Sequence[str], deadline_seconds: float
) -> Iterator[Message]:
    # Up to the end as it stands now: the platform goes on writing markers behind it, and the drill
    # has settled, so a record younger than this look ends its partition as the end itself does.
    began_ms = time.time() * 1000
    left: set[tuple[str, int]] = set()
    for name in topics:
        topic = consumer.list_topics(name, timeout=10).topics[name]
        if topic.error is not None:
            raise KafkaException(topic.error)
        left |= {(name, number) for number in topic.partitions}
    consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in left])
    deadline = time.monotonic() + deadline_seconds
    while left:
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"{', '.join(topics)} at {bootstrap} was not read to its end in time"
            )
        for message in consumer.consume(BATCH, 0.5):
            # Counted from the newest record: how long reading takes depends on how much there is.
            deadline = time.monotonic() + deadline_seconds
            place = (str(message.topic()), int(message.partition() or 0))
            error = message.error()
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                left.discard(place)
                continue
            yield message
            if message.timestamp()[1] >= began_ms:
                left.discard(place)
