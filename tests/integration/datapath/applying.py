"""The applier's loop in a thread, on a log of its own with one topic of one partition."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.contracts.event_applier import Apply
from lifeline.lambdas.contracts.log import GroupLog
from lifeline.lambdas.contracts.serving_region import ServingRegion
from lifeline.services.event_applier.apply import Applier
from lifeline.services.event_applier.batch import LogRecord
from lifeline.services.shared.topics import DEAD_LETTERS
from tests.integration.datapath.log_records import TOPIC

HOME, RECOVERY = "ca-central-1", "ca-west-1"
PARTITIONS = {TOPIC: 1, DEAD_LETTERS: 1}
CHECKPOINTS = "log-checkpoints"


def log_settings(bootstrap: str) -> GroupLog:
    return GroupLog(bootstrap, "none", PARTITIONS, HOME, session_ms=1_500)


def region_settings(ttl_seconds: float = 20.0) -> ServingRegion:
    return ServingRegion(region=HOME, peer_region=RECOVERY, suffix="test", ttl_seconds=ttl_seconds)


class Log:
    """A log in memory: what is put into it, and what lies in `error.dlq`."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._producer = Producer({"bootstrap.servers": bootstrap, "log_level": 2, "acks": "all"})

    def put(self, records: Iterable[LogRecord]) -> None:
        """All of them, acknowledged, in order."""
        for record in records:
            self._producer.produce(
                record.topic,
                record.value,
                partition=record.partition,
                headers=[*record.headers],
                timestamp=record.time_ms,
            )
        assert self._producer.flush(10) == 0

    def trim(self, before: int) -> None:
        """Delete what lies before an offset of the topic, as retention does."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 2})
        for done in admin.delete_records([TopicPartition(TOPIC, 0, before)]).values():
            done.result(10)

    def dead_letters(self, wanted: int) -> list[tuple[bytes, dict[str, bytes]]]:
        """Value and headers of the records of `error.dlq`, once there are `wanted` of them."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "x", "log_level": 2})
        consumer.assign([TopicPartition(DEAD_LETTERS, 0, OFFSET_BEGINNING)])
        found: list[Any] = []
        for _ in range(100):
            if len(found) >= wanted:
                break
            found += [one for one in consumer.consume(100, 0.1) if one.error() is None]
        consumer.close()
        assert len(found) == wanted
        return [(one.value(), dict(one.headers())) for one in found]


@contextmanager
def applying(database: DatabaseAddress, log: Log) -> Iterator[Applier]:
    """The loop turns until the end of the block, whatever happens in it."""
    applier = Applier(
        Apply(
            database=database,
            log=log_settings(log.bootstrap),
            region=region_settings(),
            checkpoints_table=CHECKPOINTS,
        )
    )
    thread = threading.Thread(target=applier.run)
    thread.start()
    try:
        yield applier
    finally:
        applier.stopping.set()
        thread.join(15)
    assert not thread.is_alive()


class Said:
    """The lines of the log written so far: what the loop said, by its message."""

    def __init__(self, captured: Callable[[], str]) -> None:
        self._captured = captured
        self._text = ""

    def messages(self) -> list[str]:
        self._text += self._captured()
        lines = [json.loads(line) for line in self._text.splitlines() if line.startswith("{")]
        return [line["message"] for line in lines if "message" in line]

    def has(self, words: str) -> bool:
        return any(words in message for message in self.messages())
