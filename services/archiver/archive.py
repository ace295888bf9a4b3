"""`archive`: every marked topic of the region's own log into objects, headers and all (B22).

    read each partition in order -> an object -> the bucket, unless the key is taken -> the table of places

Invariant: the objects of a chain meet without a gap or an overlap, whoever wrote them. An object's key is its
first offset, S3 takes each key once, and the next one begins where the object that lies there ends. So two
tasks, or one that was stopped anywhere, make one chain. Records that retention took before they were archived
are a gap, which the next object's manifest names and an alarm tells.
"""

from __future__ import annotations

import signal
import threading
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from lifeline.lambdas.contracts.archiver import Archive
from lifeline.lambdas.failover.archived_markers import ArchivedMarkers
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.markers import Marker, Place
from lifeline.services.archiver.archive_bucket import ArchiveBucket
from lifeline.services.archiver.archive_object import (
    Archived,
    ArchiveError,
    Chain,
    Manifest,
    ObjectBuilder,
    chain_of,
)
from lifeline.services.archiver.archived_places import ArchivedPlaces
from lifeline.services.shared.liveness import AliveFile
from lifeline.services.shared.log_clients import client_settings, consumer_settings, topic_ids
from lifeline.services.shared.log_lines import say
from lifeline.services.shared.metric_lines import say_metric

ROLL_BYTES = 64 * 1024 * 1024
"""Of an object's lines, before they are compressed."""
HELD_BYTES = 256 * 1024 * 1024
"""Of all partitions together: beyond it the largest object is closed."""
READ_RECORDS = 10_000
READ_SECONDS = 1.0
LOOKUP_SECONDS = 10.0
TELL_SECONDS = 15.0
MAX_BACKOFF_SECONDS = 30.0


class StartAgain(Exception):
    """What is held is not what lies in the bucket or the log: look there again."""


def main() -> int:
    """The command: runs until SIGTERM. What is held then is read again by the next task."""
    archiver = Archiver(Archive.from_env())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: archiver.stopping.set())
    archiver.run()
    return 0


class _Growing:
    """A partition's next object. `since`: when its first record was read, by the own clock."""

    def __init__(
        self, chain: Chain, head: Manifest | None, markers: ArchivedMarkers, now_ms: int
    ) -> None:
        self.chain, self.head, self.markers = chain, head, markers
        self.archived_ms = now_ms if head is None else head.last_time_ms
        """The time of the newest record that is archived."""
        self.since = 0.0
        self._begin()

    def _begin(self) -> None:
        head = self.head
        self.builder = ObjectBuilder(
            self.chain,
            after=None if head is None else head.last,
            previous="" if head is None else head.sha256,
        )

    def add(self, record: Archived, now: float) -> None:
        """Raises ArchiveError."""
        if not self.builder.records:
            self.since = now
        self.builder.add(record)
        if dict(record.headers).get("kind") == b"marker":
            try:
                marker = Marker.from_bytes(record.value or b"")
                if marker.given_up is None:  # that one says what nobody has
                    self.markers.add(marker, record.time_ms)
            except ValueError:  # it is archived all the same, and proves nothing
                say("a marker cannot be read", topic=self.chain.topic, offset=record.offset)

    def written(self, manifest: Manifest) -> None:
        """It lies in the bucket."""
        self.head = manifest
        self.archived_ms = max(self.archived_ms, manifest.last_time_ms)
        self._begin()


class Archiver:
    """The loop. Whatever fails, it begins again at the ends of what lies in the bucket."""

    def __init__(
        self,
        told: Archive,
        clock: Clock = SYSTEM_CLOCK,
        bucket: ArchiveBucket | None = None,
        places: ArchivedPlaces | None = None,
    ) -> None:
        self._told, self._clock = told, clock
        self._bucket = bucket or ArchiveBucket(told.archive_bucket, told.region)
        self._places = places or ArchivedPlaces(told.checkpoints_table, told.region)
        self._alive = AliveFile(told.alive_file)
        self._growing: dict[Place, _Growing] = {}
        self._read_seconds = min(READ_SECONDS, told.archive_roll_seconds / 4)
        self._tell_at = float("-inf")
        self._gone = 0
        """Records that no object has, since it was told last."""
        self.stopping = threading.Event()

    def run(self) -> None:
        """Until stopping. No failure of the log, the bucket or the table ends it."""
        pause = 0.5
        while not self.stopping.is_set():
            consumer: Consumer | None = None
            started = self._clock.monotonic()
            try:
                consumer = self._consumer()
                self._follow(consumer)
            except (
                *(StartAgain, ArchiveError, KafkaException, ClientError, BotoCoreError),
                *(OSError, RuntimeError, ValueError),
            ) as error:
                words = str(error).partition("\n")[0][:200]
                say("the archiver starts again", error=f"{type(error).__name__}: {words}")
            finally:
                if consumer is not None:
                    consumer.close()
            lasted = self._clock.monotonic() - started
            pause = 0.5 if lasted > 60 else min(pause * 2, MAX_BACKOFF_SECONDS)
            self._clock.wait(self.stopping, pause)

    def _consumer(self) -> Consumer:
        """A consumer of every partition, each behind what lies in the bucket."""
        log = self._told.log
        admin = AdminClient(client_settings(log, purpose="archive"))
        ids = topic_ids(admin, log.partitions)
        group = f"archive-{self._told.suffix}"
        consumer = Consumer(
            consumer_settings(log, purpose="archive", group=group)
            | {"auto.offset.reset": "error", "queued.max.messages.kbytes": 32_768}
        )
        try:
            starts = []
            self._growing = {}
            for topic, count in sorted(log.partitions.items()):
                for partition in range(count):
                    chain = Chain.of(self._told.region, (topic, partition), ids[topic])
                    starts.append(self._start(consumer, chain))
                    self._alive.touch()
            consumer.assign(starts)
        except BaseException:
            consumer.close()
            raise
        say("the log is archived", partitions=len(starts), bucket=self._bucket.name)
        return consumer

    def _start(self, consumer: Consumer, chain: Chain) -> TopicPartition:
        at = TopicPartition(chain.topic, chain.partition)
        ends = consumer.get_watermark_offsets(at, timeout=LOOKUP_SECONDS)
        if ends is None:
            raise StartAgain(f"the log does not say where {chain.topic}/{chain.partition} ends")
        low, high = ends
        head, markers = self._head(chain)
        at.offset = low if head is None else max(low, head.last + 1)
        if head is not None and head.last >= high:
            raise StartAgain(
                f"{chain.topic}/{chain.partition} ends at {high}, its archive at {head.last}: "
                f"the log lost records, and nothing of it is archived until it is made anew"
            )
        gone = at.offset - head.last - 1 if head is not None else 0
        if gone:
            say("records are gone that were not archived", place=chain.place, records=gone)
            self._gone += gone
        now_ms = int(self._clock.now() * 1000)
        self._growing[chain.place] = _Growing(chain, head, markers, now_ms)
        return at

    def _head(self, chain: Chain) -> tuple[Manifest | None, ArchivedMarkers]:
        """The end of the chain, and the markers of all that is archived: of a former log's chain, too."""
        key = self._places.newest_key(chain.place)
        known = None if key is None else self._bucket.manifest(key)
        if known is not None and chain_of(known.key)[0] == chain:
            head = self._bucket.head(chain, known)
        else:
            head = self._bucket.head(chain, None)
        newest = head or known
        markers = ArchivedMarkers() if newest is None else ArchivedMarkers.restored(newest.markers)
        return head, markers

    def _follow(self, consumer: Consumer) -> None:
        while not self.stopping.is_set():
            self._alive.touch()
            for message in consumer.consume(READ_RECORDS, self._read_seconds):
                self._take(message)
            self._write_what_is_due()
            self._tell()

    def _take(self, message: Any) -> None:
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._AUTO_OFFSET_RESET or error.fatal():
                raise StartAgain(error.str())
            return  # the client gets over the others by itself
        record = Archived(
            message.offset(),
            message.timestamp()[1],
            message.key(),
            message.value(),
            message.headers() or [],
        )
        growing = self._growing[message.topic(), message.partition()]
        growing.add(record, self._clock.monotonic())
        if growing.builder.raw_bytes >= ROLL_BYTES:
            self._write(growing)

    def _write_what_is_due(self) -> None:
        now = self._clock.monotonic()
        held = [one for one in self._growing.values() if one.builder.records]
        for one in held:
            if now - one.since >= self._told.archive_roll_seconds:
                self._write(one)
        while sum(one.builder.raw_bytes for one in held) > HELD_BYTES:
            self._write(max(held, key=lambda one: one.builder.raw_bytes))

    def _write(self, growing: _Growing) -> None:
        self._alive.touch()
        manifest, body = growing.builder.built(growing.markers.saved())
        if not self._bucket.put_new(manifest.key, body):
            raise StartAgain(f"{manifest.key} is there: another task archives, or one did")
        growing.written(manifest)
        self._places.save(growing.chain.place, manifest.key, manifest.markers)

    def _tell(self) -> None:
        """Gaps, and how far it is behind by the records' times: each partition has a marker a second."""
        now = self._clock.monotonic()
        if now - self._tell_at < TELL_SECONDS or not self._growing:
            return
        self._tell_at = now
        oldest = min(one.archived_ms for one in self._growing.values())
        behind = max(0.0, self._clock.now() - oldest / 1000)
        say_metric("ArchiveBehindSeconds", round(behind, 1), self._told.suffix)
        gone, self._gone = self._gone, 0
        say_metric("ArchiveGaps", gone, self._told.suffix)
