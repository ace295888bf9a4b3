"""What lies in the other log against what was accepted, by code that shares nothing with the platform."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from drill.log_reading import headers_of

Key = tuple[str, int]
"""(shard, sequence): the receipt of an event."""
Claim = Mapping[str, object]
"""An entry of `/v1/watermark`."""
CATCH_UP_SECONDS = 20.0
KEPT = 200_000
"""Records whose arrival is remembered: longer than any fault takes."""


@dataclass(frozen=True)
class Seen:
    """A record that came into the log: when, where, of whom."""

    at: float
    place: tuple[str, int]
    key: Key


class Checker:
    """Follows the other log on a thread. `accepted` is told by who sent the events."""

    def __init__(self, bootstrap: str, partitions: Mapping[str, int]) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "holes-checker",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "log_level": 2,
            }
        )
        # Beside a consumer that fetches, the same one would answer late.
        self._ends = Consumer({"bootstrap.servers": bootstrap, "group.id": "holes-ends"})
        self._next: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._accepted: dict[Key, bytes] = {}
        self._missing: set[Key] = set()
        self.repeated = 0
        """Accepted events that came again."""
        self._seen: deque[Seen] = deque(maxlen=KEPT)
        self.follow(partitions)
        self._thread = threading.Thread(target=self._run, name="checker", daemon=True)
        self._thread.start()

    def follow(self, partitions: Mapping[str, int]) -> None:
        """Read these partitions; those that were added since from their beginning."""
        with self._lock:
            for topic, count in partitions.items():
                for number in range(count):
                    self._next.setdefault((topic, number), 0)

    def accepted(self, shard: str, sequence: int, data: bytes) -> None:
        """An event has its receipt."""
        with self._lock:
            self._accepted[shard, sequence] = sha256(data).digest()
            self._missing.add((shard, sequence))

    def lacks(self) -> set[Key]:
        """The accepted events that were not met in the other log, byte for byte."""
        with self._lock:
            return set(self._missing)

    def passed(self, entries: list[Claim]) -> set[Key]:
        """The events that these entries call safe and that the log, as it is now, lacks."""
        self._catch_up()
        found = set()
        with self._lock:
            for entry in entries:
                after, until = int(str(entry["after"])), int(str(entry["sequence"]))
                found |= {
                    (shard, sequence)
                    for shard, sequence in self._missing
                    if shard == entry["shard"] and after < sequence <= until
                }
        return found

    def first_past(self, place: tuple[str, int], key: Key, since: float) -> float | None:
        """When the first record of the shard behind `key` came into the partition."""
        with self._lock:
            for one in self._seen:
                behind = one.key[0] == key[0] and one.key[1] > key[1]
                if one.at >= since and one.place == place and behind:
                    return one.at
        return None

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(20)
        self._consumer.close()
        self._ends.close()

    def _catch_up(self) -> None:
        """Until everything that lies in the log now was read."""
        with self._lock:
            places = list(self._next)
        ends = {place: self._end(*place) for place in places}
        deadline = time.monotonic() + CATCH_UP_SECONDS
        while any(self._next[place] < end for place, end in ends.items()):
            if time.monotonic() > deadline:
                raise TimeoutError("the checker does not read the log to its end")
            time.sleep(0.02)

    def _end(self, topic: str, partition: int) -> int:
        place = TopicPartition(topic, partition)
        try:
            return int(self._ends.get_watermark_offsets(place, timeout=10)[1])
        except KafkaException:  # a partition that was added since is not known yet
            self._ends.list_topics(topic, timeout=10)
            return int(self._ends.get_watermark_offsets(place, timeout=10)[1])

    def _run(self) -> None:
        assigned = 0
        while not self._stopping.is_set():
            with self._lock:
                places = dict(self._next)
            if len(places) > assigned:
                # By this thread: from another one it waits for the reading to end.
                assigned = len(places)
                self._consumer.assign(
                    [TopicPartition(*place, at or OFFSET_BEGINNING) for place, at in places.items()]
                )
            for message in self._consumer.consume(5_000, 0.05):
                if message.error() is not None:
                    continue
                told = headers_of(message)
                place = (str(message.topic()), int(message.partition() or 0))
                key = (told.get("shard", ""), int(told.get("sequence", "0")))
                value = message.value() or b""
                with self._lock:
                    self._next[place] = int(message.offset() or 0) + 1
                    self._seen.append(Seen(time.monotonic(), place, key))
                    is_event = "kind" not in told
                    if is_event and self._accepted.get(key) == sha256(value).digest():
                        self.repeated += key not in self._missing
                        self._missing.discard(key)
