"""The archive's records into a topic of their own, each as it was: key, headers, time, partition and order.

Each carries where it came from. So a run that is stopped anywhere finds in the topic itself how far it came,
and writes no record twice.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from lifeline.lambdas.contracts.archiver import RESTORED
from lifeline.lambdas.contracts.log import GroupLog
from lifeline.lambdas.failover.markers import Place
from lifeline.services.archiver.archive_object import Archived, Chain, chain_of
from lifeline.services.archiver.proven_objects import chains
from lifeline.services.archiver.restoring import NotRestored, Restored, Source
from lifeline.services.shared.log_clients import client_settings, consumer_settings

FROM = "restored-from"
"""The header: `region/log id/offset`."""
COPIES, IN_SYNC = 3, 2
MOST_BYTES = 2 * 1024 * 1024
"""Of a record: what the marked topics take, and its origin."""
LOOKUP_SECONDS = 10.0
FLUSH_SECONDS = 60.0
READ_SECONDS = 30.0


class TopicRestore:
    """One run for one topic."""

    def __init__(
        self,
        log: GroupLog,
        suffix: str,
        source: Source,
        progress: Callable[[Restored], None],
    ) -> None:
        self._log, self._group, self._source = log, f"archive-{suffix}", source
        self._progress = progress
        self.done = Restored()
        self._refused: list[KafkaError] = []

    def run(self, places: Iterable[Place]) -> Restored:
        """Raises NotRestored, ArchiveError, KafkaException; the next run goes on from there."""
        producer = Producer(
            client_settings(self._log, purpose="restore")
            | {
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 50,
                "message.max.bytes": MOST_BYTES,
                # None gives up while later ones go on: what lies in the topic has no gap.
                "message.timeout.ms": 0,
            }
        )
        made: set[str] = set()
        for topic, partition in places:
            if topic not in made:
                made.add(topic)
                self._make(topic)
            reached = self._reached(topic, partition)
            begins_at = self._begins_at((topic, partition), reached)
            for chain, records, _ in self._source.stretches(
                (topic, partition), begins_at, self.done
            ):
                self._write(producer, chain, records)
                self._progress(self.done)
        return self.done

    def _begins_at(self, place: Place, reached: tuple[str, int] | None) -> Callable[[Chain], int]:
        """The logs before the one that was reached are done, those behind it have not begun."""
        if reached is None:
            return lambda _chain: 0
        log_id, following = reached
        in_order = chains(self._source.bucket, place, self._source.region)
        logs = [chain_of(objects[0].key)[0].log_id for objects in in_order]
        if log_id not in logs:
            raise NotRestored(
                f"{RESTORED}{place[0]} was restored from another archive ({log_id}): delete the topic, or "
                f"name the archive that it came from"
            )
        at = logs.index(log_id)

        def begins(chain: Chain) -> int:
            number = logs.index(chain.log_id)
            return following if number == at else 0 if number > at else sys.maxsize

        return begins

    def _make(self, topic: str) -> None:
        admin = AdminClient(client_settings(self._log, purpose="restore"))
        brokers = len(admin.list_topics(timeout=LOOKUP_SECONDS).brokers)
        copies = min(COPIES, brokers)
        name, count = f"{RESTORED}{topic}", self._log.partitions[topic]
        wanted = NewTopic(
            name,
            count,
            copies,
            config={
                "retention.ms": "-1",
                "max.message.bytes": str(MOST_BYTES),
                "min.insync.replicas": str(min(IN_SYNC, copies)),
            },
        )
        try:
            admin.create_topics([wanted])[name].result(LOOKUP_SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise

    def _reached(self, topic: str, partition: int) -> tuple[str, int] | None:
        """The log of the last restored record, and the offset behind it; None: nothing was restored yet."""
        settings = consumer_settings(self._log, purpose="restore", group=self._group)
        consumer = Consumer(settings)
        try:
            at = TopicPartition(f"{RESTORED}{topic}", partition)
            ends = consumer.get_watermark_offsets(at, timeout=LOOKUP_SECONDS)
            if ends is None:
                raise NotRestored(f"the log does not say where {at.topic} ends; run it again")
            low, high = ends
            if high <= low:
                return None
            # One source a partition, in order: the last record says it all.
            at.offset = high - 1
            consumer.assign([at])
            for message in consumer.consume(1, READ_SECONDS):
                if message.error() is None:
                    return self._reached_by(dict(message.headers() or []), at.topic)
        finally:
            consumer.close()
        raise NotRestored(
            f"the last record of {RESTORED}{topic}/{partition} did not come; run it again"
        )

    def _reached_by(self, headers: Mapping[str, Any], topic: str) -> tuple[str, int]:
        told = headers.get(FROM)
        if told is None:
            raise NotRestored(f"{topic} has records that no restore wrote: delete it first")
        region, log_id, offset = bytes(told).decode().split("/")
        if region != self._source.region:
            raise NotRestored(f"{topic} was restored from the archive of {region}: delete it first")
        return log_id, int(offset) + 1

    def _write(self, producer: Producer, chain: Chain, records: list[Archived]) -> None:
        def acknowledged(error: KafkaError | None, _message: Any) -> None:
            if error is not None:
                self._refused.append(error)

        for record in records:
            came_from = f"{chain.region}/{chain.log_id}/{record.offset}".encode()
            while True:
                try:
                    producer.produce(
                        f"{RESTORED}{chain.topic}",
                        record.value,
                        record.key,
                        chain.partition,
                        timestamp=record.time_ms,
                        headers=[*record.headers, (FROM, came_from)],
                        on_delivery=acknowledged,
                    )
                    break
                except BufferError:
                    producer.poll(0.5)
            producer.poll(0)
        left = producer.flush(FLUSH_SECONDS)
        if self._refused or left:
            why = (
                self._refused[0].str() if self._refused else f"{left} records were not acknowledged"
            )
            raise NotRestored(f"{RESTORED}{chain.topic}: {why}; run it again")
