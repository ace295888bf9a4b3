"""The applier's side of the log: which partitions are ours, and reading them from where the database says."""

from __future__ import annotations

from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from lifeline.services.event_applier.batch import LogRecord, Place
from lifeline.services.event_applier.positions import SEEK_SLACK_MS, Resume
from lifeline.services.shared.log_lines import say

LOOKUP_TIMEOUT_SECONDS = 5.0
MOST_BYTES = 16 * 1024 * 1024
"""In one batch, if it has more than one record: the database ends a transaction after 5 seconds."""
PASSING = frozenset(
    {
        KafkaError._PARTITION_EOF,
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._RESOLVE,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    }
)
"""Errors that the client gets over by itself."""


def say_gone(place: Place, **offsets: int) -> None:
    """A position lies before the log's first offset, so what lay between may not be applied (B26). Pages."""
    say("records are gone that were not applied", place=place, **offsets)


class LogReader:
    """A member of the consumer group that fetches nothing until it is told positions.

    Membership goes on while this region stands by, so that a promotion costs no group join.
    `unplaced` is True after each assignment: positions must be read from the database (B14).
    """

    def __init__(self, settings: dict[str, Any], topics: list[str]) -> None:
        self.partitions: set[Place] = set()
        self.unplaced = True
        self._next: dict[Place, int] = {}
        self._left: list[LogRecord] = []
        self._consumer = Consumer(settings)
        self._consumer.subscribe(topics, on_assign=self._assigned, on_revoke=self._revoked)

    def read(self, limit: int, seconds: float) -> list[LogRecord]:
        """Up to `limit` records, and MOST_BYTES, within `seconds`, in each partition's order.

        Raises KafkaException.
        """
        found, size = self._left or self._consumed(limit, seconds), 0
        for number, record in enumerate(found):
            size += len(record.value)
            if number and size > MOST_BYTES:
                self._left = found[number:]
                return found[:number]
        self._left = []
        return found

    def give_back(self, records: list[LogRecord]) -> None:
        """The last ones of what was read: they are read again next."""
        self._left = records + self._left

    def _consumed(self, limit: int, seconds: float) -> list[LogRecord]:
        records: list[LogRecord] = []
        for message in self._consumer.consume(limit, seconds):
            error = message.error()
            if error is not None:
                if error.fatal() or error.code() not in PASSING:
                    raise KafkaException(error)
                continue
            place = (str(message.topic()), int(message.partition() or 0))
            if self.unplaced or place not in self.partitions:
                continue
            offset = int(message.offset() or 0)
            if offset != self._next[place]:
                # Left over from before the last positioning, or a hole: nothing after it may be applied.
                say("not the next record", place=place, wanted=self._next[place], got=offset)
                self.stand_still()
                return []
            self._next[place] = offset + 1
            headers: Any = message.headers() or []
            records.append(
                LogRecord(*place, offset, message.timestamp()[1], message.value() or b"", headers)
            )
        return [] if self.unplaced else records

    def place(self, resumes: dict[Place, Resume]) -> None:
        """Start fetching every assigned partition from its position. Raises KafkaException."""
        offsets = self._offsets(resumes)
        for place in offsets:
            own = resumes[place].offset
            if own is not None or offsets[place] == OFFSET_BEGINNING:
                low, _high = self._consumer.get_watermark_offsets(
                    TopicPartition(*place), timeout=LOOKUP_TIMEOUT_SECONDS
                )
                resumes[place].from_first = own is None
                if low == 0:
                    resumes[place].unmet.clear()  # nothing lies before the beginning
                if own is not None and own < low:
                    say_gone(place, wanted=own, got=low)
                offsets[place] = max(low, own or 0)
        self._next = offsets
        self._consumer.assign([TopicPartition(t, p, o) for (t, p), o in offsets.items()])
        self.unplaced = False

    def end(self, place: Place) -> int | None:
        """The end of a partition as of the last fetch from it; None: not known."""
        try:
            known = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
        except KafkaException:
            return None
        return known[1] if known is not None and known[1] >= 0 else None

    def lag(self) -> int:
        """Records between our positions and the ends of our partitions, as far as the client knows them.

        It asks nobody: the ends came with the last fetches, so a partition not fetched yet counts 0.
        """
        behind = 0
        for place, position in self._next.items():
            behind += max(0, (self.end(place) or 0) - position)
        return behind

    def stand_still(self) -> None:
        """Fetch nothing; stay in the group."""
        self._left = []
        if not self.unplaced:
            self._consumer.assign([])
            self.unplaced = True

    def close(self) -> None:
        """Leave the group; never raises."""
        try:
            self._consumer.close()
        except (KafkaException, RuntimeError) as error:
            say("the log's client did not close", error=repr(error))

    def _offsets(self, resumes: dict[Place, Resume]) -> dict[Place, int]:
        wanted = [
            TopicPartition(topic, partition, resume.seek_ms)
            for (topic, partition), resume in resumes.items()
            if resume.offset is None and resume.seek_ms is not None and resume.seek_ms > 0
        ]
        found = dict.fromkeys(resumes, OFFSET_BEGINNING)
        for place, offset in self._by_time(wanted).items():
            # -1: nothing that young in this log. It lacks what the database has: read all of it.
            if offset >= 0:
                found[place] = offset
        marked = [
            TopicPartition(one.topic, one.partition, one.offset + SEEK_SLACK_MS) for one in wanted
        ]
        first = self._by_time([TopicPartition(one.topic, one.partition, 1) for one in wanted])
        for place, offset in self._by_time(marked).items():
            if 0 < offset == first[place]:
                # Nothing here is older than the last applied marker: what lay between is gone.
                say_gone(place, got=offset)
                resumes[place].unmet.clear()
        return found

    def _by_time(self, wanted: list[TopicPartition]) -> dict[Place, int]:
        if not wanted:
            return {}
        answers = self._consumer.offsets_for_times(wanted, timeout=LOOKUP_TIMEOUT_SECONDS)
        for answer in answers:
            if answer.error is not None:
                raise KafkaException(answer.error)
        return {(answer.topic, answer.partition): answer.offset for answer in answers}

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.partitions = {(one.topic, one.partition) for one in partitions}
        self.unplaced = True
        consumer.assign([])
        say("partitions assigned", count=len(partitions))

    def _revoked(self, consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self.partitions = set()
        self.unplaced = True
        consumer.unassign()
