"""One partition of the region's own log, read again from a moment on: for a repair of the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from lifeline.lambdas.certificates.log_tls import VERIFIED_LOG
from lifeline.lambdas.contracts.stream_bridge import REPAIR_GROUP
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.markers import Place
from lifeline.lambdas.stream_bridge.stretch import Read

EARLIER_MS = 60_000
"""Before a marker's birth: the service that bore it and the bridge have clocks of their own."""
LOOKUP_SECONDS = 10.0
SILENT_SECONDS = 15.0
"""A broker that answers nothing for so long ends the reading with an error."""
PAGE, PAGE_SECONDS = 1_000, 0.2


class LogReader:
    """`settings`: the bridge's own, as its producer has them."""

    def __init__(self, settings: dict[str, Any], clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        address = {"bootstrap.servers", "sasl.mechanism", "oauth_cb", *VERIFIED_LOG}
        signed_in = {
            key: value
            for key, value in settings.items()
            if key in address or key.startswith("socket.")
        }
        self._settings = signed_in | {
            "client.id": REPAIR_GROUP,
            # Never joined: the partition is assigned, and no offset is committed.
            "group.id": REPAIR_GROUP,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": False,
            "log_level": 2,
        }

    def records(self, place: Place, since_ms: int) -> Iterator[Read]:
        """From a minute before `since_ms` on (0: from the beginning) to the end as it stands now.

        Raises KafkaException, also for a broker that stopped answering.
        """
        consumer = Consumer(self._settings)
        try:
            start = TopicPartition(*place, OFFSET_BEGINNING)
            if since_ms > EARLIER_MS:
                asked = TopicPartition(*place, since_ms - EARLIER_MS)
                (start,) = consumer.offsets_for_times([asked], timeout=LOOKUP_SECONDS)
                if start.error is not None:
                    raise KafkaException(start.error)
            consumer.assign([start])
            yield from _to_the_end(consumer, self._clock)
        finally:
            consumer.close()


def _to_the_end(consumer: Consumer, clock: Clock) -> Iterator[Read]:
    heard_at = clock.monotonic()
    while clock.monotonic() - heard_at < SILENT_SECONDS:
        # It waits for a whole page, or for so long.
        for message in consumer.consume(PAGE, PAGE_SECONDS):
            heard_at = clock.monotonic()
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                return
            if error is not None:
                raise KafkaException(error)
            headers: Any = message.headers() or []
            yield Read(message.key(), message.value() or b"", headers)
    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
