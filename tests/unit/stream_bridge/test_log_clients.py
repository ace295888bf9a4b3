"""What the bridge's producer and the repair's reader are told, and from where the reader begins."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from lifeline.lambdas.certificates.log_tls import VERIFIED_LOG
from lifeline.lambdas.stream_bridge import log_partition, log_writer
from lifeline.lambdas.stream_bridge.log_partition import EARLIER_MS, SILENT_SECONDS, LogReader
from lifeline.lambdas.stream_bridge.log_writer import producer_settings
from lifeline.lambdas.stream_bridge.stretch import Read

PLACE = ("clinical.a", 3)


def test_a_producer_loses_and_doubles_nothing_and_gives_up_in_time() -> None:
    settings = producer_settings(bootstrap="b-1:9098", auth="none", region="ca-central-1")
    assert settings == {
        "bootstrap.servers": "b-1:9098",
        "client.id": "stream-bridge",
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 5,
        "delivery.timeout.ms": log_writer.DELIVERY_TIMEOUT_MS,
        "request.timeout.ms": 3_000,
        "socket.timeout.ms": 4_000,
        "socket.connection.setup.timeout.ms": 3_000,
        "reconnect.backoff.max.ms": 1_000,
        "queue.buffering.max.messages": 200_000,
        "message.max.bytes": 2_000_000,
        "log_level": 3,
    }


def test_it_signs_in_as_its_role_for_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "_iam_token", lambda region: (f"token of {region}", 5.0))
    settings = producer_settings(bootstrap="b-1:9098", auth="iam", region="ca-central-1")
    assert settings.items() >= VERIFIED_LOG.items()
    assert settings["sasl.mechanism"] == "OAUTHBEARER"
    assert settings["oauth_cb"](None) == ("token of ca-central-1", 5.0)


class Message:
    """A record, or an error in its place."""

    def __init__(self, value: bytes | None = b"", error: int | None = None) -> None:
        self._value, self._error = value, error

    def error(self) -> KafkaError | None:
        return None if self._error is None else KafkaError(self._error)

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> list[tuple[str, bytes]] | None:
        return [("kind", b"marker")] if self._value else None


class Broker:
    """A consumer that answers these pages, then nothing; its own clock runs with each page."""

    pages: tuple[list[Message], ...] = ()
    looked_up = TopicPartition(*PLACE, 77)

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.left = list(type(self).pages)
        self.assigned: list[TopicPartition] = []
        self.asked: list[TopicPartition] = []
        self.closed = False
        self.now = 0.0
        made.append(self)

    def consume(self, _records: int, _seconds: float) -> list[Message]:
        self.now += 1.0
        return self.left.pop(0) if self.left else []

    def offsets_for_times(
        self, asked: list[TopicPartition], timeout: float
    ) -> list[TopicPartition]:
        assert timeout > 0
        self.asked = asked
        return [self.looked_up]

    def assign(self, places: list[TopicPartition]) -> None:
        self.assigned = places

    def close(self) -> None:
        self.closed = True

    @staticmethod
    def monotonic() -> float:
        return made[-1].now


made: list[Broker] = []
END = Message(error=KafkaError._PARTITION_EOF)


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(log_partition, "Consumer", Broker)
    made.clear()
    yield
    made.clear()


def reading(
    monkeypatch: pytest.MonkeyPatch, *pages: list[Message], since_ms: int = 0
) -> list[Read]:
    monkeypatch.setattr(Broker, "pages", pages)
    clock: Any = Broker
    settings = producer_settings(bootstrap="b-1:9098", auth="iam", region="ca-central-1")
    return list(LogReader(settings, clock).records(PLACE, since_ms))


def test_it_reads_to_the_end_as_it_stands_and_signs_in_as_the_producer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = reading(monkeypatch, [Message(b"a")], [], [Message(None), END, Message(b"later")])
    assert found == [Read(b"k", b"a", [("kind", b"marker")]), Read(b"k", b"", [])]
    (one,) = made
    assert one.closed
    (start,) = one.assigned
    assert (start.topic, start.partition, start.offset) == (*PLACE, OFFSET_BEGINNING)
    assert not one.asked
    assert {"bootstrap.servers", "sasl.mechanism", "oauth_cb", *VERIFIED_LOG} <= set(one.settings)
    assert "acks" not in one.settings
    assert one.settings["socket.timeout.ms"] == 4_000
    assert one.settings["enable.auto.commit"] is False
    assert one.settings["enable.partition.eof"] is True
    assert one.settings["auto.offset.reset"] == "earliest"
    assert one.settings["allow.auto.create.topics"] is False


def test_it_begins_a_minute_before_the_marker_was_born(monkeypatch: pytest.MonkeyPatch) -> None:
    reading(monkeypatch, [END], since_ms=EARLIER_MS + 5)
    (asked,), (start,) = made[0].asked, made[0].assigned
    assert (asked.topic, asked.partition, asked.offset) == (*PLACE, 5)
    assert start.offset == 77
    reading(monkeypatch, [END], since_ms=EARLIER_MS)
    assert made[1].assigned[0].offset == OFFSET_BEGINNING


def test_an_error_ends_the_reading_and_the_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KafkaException):
        reading(monkeypatch, [Message(error=KafkaError._TRANSPORT)])
    assert made[0].closed


def test_a_broker_that_is_silent_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KafkaException):
        reading(monkeypatch, [], [], [Message(b"a")])
    assert made[0].now == 3.0 + SILENT_SECONDS, "counted from the last record"


def test_a_moment_that_the_broker_cannot_look_up_is_an_error_and_no_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unknown: Any = SimpleNamespace(error=KafkaError(KafkaError._UNKNOWN_PARTITION))
    monkeypatch.setattr(Broker, "looked_up", unknown)
    with pytest.raises(KafkaException):
        reading(monkeypatch, [END], since_ms=EARLIER_MS + 5)
    assert made[0].assigned == []
    assert made[0].closed
