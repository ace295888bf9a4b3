"""The outbox's publisher: rows of `dead_letter` to the topic `error.dlq`, at least once, by id (C10)."""

from __future__ import annotations

from confluent_kafka import KafkaException, Producer

from lifeline.lambdas.contracts.log import LogAddress
from lifeline.lambdas.failover.clock import Clock
from lifeline.services.event_applier.dead_letters import DeadLetter
from lifeline.services.event_applier.store import Store
from lifeline.services.shared.log_clients import client_settings
from lifeline.services.shared.log_lines import say
from lifeline.services.shared.topics import DEAD_LETTERS

EVERY_SECONDS = 1.0
RETRY_SECONDS = 15.0
FLUSH_SECONDS = 2.0


class DeadLetterPublisher:
    """Applying does not wait for it: a topic that takes nothing is tried again later."""

    def __init__(self, settings: LogAddress, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._producer: Producer | None = None
        self._next_at = float("-inf")

    def publish(self, store: Store) -> None:
        """What is due, if it is time. Raises NotServing, psycopg.Error."""
        now = self._clock.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + EVERY_SECONDS
        try:
            sent = store.publish(self._send)
        except (KafkaException, BufferError, NotTaken) as error:
            self._next_at = now + RETRY_SECONDS
            self._drop_producer()
            say("error.dlq takes nothing", error=type(error).__name__)
            return
        if sent:
            say("dead letters published", records=sent)

    def _send(self, letters: list[DeadLetter]) -> None:
        if self._producer is None:
            self._producer = Producer(
                client_settings(self._settings, purpose="dead-letters")
                | {"acks": "all", "enable.idempotence": True, "partitioner": "murmur2_random"}
                | {"delivery.timeout.ms": 1_900, "request.timeout.ms": 1_500}
                | {"message.max.bytes": 2_000_000}
            )
        failed: list[str] = []
        for letter in letters:
            # The kind says that this is no record of a bridge: no manifest counts it (B26).
            why = [("kind", "quarantined"), ("reason", "malformed"), ("detail", letter.detail)]
            headers = [*letter.headers, *why]
            self._producer.produce(
                DEAD_LETTERS,
                letter.value,
                key=letter.id.encode(),
                headers=[(name, text.encode()) for name, text in (*headers, ("id", letter.id))],
                on_delivery=lambda error, _message: failed.append(str(error)) if error else None,
            )
        if self._producer.flush(FLUSH_SECONDS) or failed:
            raise NotTaken

    def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.flush(0)


class NotTaken(Exception):
    """Not every letter was acknowledged: all of them go again."""
