"""Reads every partition of the own log and publishes what of the other region it holds (B1, B20).

Invariant: the vector names nothing that this log lacks. A log that was made anew (offsets start again)
makes the reader forget everything and start again.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

from lifeline.lambdas.contracts.log import GroupLog
from lifeline.lambdas.contracts.serving_region import ServingRegion
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.markers import (
    Marker,
    Watermark,
    entries_from_json,
    entries_to_json,
    rows_of_vector,
    vector_to_json,
)
from lifeline.services.shared.log_clients import client_settings, consumer_settings
from lifeline.services.shared.log_lines import say
from lifeline.services.shared.topics import WATERMARK_TOPIC

PUBLISH_SECONDS = 1.0
READ_RECORDS = 5_000
READ_SECONDS = 0.2


class LogMadeAnew(Exception):
    """An offset was met twice, or is gone: what was read before proves nothing now."""


class PublishedVectors:
    """Thread-safe: what `/v1/watermark` answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own: list[dict[str, Any]] = []
        self._peers: list[dict[str, Any]] = []

    def entries(self) -> list[dict[str, Any]]:
        """Both directions: ours about the other origin, the other's about ours."""
        with self._lock:
            return [*self._own, *self._peers]

    def set_own(self, rows: list[dict[str, Any]]) -> None:
        """What this region's reader found of the other origin."""
        with self._lock:
            self._own = rows

    def set_peers(self, rows: list[dict[str, Any]]) -> None:
        """What the other region's reader published about this origin."""
        with self._lock:
            self._peers = rows


class WatermarkReader:
    """The thread's loop: read, observe, publish each second."""

    def __init__(
        self,
        log: GroupLog,
        region: ServingRegion,
        published: PublishedVectors,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self._log, self._region, self._published = log, region, published
        self._watermark = Watermark()
        self._last: dict[tuple[str, int], int] = {}

    def run(self, stopping: threading.Event) -> None:
        """Until stopping; after any failure it starts from the beginning again."""
        while not stopping.is_set():
            consumer: Consumer | None = None
            try:
                consumer = self._consumer()
                self._follow(consumer, stopping)
            except Exception as error:
                say("watermark reader starts again", error=f"{type(error).__name__}: {error}"[:200])
                self._clock.wait(stopping, 1.0)
            finally:
                if consumer is not None:
                    consumer.close()

    def observe(
        self,
        topic: str,
        partition: int,
        offset: int,
        headers: list[tuple[str, bytes]],
        value: bytes,
    ) -> None:
        """One event or marker record. Raises LogMadeAnew, ValueError for a marker that cannot be read."""
        place = (topic, partition)
        if offset <= self._last.get(place, -1):
            raise LogMadeAnew(f"{topic}/{partition}: offset {offset} again")
        self._last[place] = offset
        if ("kind", b"marker") in headers:
            self._watermark.observe(Marker.from_bytes(value), topic, partition)

    def rows(self) -> list[dict[str, Any]]:
        """The vector of the other origin, as published."""
        return entries_to_json(self._region.region, self._watermark.of(self._region.peer_region))

    def hear(self, key: bytes | None, value: bytes) -> None:
        """A vector read on `system.watermark`; only the other region's word about our origin counts."""
        peer, own = self._region.peer_region, self._region.region
        if key != peer.encode():
            return
        rows = rows_of_vector(json.loads(value))
        entries_from_json(rows)  # raises for a malformed row
        self._published.set_peers(
            [row for row in rows if row["region"] == own and row["safe_in"] == peer]
        )

    def _consumer(self) -> Consumer:
        self._watermark, self._last = Watermark(), {}
        self._published.set_own([])
        group = f"watermark-{self._region.suffix}"
        settings = consumer_settings(self._log, purpose="watermark", group=group)
        consumer = Consumer(settings | {"auto.offset.reset": "error"})
        places = [(t, p) for t, count in self._log.partitions.items() for p in range(count)]
        places.append((WATERMARK_TOPIC, 0))
        consumer.assign([TopicPartition(t, p, OFFSET_BEGINNING) for t, p in places])
        return consumer

    def _follow(self, consumer: Consumer, stopping: threading.Event) -> None:
        producer = Producer(
            client_settings(self._log, purpose="watermark")
            | {"acks": "all", "delivery.timeout.ms": 4_000}
        )
        publish_at = self._clock.monotonic()
        while not stopping.is_set():
            for message in consumer.consume(READ_RECORDS, READ_SECONDS):
                self._take(message)
            if self._clock.monotonic() >= publish_at:
                publish_at = self._clock.monotonic() + PUBLISH_SECONDS
                self._publish(producer)

    def _take(self, message: Any) -> None:
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._AUTO_OFFSET_RESET:
                raise LogMadeAnew(error.str())
            return  # the client gets over the others by itself; meanwhile the vector stands still
        if message.topic() == WATERMARK_TOPIC:
            try:
                self.hear(message.key(), message.value())
            except (ValueError, KeyError, TypeError) as error:
                say("a published vector cannot be read", error=str(error)[:200])
            return
        try:
            self.observe(
                message.topic(),
                message.partition(),
                message.offset(),
                message.headers() or [],
                message.value() or b"",
            )
        except ValueError as error:
            say(
                "a marker cannot be read",
                topic=message.topic(),
                partition=message.partition(),
                error=str(error)[:200],
            )

    def _publish(self, producer: Producer) -> None:
        rows = self.rows()
        self._published.set_own(rows)
        region = self._region.region
        body = json.dumps(vector_to_json(region, rows), separators=(",", ":")).encode()
        try:
            producer.produce(WATERMARK_TOPIC, body, key=region.encode(), partition=0)
        except BufferError:
            say("a vector was not published: the log takes nothing")
        producer.poll(0)
