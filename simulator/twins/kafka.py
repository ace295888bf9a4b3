"""One region's log: topics of partitions, and the clients of it that the shipped code makes.

As far as the shipped code uses them. Sources: Apache Kafka, "Design" (idempotent producers, log start offset,
offsets for times); librdkafka, INTRODUCTION.md (consume waits for its whole time unless it has enough).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from lifeline.lambdas.stream_bridge.partitioner import partition_of
from simulator.network import Network, NoAnswer, Refused
from simulator.scheduler import Scheduler

Place = tuple[str, int]
Headers = Sequence[tuple[str, bytes]]
REQUEST_SECONDS = 3.0
RETRY_SECONDS = 0.1
SESSION_SECONDS = 6.0
JOIN_SECONDS = 0.5


class Message:
    """A record, or an error in a record's place."""

    __slots__ = ("_error", "_headers", "_key", "_offset", "_partition", "_time", "_topic", "_value")

    def __init__(
        self,
        place: Place,
        offset: int,
        key: bytes | None = None,
        value: bytes | None = None,
        headers: Headers = (),
        time_ms: int = 0,
        error: KafkaError | None = None,
    ) -> None:
        self._topic, self._partition = place
        self._offset, self._key, self._value = offset, key, value
        self._headers, self._time, self._error = headers, time_ms, error

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> Any:
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        return 1, self._time

    def error(self) -> KafkaError | None:
        return self._error


class Partition:
    """Records from `low` on; the offset of the next one is `high`."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._records: list[Message] = []
        self._newest: list[int] = []
        """The largest time up to each record: what an index of times finds its way by."""
        self.low = self.high = 0

    def append(self, key: bytes | None, value: bytes, headers: Headers, time_ms: int) -> Message:
        message = Message(self._place, self.high, key, value, headers, time_ms)
        self.high += 1
        self._records.append(message)
        newest = self._newest[-1] if self._newest else 0
        self._newest.append(time_ms if time_ms > newest else newest)
        return message

    def read(self, offset: int, limit: int) -> list[Message]:
        start = offset - self.low
        return self._records[start : start + limit]

    def offset_for(self, time_ms: int) -> int:
        """Of the first record with this time or a later one; -1: there is none."""
        at = bisect_left(self._newest, time_ms)
        return self.low + at if at < len(self._newest) else -1

    def purge(self, low: int) -> None:
        """Retention: what lies before the offset `low` is gone."""
        gone = min(max(0, low - self.low), len(self._records))
        del self._records[:gone], self._newest[:gone]
        self.low += gone


class Log:
    """A cluster. `ident` is its incarnation; one that is made anew has another."""

    def __init__(
        self,
        region: str,
        ident: str,
        topics: Mapping[str, int],
        appended: Callable[[Log, Message], None] = lambda _log, _message: None,
    ) -> None:
        self.region, self.ident = region, ident
        self.topic_ids = {topic: f"{ident}-{topic}" for topic in topics}
        self.partitions = {
            (topic, number): Partition((topic, number))
            for topic, count in topics.items()
            for number in range(count)
        }
        self._appended = appended
        self._taken: set[object] = set()
        self.groups: dict[str, Group] = {}

    def places(self) -> list[Place]:
        return list(self.partitions)

    def count(self, topic: str) -> int:
        """Of a topic's partitions."""
        return sum(name == topic for name, _ in self.partitions)

    def partition(self, place: Place) -> Partition | None:
        """None for one that the topic does not have."""
        return self.partitions.get(place)

    def grow(self, topic: str, count: int) -> None:
        """The topic gets partitions up to that many."""
        for number in range(self.count(topic), count):
            self.partitions[topic, number] = Partition((topic, number))
        for group in self.groups.values():
            group.generation += 1

    def append(self, place: Place, lines: Iterable[Line], token: object = None) -> bool:
        """All of a batch, in order; one that has a `token` is taken once. False: no such partition."""
        partition = self.partitions.get(place)
        if partition is None:
            return False
        if token is not None:
            if token in self._taken:
                return True
            self._taken.add(token)
        appended = self._appended
        for key, value, headers, time_ms in lines:
            appended(self, partition.append(key, value, headers, time_ms))
        return True


Line = tuple[bytes | None, bytes, Headers, int]
"""Key, value, headers, time."""


class Group:
    """The members of a consumer group; each change of them is another generation."""

    def __init__(self) -> None:
        self.members: list[Consumer] = []
        self.generation = 0

    def join(self, member: Consumer) -> None:
        self.members.append(member)
        self.generation += 1

    def leave(self, member: Consumer) -> None:
        if member in self.members:
            self.members.remove(member)
            self.generation += 1

    def assigned(self, member: Consumer, places: Iterable[Place]) -> list[Place]:
        """By turns, in the order in which the members joined."""
        at, many = self.members.index(member), len(self.members)
        return [place for number, place in enumerate(sorted(places)) if number % many == at]


class Clients:
    """Makes the clients. The address of a region's log is `log.<region>`."""

    def __init__(
        self, scheduler: Scheduler, network: Network, log_of: Callable[[str], Log]
    ) -> None:
        self.scheduler, self.network, self._log_of = scheduler, network, log_of
        self.read = 0
        """Records that consumers were given."""

    def log(self, settings: Mapping[str, Any]) -> Log:
        return self._log_of(str(settings["bootstrap.servers"]).partition(".")[2])

    def consumer(self, settings: Mapping[str, Any]) -> Consumer:
        """`confluent_kafka.Consumer`."""
        return Consumer(self, settings)

    def producer(self, settings: Mapping[str, Any]) -> Producer:
        """`confluent_kafka.Producer`."""
        return Producer(self, settings)

    def admin(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """`AdminClient`, as far as `topic_ids` needs one."""
        return settings

    def topic_ids(self, admin: Mapping[str, Any], topics: Iterable[str]) -> dict[str, str]:
        """`lifeline.services.shared.log_clients.topic_ids`."""
        return {topic: self.log(admin).topic_ids[topic] for topic in topics}

    def call(self, log: Log, work: Callable[[], Any]) -> Any:
        """A request to the log's brokers. Raises KafkaException."""
        try:
            return self.network.call(log.region, "kafka", REQUEST_SECONDS, work)
        except (NoAnswer, Refused) as error:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT)) from error


class Producer:
    """Idempotent: a batch that is sent again is taken once."""

    def __init__(self, clients: Clients, settings: Mapping[str, Any]) -> None:
        self._clients, self._log = clients, clients.log(settings)
        self._seconds = float(settings.get("delivery.timeout.ms", 5_000)) / 1_000
        self._waiting: dict[Place, list[tuple[Line, Any]]] = {}

    def produce(
        self,
        topic: str,
        value: bytes,
        key: bytes | None = None,
        partition: int = -1,
        headers: Any = (),
        timestamp: int = 0,
        on_delivery: Any = None,
    ) -> None:
        if partition < 0:
            partition = partition_of(key or b"", self._log.count(topic))
        line = (key, value, headers, timestamp)
        self._waiting.setdefault((topic, partition), []).append((line, on_delivery))

    def poll(self, _seconds: float) -> None:
        """What waits is sent beside whatever the process does; nobody hears what became of it."""
        waiting, self._waiting = self._waiting, {}
        scheduler, network, log = self._clients.scheduler, self._clients.network, self._log

        def deliver() -> None:
            place = (log.region, "kafka")
            if place in network.silent | network.refusing or log.region in network.dead_regions:
                return
            for where, batch in waiting.items():
                log.append(where, [line for line, _ in batch])

        if waiting:
            scheduler.at(scheduler.now + 0.01, deliver)

    def flush(self, seconds: float) -> int:
        """How many got neither an acknowledgement nor an error."""
        waiting, self._waiting = self._waiting, {}
        until = self._clients.scheduler.now + min(seconds, self._seconds)
        batches = [
            (place, [line for line, _ in batch], object()) for place, batch in waiting.items()
        ]
        # While nothing goes wrong between two of them, one request for all partitions will do.
        apart = self._clients.network.troubled
        for group in [[one] for one in batches] if apart else [batches]:
            error = self._sent(group, until)
            for place, _, _ in group:
                for _, report in waiting[place]:
                    if report is not None:
                        report(error, None)
        return 0

    def purge(self) -> None:
        self._waiting = {}

    def _sent(
        self, batches: list[tuple[Place, list[Line], object]], until: float
    ) -> KafkaError | None:
        scheduler, log = self._clients.scheduler, self._log

        def take() -> bool:
            return all([log.append(*one) for one in batches])

        while True:
            try:
                if self._clients.call(log, take):
                    return None
                return KafkaError(KafkaError._UNKNOWN_PARTITION)
            except KafkaException:
                if scheduler.now + RETRY_SECONDS >= until:
                    return KafkaError(KafkaError._MSG_TIMED_OUT)
                scheduler.sleep(RETRY_SECONDS)


class Consumer:
    """Assigned by hand, or as a member of a group."""

    def __init__(self, clients: Clients, settings: Mapping[str, Any]) -> None:
        self._clients, self._log = clients, clients.log(settings)
        self._reset = settings.get("auto.offset.reset", "earliest")
        self._eof = bool(settings.get("enable.partition.eof"))
        self._group = str(settings.get("group.id", ""))
        self._positions: dict[Place, int] = {}
        self._ended: set[Place] = set()
        self._topics: list[str] = []
        self._generation = -1
        self._assigned: Any = None
        self._revoked: Any = None
        self._closed = False

    def subscribe(self, topics: list[str], on_assign: Any = None, on_revoke: Any = None) -> None:
        self._topics, self._assigned, self._revoked = topics, on_assign, on_revoke

    def assign(self, places: Iterable[TopicPartition]) -> None:
        self._positions = {(one.topic, one.partition): int(one.offset) for one in places}
        self._ended.clear()

    def unassign(self) -> None:
        self._positions = {}

    def consume(self, limit: int, seconds: float) -> list[Message]:
        if self._topics:
            self._balance()
        self._clients.scheduler.sleep(seconds)
        network, log = self._clients.network, self._log
        if network.silent or network.refusing:
            place = (log.region, "kafka")
            if place in network.silent or place in network.refusing:
                return []
        found: list[Message] = []
        partitions = log.partitions
        for where, position in self._positions.items():
            partition = partitions.get(where)
            if partition is not None and (position != partition.high or self._eof):
                found += self._read(partition, where, position, limit - len(found))
        return found

    def get_watermark_offsets(
        self, place: TopicPartition, timeout: float = 0.0, cached: bool = False
    ) -> tuple[int, int]:
        partition = self._log.partition((place.topic, place.partition))
        if partition is None:
            raise KafkaException(KafkaError(KafkaError._UNKNOWN_PARTITION))
        if cached:
            return partition.low, partition.high
        found: tuple[int, int] = self._clients.call(
            self._log, lambda: (partition.low, partition.high)
        )
        return found

    def offsets_for_times(
        self, asked: Iterable[TopicPartition], timeout: float = 0.0
    ) -> list[TopicPartition]:
        def look() -> list[TopicPartition]:
            found = []
            for one in asked:
                partition = self._log.partition((one.topic, one.partition))
                at = -1 if partition is None else partition.offset_for(int(one.offset))
                found.append(TopicPartition(one.topic, one.partition, at))
            return found

        answer: list[TopicPartition] = self._clients.call(self._log, look)
        return answer

    def close(self) -> None:
        """A process that was killed says nothing: the group waits for its session."""
        group, scheduler = self._log.groups.get(self._group), self._clients.scheduler
        self._closed = True
        if group is None or self not in group.members:
            return
        task = scheduler.current
        killed = task is not None and task.dead
        if killed:
            scheduler.at(scheduler.now + SESSION_SECONDS, lambda: group.leave(self))
        else:
            group.leave(self)

    def _read(self, partition: Partition, place: Place, position: int, limit: int) -> list[Message]:
        if limit <= 0:
            return []
        if position == OFFSET_BEGINNING:
            position = partition.low
        elif not partition.low <= position <= partition.high:
            if self._reset == "error":
                self._positions[place] = partition.low
                gone = KafkaError(KafkaError._AUTO_OFFSET_RESET, "out of range")
                return [Message(place, position, error=gone)]
            position = partition.low
        found = partition.read(position, limit)
        self._clients.read += len(found)
        self._positions[place] = position + len(found)
        if self._eof and not found and place not in self._ended:
            self._ended.add(place)
            return [Message(place, position, error=KafkaError(KafkaError._PARTITION_EOF))]
        return found

    def _balance(self) -> None:
        log = self._log
        group = log.groups.setdefault(self._group, Group())
        if self not in group.members:
            if self._closed:
                return
            self._clients.scheduler.sleep(JOIN_SECONDS)
            group.join(self)
        if self._generation == group.generation:
            return
        self._generation = group.generation
        mine = group.assigned(self, [one for one in log.places() if one[0] in self._topics])
        if self._revoked is not None:
            self._revoked(self, [])
        if self._assigned is not None:
            self._assigned(self, [TopicPartition(*one) for one in mine])
