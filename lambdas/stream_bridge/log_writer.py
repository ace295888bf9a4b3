"""The region's log as the bridge writes it: all of it acknowledged, or an error (B6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from lifeline.lambdas.certificates.log_tls import VERIFIED_LOG
from lifeline.lambdas.failover.markers import AGAIN
from lifeline.lambdas.stream_bridge.batch import Headers, LogRecord, origin_headers
from lifeline.lambdas.stream_bridge.shard_count import CountedMarker

DELIVERY_TIMEOUT_MS = 5_000
FLUSH_TIMEOUT_SECONDS = 6.0


class DeliveryFailed(Exception):
    """Not everything was acknowledged: the whole batch must be delivered to the bridge again."""


class LogWriter:
    """One idempotent producer, made when first needed; after a failure it is thrown away.

    A producer that failed may hold records it would still send: they would arrive behind the
    retried batch's, out of order. So they are purged and the next write starts with a new producer.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._producer: Producer | None = None

    def write(self, records: Iterable[LogRecord], at_ms: int) -> None:
        """Write all, flush, check every acknowledgement. Raises DeliveryFailed."""

        def produce(producer: Producer, report: Callable[..., None]) -> None:
            for record in records:
                producer.produce(
                    record.topic,
                    record.value,
                    partition=record.partition,
                    key=record.key,
                    headers=record.headers,
                    timestamp=at_ms,
                    on_delivery=report,
                )

        self._acknowledged(produce)

    def write_marker(self, counted: CountedMarker, at_ms: int) -> None:
        """One record in every partition that the marker declares. Raises DeliveryFailed."""
        marker = counted.marker
        headers: Headers = [("kind", b"marker"), *origin_headers(marker.pair, marker.sequence)]
        if counted.again:
            headers.append((AGAIN, b"1"))

        def produce(producer: Producer, report: Callable[..., None]) -> None:
            for (topic, partition), record in counted.records():
                producer.produce(
                    topic,
                    record.to_bytes(),
                    partition=partition,
                    headers=headers,
                    timestamp=at_ms,
                    on_delivery=report,
                )

        self._acknowledged(produce)

    def discard(self) -> None:
        """Forget the producer and whatever it has not sent."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.flush(0)

    def _acknowledged(self, produce: Callable[[Producer, Callable[..., None]], None]) -> None:
        failures: list[str] = []

        def report(error: KafkaError | None, _message: object) -> None:
            if error is not None:
                failures.append(error.str())

        try:
            if self._producer is None:
                self._producer = Producer(self._settings)
            produce(self._producer, report)
            left = self._producer.flush(FLUSH_TIMEOUT_SECONDS)
        except (KafkaException, BufferError) as error:
            self.discard()
            raise DeliveryFailed(str(error)) from error
        if failures or left:
            self.discard()
            first = failures[0] if failures else "no answer"
            raise DeliveryFailed(f"{len(failures)} refused, {left} unacknowledged: {first}")


def producer_settings(*, bootstrap: str, auth: str, region: str) -> dict[str, Any]:
    """librdkafka's settings. There is no partitioner: each record says its partition (B27)."""
    settings: dict[str, Any] = {
        "bootstrap.servers": bootstrap,
        "client.id": "stream-bridge",
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 5,
        "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
        "request.timeout.ms": 3_000,
        "socket.timeout.ms": 4_000,
        "socket.connection.setup.timeout.ms": 3_000,
        "reconnect.backoff.max.ms": 1_000,
        "queue.buffering.max.messages": 200_000,
        "message.max.bytes": 2_000_000,
        "log_level": 3,
    }
    if auth == "iam":
        settings |= {
            **VERIFIED_LOG,
            "sasl.mechanism": "OAUTHBEARER",
            "oauth_cb": lambda _config: _iam_token(region),
        }
    return settings


def _iam_token(region: str) -> tuple[str, float]:
    # Imported here: the lab has no use for it and a cold start pays for every import.
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider

    token, expires_ms = MSKAuthTokenProvider.generate_auth_token(region)
    return str(token), float(expires_ms) / 1000
