"""The letters of `error.dlq`, of both regions, as the topic is copied; read by offsets, in no group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from lifeline.lambdas.contracts.log import GroupLog
from lifeline.lambdas.failover.dead_letters import Letter, letter_of
from lifeline.services.shared.log_clients import consumer_settings
from lifeline.services.shared.topics import DEAD_LETTERS

LOOKUP_SECONDS = 10.0
READ_RECORDS = 1_000
SILENT_READS = 60
"""Reads of a second without a record before the ends that the brokers named: then they lied, or are gone."""


def letters(log: GroupLog, group: str, since_ms: int) -> Iterator[Letter]:
    """Each letter once, in its partition's order, from `since_ms` to the ends as they are now.

    Raises KafkaException, and RuntimeError when the log stops answering before its end.
    """
    consumer = Consumer(consumer_settings(log, purpose="dead-letters", group=group))
    try:
        seen: set[str] = set()
        for letter in _read(consumer, log.partitions[DEAD_LETTERS], since_ms):
            if letter.id not in seen:  # at least once: a retried batch, an outbox that sent again
                seen.add(letter.id)
                yield letter
    finally:
        consumer.close()


def _read(consumer: Consumer, partitions: int, since_ms: int) -> Iterator[Letter]:
    places = [TopicPartition(DEAD_LETTERS, one, max(0, since_ms)) for one in range(partitions)]
    ends: dict[int, int] = {}
    starts: list[TopicPartition] = []
    for one in consumer.offsets_for_times(places, timeout=LOOKUP_SECONDS):
        if one.error is not None:
            raise KafkaException(one.error)
        found = consumer.get_watermark_offsets(one, timeout=LOOKUP_SECONDS)
        if found is None:
            raise RuntimeError("the log does not say where error.dlq ends")
        if 0 <= one.offset < found[1]:  # -1: nothing that young
            starts.append(one)
            ends[one.partition] = found[1]
    consumer.assign(starts)
    silent = 0
    while ends:
        if silent >= SILENT_READS:
            raise RuntimeError("the log does not answer to the end of error.dlq")
        messages = consumer.consume(READ_RECORDS, 1.0)
        silent = 0 if messages else silent + 1
        for message in messages:
            if message.error() is not None:
                continue  # what passes is read again; what does not shows as silence
            number, offset = int(message.partition() or 0), int(message.offset() or 0)
            end = ends.get(number)
            if end is None or offset >= end:
                continue
            headers: Any = message.headers() or []
            if dict(headers).get("kind") != b"marker":
                raw = message.value() or b""
                yield letter_of(message.timestamp()[1], message.key(), raw, headers)
            if offset >= end - 1:
                del ends[number]
        # A topic's last records may be no events (a transaction's, or compacted away): the position counts.
        left = [TopicPartition(DEAD_LETTERS, number) for number in ends]
        for one in consumer.position(left) if left else []:
            if one.offset >= ends[one.partition]:
                del ends[one.partition]
