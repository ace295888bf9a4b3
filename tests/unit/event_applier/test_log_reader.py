"""The applier's reader: nothing behind a hole is ever handed on, nothing is read before it is placed (B14).

The stand-in is librdkafka's consumer only: no real log makes a hole on request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from lifeline.lambdas.failover.markers import Pair
from lifeline.services.event_applier import log_reader
from lifeline.services.event_applier.batch import Place
from lifeline.services.event_applier.log_reader import MOST_BYTES, LogReader
from lifeline.services.event_applier.positions import Resume

TOPIC = "clinical.observation.recorded"
A, B = (TOPIC, 0), (TOPIC, 1)
PAIR = Pair("ca-central-1", "100", "shardId-0")
GONE = "records are gone that were not applied"
"""The alarm apply-records-gone counts this line."""


@dataclass
class Message:
    """As `consume` gives it."""

    place: Place
    at: int
    code: int | None = None
    fatal: bool = False
    size: int = 0

    def error(self) -> KafkaError | None:
        return None if self.code is None else KafkaError(self.code, fatal=self.fatal)

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.at

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_000 + self.at

    def value(self) -> bytes | None:
        return f"{self.place[1]}/{self.at}".encode().ljust(self.size)

    def headers(self) -> list[tuple[str, bytes]] | None:
        return None


@dataclass
class Consumer:
    """A group member; the test gives it partitions and messages."""

    messages: list[Message] = field(default_factory=list)
    assigned: list[tuple[str, int, int]] = field(default_factory=list)
    by_time: dict[Place, int] = field(default_factory=dict)
    refuses_times: bool = False
    asked_times: dict[Place, int] = field(default_factory=dict)
    low: int = 40
    high: dict[Place, int] = field(default_factory=dict)
    on_assign: Callable[..., None] = lambda *_: None
    on_revoke: Callable[..., None] = lambda *_: None

    def subscribe(self, _topics: list[str], *, on_assign: Any, on_revoke: Any) -> None:
        self.on_assign, self.on_revoke = on_assign, on_revoke

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned = [(one.topic, one.partition, one.offset) for one in partitions]

    def unassign(self) -> None:
        self.assigned = []

    def consume(self, limit: int, _seconds: float) -> list[Message]:
        given, self.messages = self.messages[:limit], self.messages[limit:]
        return given

    def get_watermark_offsets(self, at: TopicPartition, **how: Any) -> tuple[int, int]:
        return self.low, self.high.get((at.topic, at.partition), self.low)

    def offsets_for_times(
        self, wanted: list[TopicPartition], timeout: float
    ) -> list[TopicPartition]:
        asked = {(one.topic, one.partition): one.offset for one in wanted}
        first = set(asked.values()) == {1}
        if not first:
            self.asked_times = self.asked_times or asked
        answers = [
            TopicPartition(*place, self.low if first else self.by_time[place]) for place in asked
        ]
        if self.refuses_times:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return answers

    def close(self) -> None:
        raise RuntimeError("Consumer already closed")

    def give(self, *places: Place) -> None:
        self.on_assign(self, [TopicPartition(*place) for place in places])

    def take_away(self, *places: Place) -> None:
        self.on_revoke(self, [TopicPartition(*place) for place in places])


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> Consumer:
    made = Consumer()
    monkeypatch.setattr(log_reader, "Consumer", lambda _settings: made)
    return made


@pytest.fixture
def reader(consumer: Consumer) -> LogReader:
    """A member that was given both partitions and placed at their beginning, offset 40."""
    made = LogReader({}, [TOPIC])
    consumer.give(A, B)
    made.place({A: Resume(None), B: Resume(None)})
    return made


def offsets(reader: LogReader) -> list[tuple[int, int]]:
    return [(record.partition, record.offset) for record in reader.read(100, 0.1)]


def test_each_partition_is_handed_on_in_its_order(reader: LogReader, consumer: Consumer) -> None:
    consumer.messages = [Message(A, 40), Message(B, 40), Message(A, 41), Message(B, 41)]
    assert offsets(reader) == [(0, 40), (1, 40), (0, 41), (1, 41)]
    consumer.messages = [Message(A, 42)]
    [record] = reader.read(100, 0.1)
    assert (record.topic, record.time_ms, record.value, record.headers) == (
        TOPIC,
        1_042,
        b"0/42",
        [],
    )


@pytest.mark.parametrize("at", [42, 50, 40, 39])
def test_a_hole_stands_still(reader: LogReader, consumer: Consumer, at: int) -> None:
    """Neither what comes behind a hole, nor what was read with it, is handed on: the partitions are
    placed anew, where the database says. An offset met twice is no other case."""
    consumer.messages = [Message(A, 40), Message(A, at), Message(B, 40)]
    assert offsets(reader) == []
    assert reader.unplaced
    assert consumer.assigned == [], "nothing more is fetched"
    consumer.messages = [Message(A, 41), Message(B, 41)]
    assert offsets(reader) == []
    reader.place({A: Resume(None), B: Resume(None)})
    consumer.messages = [Message(A, 40), Message(A, 41)]
    assert offsets(reader) == [(0, 40), (0, 41)]


def test_a_hole_in_the_beginning_stands_still(reader: LogReader, consumer: Consumer) -> None:
    """Left over from a fetch before the position, or lost: the first record must be the very next."""
    consumer.messages = [Message(B, 41)]
    assert offsets(reader) == []
    assert reader.unplaced


def test_a_member_reads_nothing_before_it_is_placed(consumer: Consumer) -> None:
    reader = LogReader({}, [TOPIC])
    assert reader.unplaced
    consumer.give(A, B)
    consumer.messages = [Message(A, 40)]
    assert offsets(reader) == []
    assert consumer.assigned == []
    assert reader.partitions == {A, B}


def test_large_records_come_in_parts_so_that_a_transaction_ends_in_time(
    reader: LogReader, consumer: Consumer
) -> None:
    """A transaction has 5 seconds, be its records as large as an event may be."""
    half = MOST_BYTES // 2
    consumer.messages = [Message(A, 40 + n, size=half) for n in range(4)] + [Message(B, 40)]
    assert offsets(reader) == [(0, 40), (0, 41)]
    assert offsets(reader) == [(0, 42), (0, 43)]
    consumer.messages.append(Message(B, 41))
    assert offsets(reader) == [(1, 40)]
    consumer.messages.append(Message(B, 42, size=3 * MOST_BYTES))
    assert offsets(reader) == [(1, 41)]
    assert offsets(reader) == [(1, 42)], "one alone is handed on, however large"


def test_what_was_kept_for_the_next_read_is_dropped_when_the_reading_stops(
    reader: LogReader, consumer: Consumer
) -> None:
    consumer.messages = [Message(A, 40 + n, size=MOST_BYTES) for n in range(3)]
    assert offsets(reader) == [(0, 40)]
    reader.stand_still()
    assert offsets(reader) == []
    reader.place({A: Resume(None), B: Resume(None)})
    consumer.messages = [Message(A, 40)]
    assert offsets(reader) == [(0, 40)]


def test_a_rebalance_must_be_placed_again(reader: LogReader, consumer: Consumer) -> None:
    consumer.take_away(A, B)
    assert (reader.unplaced, reader.partitions) == (True, set())
    consumer.give(B)
    assert (reader.unplaced, reader.partitions) == (True, {B})
    consumer.messages = [Message(B, 40)]
    assert offsets(reader) == []
    reader.place({B: Resume(None)})
    consumer.messages = [Message(A, 40), Message(B, 40)]
    assert offsets(reader) == [(1, 40)], "the other member's partition is not ours to apply"


def test_a_rebalance_within_a_read_hands_nothing_on(
    reader: LogReader, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """librdkafka calls back from inside `consume`: what comes with it was fetched for an old position."""

    def consume(_limit: int, _seconds: float) -> list[Message]:
        consumer.give(A)
        return [Message(A, 40)]

    monkeypatch.setattr(consumer, "consume", consume)
    assert offsets(reader) == []


def test_positions_are_those_of_the_times_the_database_names(consumer: Consumer) -> None:
    reader = LogReader({}, [TOPIC])
    consumer.give(A, B)
    consumer.by_time = {A: 77}
    resumes = {A: Resume(5_000, {PAIR: 9}), B: Resume(None, {PAIR: 9})}
    reader.place(resumes)
    assert consumer.asked_times == {A: 5_000}
    assert consumer.assigned == [(*A, 77), (*B, 40)]
    assert resumes[A].unmet == {PAIR: 9}
    assert resumes[B].unmet == {PAIR: 9}, "what lies before the log's first record is looked at"
    consumer.messages = [Message(A, 77), Message(B, 40)]
    assert offsets(reader) == [(0, 77), (1, 40)]


def test_nothing_lies_before_the_beginning_of_a_log_that_has_it(consumer: Consumer) -> None:
    reader = LogReader({}, [TOPIC])
    consumer.give(A)
    consumer.low = 0
    resumes = {A: Resume(None, {PAIR: 9})}
    reader.place(resumes)
    assert (resumes[A].unmet, resumes[A].from_first) == ({}, True)


@pytest.mark.parametrize(("at", "told"), [(40, True), (41, False)])
def test_a_time_before_the_first_record_that_is_left_is_told(
    consumer: Consumer, capsys: pytest.CaptureFixture[str], at: int, told: bool
) -> None:
    """B26: nothing that is left is older than the position, so what lay between is gone."""
    reader = LogReader({}, [TOPIC])
    consumer.give(A)
    consumer.by_time = {A: at}
    reader.place({A: Resume(5_000, {PAIR: 9})})
    assert consumer.assigned == [(*A, at)]
    assert (GONE in capsys.readouterr().out) is told


@pytest.mark.parametrize("seek_ms", [0, -5_000, 5_000])
def test_a_log_without_so_young_a_record_is_read_from_its_beginning(
    consumer: Consumer, seek_ms: int
) -> None:
    """It lacks what the database has: a log made anew, or restored."""
    reader = LogReader({}, [TOPIC])
    consumer.give(A)
    consumer.by_time = {A: -1}
    reader.place({A: Resume(seek_ms, {PAIR: 9})})
    assert consumer.assigned == [(*A, 40)]


def test_positions_that_cannot_be_asked_for_leave_the_reader_unplaced(consumer: Consumer) -> None:
    reader = LogReader({}, [TOPIC])
    consumer.give(A)
    consumer.by_time, consumer.refuses_times = {A: 77}, True
    with pytest.raises(KafkaException):
        reader.place({A: Resume(5_000)})
    assert reader.unplaced
    assert consumer.assigned == []


@pytest.mark.parametrize(
    "code", [KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError.LEADER_NOT_AVAILABLE]
)
def test_errors_that_pass_are_waited_out(reader: LogReader, consumer: Consumer, code: int) -> None:
    consumer.messages = [Message(A, 40), Message(A, 0, code), Message(A, 41)]
    assert offsets(reader) == [(0, 40), (0, 41)]


@pytest.mark.parametrize(
    "failure",
    [
        Message(A, 0, KafkaError.TOPIC_AUTHORIZATION_FAILED),
        Message(A, 0, KafkaError._AUTO_OFFSET_RESET),
        Message(A, 0, KafkaError._TRANSPORT, fatal=True),
    ],
)
def test_errors_that_do_not_pass_are_raised(
    reader: LogReader, consumer: Consumer, failure: Message
) -> None:
    consumer.messages = [Message(A, 40), failure]
    with pytest.raises(KafkaException):
        reader.read(100, 0.1)


def test_the_lag_is_what_lies_between_the_positions_and_the_ends(
    reader: LogReader, consumer: Consumer
) -> None:
    consumer.high = {A: 50, B: 30}
    consumer.messages = [Message(A, 40)]
    assert offsets(reader) == [(0, 40)]
    assert reader.lag() == 9, "41 to 50; an end behind the position is none"


def test_leaving_the_group_never_raises(reader: LogReader) -> None:
    reader.close()


def test_an_own_position_is_read_from_and_not_asked_by_time(
    reader: LogReader, consumer: Consumer
) -> None:
    """B26."""
    reader.place({A: Resume(None, offset=57), B: Resume(None)})
    assert consumer.assigned == [(*A, 57), (*B, consumer.low)]
    assert consumer.asked_times == {}


def test_an_own_position_whose_records_are_gone_is_read_from_the_first_that_is_left(
    reader: LogReader, consumer: Consumer, capsys: pytest.CaptureFixture[str]
) -> None:
    reader.place({A: Resume(None, offset=consumer.low - 1), B: Resume(None)})
    assert consumer.assigned == [(*A, consumer.low), (*B, consumer.low)]
    assert GONE in capsys.readouterr().out
