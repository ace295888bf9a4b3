"""Copies one log into the other: what MSK Replicator is in AWS. One process in each region.

It lives in the *target's* region, as the service does, and reads through the link. Same topic, same
partition, same order, same timestamp, key and headers; one header is added, `replicated-from` (the
region whose log it was read from), and whatever carries it with the target's own name is dropped:
identical topic names in both directions would loop otherwise (B16). At least once: positions live in
memory; a new process starts at the earliest record.

Status (JSON over HTTP): `copied`, `last_copied_at`, `lag_seconds` (age of the newest record when it was
written in the target), `behind_seconds` (its age now: grows while nothing gets through), `error`.
"""

from __future__ import annotations

import argparse
import json
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from lab.places import LOOPBACK

HEADER = "replicated-from"
BATCH = 2000
POLL_SECONDS = 0.2
FLUSH_SECONDS = 5.0

Position = dict[tuple[str, int], int]


class Status:
    """What the replicator knows of itself; read by the drill for its lag curve."""

    def __init__(self, source: str, target: str) -> None:
        self.lock = threading.Lock()
        self.values: dict[str, Any] = {
            "from": source, "to": target, "copied": 0, "skipped": 0,
            "last_copied_at": None, "newest_record_at": None, "caught_up_at": None,
            "lag_seconds": None, "error": None,
        }  # fmt: skip

    def update(self, **changes: Any) -> None:
        with self.lock:
            self.values.update(changes)

    def as_json(self) -> bytes:
        with self.lock:
            values = dict(self.values)
        # Markers pass every second: an old newest record means that nothing gets through.
        newest = values["newest_record_at"]
        values["behind_seconds"] = None if newest is None else round(time.time() - newest, 3)
        return json.dumps(values).encode()


def serve_status(status: Status, port: int) -> None:
    """Answer every GET with the status, on a thread."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = status.as_json()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer((LOOPBACK, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


class Replicator:
    """One direction. `positions` is the next offset to read of each source partition."""

    def __init__(
        self, *, source_bootstrap: str, source: str, target_bootstrap: str, target: str,
        delay_seconds: float, status: Status,
    ) -> None:  # fmt: skip
        self.source_bootstrap = source_bootstrap
        self.target_bootstrap = target_bootstrap
        self.source, self.target = source, target
        self.delay_seconds = delay_seconds
        self.status = status
        self.positions: Position = {}
        self.stopping = threading.Event()

    def run(self) -> None:
        """Copy until stopped; any failure of either log is retried from the last safe position."""
        while not self.stopping.is_set():
            consumer: Any = None
            try:
                consumer = Consumer(
                    {
                        "bootstrap.servers": self.source_bootstrap,
                        "group.id": f"replicator-{self.source}-to-{self.target}",
                        "enable.auto.commit": False,
                        "auto.offset.reset": "earliest",
                        "fetch.min.bytes": 1,
                        "fetch.wait.max.ms": 100,
                        "socket.timeout.ms": 5000,
                        "session.timeout.ms": 10000,
                        "reconnect.backoff.max.ms": 1000,
                        "queued.max.messages.kbytes": 32768,
                        "allow.auto.create.topics": False,
                        "logger": _quiet(),
                    }
                )
                self._copy(consumer)
            except (KafkaException, BufferError, OSError) as error:
                self.status.update(error=str(error))
                self.stopping.wait(1.0)
            finally:
                if consumer is not None:
                    consumer.close()

    def _copy(self, consumer: Any) -> None:
        topics = consumer.list_topics(timeout=5).topics
        wanted = {
            (name, number): 0
            for name, topic in topics.items()
            if not name.startswith("__")
            for number in topic.partitions
        }
        self.positions = {**wanted, **self.positions}
        if not wanted:
            self.stopping.wait(1.0)
            return
        consumer.assign([TopicPartition(n, p, o) for (n, p), o in self.positions.items()])
        producer = self._producer()
        while not self.stopping.is_set():
            messages = consumer.consume(BATCH, POLL_SECONDS)
            if not messages:
                self.status.update(caught_up_at=time.time())
                continue
            self._write(producer, messages)

    def _producer(self) -> Any:
        return Producer(
            {
                "bootstrap.servers": self.target_bootstrap,
                "enable.idempotence": True,
                "linger.ms": 20,
                "batch.num.messages": 5000,
                "message.timeout.ms": 8000,
                "message.max.bytes": 4_000_000,
                "queue.buffering.max.messages": 200_000,
                "logger": _quiet(),
            }
        )

    def _write(self, producer: Any, messages: list[Any]) -> None:
        """Write one read's records, and step forward only when the target has all of them."""
        failed: list[str] = []
        ahead = dict(self.positions)
        newest_ms = copied = skipped = 0

        def acknowledged(error: KafkaError | None, _message: Any) -> None:
            if error is not None:
                failed.append(str(error))

        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
            ahead[(message.topic(), message.partition())] = message.offset() + 1
            headers = message.headers() or []
            if any(key == HEADER and value == self.target.encode() for key, value in headers):
                skipped += 1
                continue
            _kind, stamp_ms = message.timestamp()
            self._hold_back(stamp_ms)
            producer.produce(
                message.topic(), message.value(), key=message.key(),
                partition=message.partition(), timestamp=stamp_ms,
                headers=[*headers, (HEADER, self.source.encode())], on_delivery=acknowledged,
            )  # fmt: skip
            copied += 1
            newest_ms = max(newest_ms, stamp_ms)
        left = producer.flush(FLUSH_SECONDS)
        if failed or left:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{left} left, {failed[:1]}"))
        self.positions = ahead
        now = time.time()
        changes: dict[str, Any] = {
            "copied": self.status.values["copied"] + copied,
            "skipped": self.status.values["skipped"] + skipped,
            "error": None,
        }
        if copied:
            changes |= {
                "last_copied_at": now,
                "newest_record_at": newest_ms / 1000,
                "lag_seconds": round(now - newest_ms / 1000, 3),
            }
        self.status.update(**changes)

    def _hold_back(self, stamp_ms: int) -> None:
        """With a delay set, a record is not written before it is that old."""
        if self.delay_seconds:
            wait = stamp_ms / 1000 + self.delay_seconds - time.time()
            if wait > 0:
                self.stopping.wait(wait)


def _quiet() -> Any:
    """librdkafka reports each lost connection; a cut link would fill the log with them."""
    import logging

    logger = logging.getLogger("replicator.rdkafka")
    logger.setLevel(logging.CRITICAL)
    return logger


def main() -> None:
    """`python -m lab.replicator --help`."""
    parser = argparse.ArgumentParser(description="Copy one region's log into the other's.")
    parser.add_argument("--source", required=True, help="region copied from")
    parser.add_argument("--source-bootstrap", required=True, help="its log, through the link")
    parser.add_argument("--target", required=True, help="region copied to (the own one)")
    parser.add_argument("--target-bootstrap", required=True)
    parser.add_argument("--status-port", type=int, required=True)
    parser.add_argument("--delay-seconds", type=float, default=0.0)
    given = parser.parse_args()
    status = Status(given.source, given.target)
    replicator = Replicator(
        source_bootstrap=given.source_bootstrap, source=given.source,
        target_bootstrap=given.target_bootstrap, target=given.target,
        delay_seconds=given.delay_seconds, status=status,
    )  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: replicator.stopping.set())
    serve_status(status, given.status_port)
    replicator.run()


if __name__ == "__main__":
    main()
