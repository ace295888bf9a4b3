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
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from lifeline.lambdas.contracts.archiver import Archive
from lifeline.lambdas.failover.archived_markers import ArchivedMarkers
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.manifests import digest_of
from lifeline.lambdas.failover.markers import AGAIN, REPAIR, Marker, Pair, Place
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
RETRY_SECONDS, RETRIED = 15.0, 4
"""Between two tries to archive partitions that could not be, and how many are tried at once."""
TELL_SECONDS = 15.0
MAX_BACKOFF_SECONDS = 30.0


class StartAgain(Exception):
    """The log does not answer: look there again."""


CANNOT_BE_ARCHIVED = (ArchiveError, ClientError, BotoCoreError, KeyError, TypeError, ValueError)
"""Of one partition: its object, its item, its end. What the log itself raises concerns all of them."""


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
        self,
        chain: Chain,
        head: Manifest | None,
        markers: ArchivedMarkers,
        following: int,
        now_ms: int,
    ) -> None:
        self.chain, self.head, self.markers = chain, head, markers
        self.following = following
        """The offset of the next record to read."""
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
        self.following = record.offset + 1
        try:
            self._count(record)
        except (KeyError, ValueError, AttributeError):  # archived all the same, it proves nothing
            say("a record's origin cannot be read", place=self.chain.place, offset=record.offset)

    def _count(self, record: Archived) -> None:
        told = dict(record.headers)
        kind, value = told.get("kind"), record.value or b""
        if kind == b"marker":
            # Neither a copy nor what a repair wrote says that nothing newer lies before it.
            again = AGAIN in told or REPAIR in told
            self.markers.add(Marker.from_bytes(value), record.time_ms, again=again)
        elif kind is None and "sequence" in told:
            named = (_text(told[name]) for name in ("origin", "incarnation", "shard"))
            pair, sequence = Pair(*named), told["sequence"] or b""
            if self.markers.counts(pair):
                self.markers.record(pair, int(sequence), digest_of(sequence, value))

    def written(self, manifest: Manifest) -> None:
        """It lies in the bucket."""
        self.head = manifest
        self.archived_ms = max(self.archived_ms, manifest.last_time_ms)
        self._begin()


@dataclass(frozen=True)
class _Stopped:
    """A partition that is not archived now. `archived_ms`: the time of the newest record that is."""

    archived_ms: int


class Archiver:
    """The loop. Whatever fails, it begins again at the ends of what lies in the bucket.

    A partition that cannot be archived holds back no other: it is named, counted, and tried again.
    """

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
        self._admin: Any = None
        self._growing: dict[Place, _Growing] = {}
        self._stopped: dict[Place, _Stopped] = {}
        self._read_seconds = min(READ_SECONDS, told.archive_roll_seconds / 4)
        self._tell_at = self._tried_at = float("-inf")
        self._is_changed = False
        """Whether the partitions to read are others than those that are read."""
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
            except (StartAgain, KafkaException, OSError, RuntimeError) as error:
                say("the archiver starts again", error=_words(error))
            finally:
                if consumer is not None:
                    consumer.close()
            lasted = self._clock.monotonic() - started
            pause = 0.5 if lasted > 60 else min(pause * 2, MAX_BACKOFF_SECONDS)
            self._clock.wait(self.stopping, pause)

    def _consumer(self) -> Consumer:
        """A consumer of every partition, each behind what lies in the bucket."""
        log = self._told.log
        self._admin = AdminClient(client_settings(log, purpose="archive"))
        group = f"archive-{self._told.suffix}"
        consumer = Consumer(
            consumer_settings(log, purpose="archive", group=group)
            | {"auto.offset.reset": "error", "queued.max.messages.kbytes": 32_768}
        )
        try:
            self._growing, self._stopped = {}, {}
            self._start(
                consumer, [(t, n) for t in sorted(log.partitions) for n in range(log.partitions[t])]
            )
            self._assign(consumer)
        except BaseException:
            consumer.close()
            raise
        say("the log is archived", partitions=len(self._growing), bucket=self._bucket.name)
        return consumer

    def _assign(self, consumer: Consumer) -> None:
        self._is_changed = False
        consumer.assign(
            [TopicPartition(*place, one.following) for place, one in self._growing.items()]
        )

    def _start(self, consumer: Consumer, places: list[Place]) -> None:
        """Each is archived from now on, or is not and is tried again."""
        ids = topic_ids(self._admin, self._told.log.partitions)  # a topic made anew has another
        for place in places:
            chain = Chain.of(self._told.region, place, ids[place[0]])
            try:
                growing = self._begun(consumer, chain)
            except (*CANNOT_BE_ARCHIVED, KafkaException) as error:
                self._stop(chain, error)
            else:
                self._growing[place] = growing
                if self._stopped.pop(place, None) is not None:
                    say("a partition is archived again", place=place)
            self._alive.touch()
        self._is_changed = True
        self._tried_at = self._clock.monotonic()

    def _stop(self, chain: Chain, error: Exception) -> None:
        """What is held of it is read again."""
        growing, known = self._growing.pop(chain.place, None), self._stopped.pop(chain.place, None)
        archived_ms = int(self._clock.now() * 1000)
        if known is not None:
            archived_ms = known.archived_ms
        elif growing is not None:
            archived_ms = growing.archived_ms
        self._stopped[chain.place] = _Stopped(archived_ms)
        self._is_changed = True
        say("a partition is not archived", place=chain.place, error=_words(error))

    def _begun(self, consumer: Consumer, chain: Chain) -> _Growing:
        at = TopicPartition(chain.topic, chain.partition)
        ends = consumer.get_watermark_offsets(at, timeout=LOOKUP_SECONDS)
        if ends is None:
            raise StartAgain(f"the log does not say where {chain.topic}/{chain.partition} ends")
        low, high = ends
        head, markers = self._head(chain)
        following = low if head is None else max(low, head.last + 1)
        if head is not None and head.last >= high:
            raise ArchiveError(
                f"{chain.topic}/{chain.partition} ends at {high}, its archive at {head.last}: "
                f"the log lost records, and nothing of it is archived until it is made anew"
            )
        gone = following - head.last - 1 if head is not None else 0
        if gone or head is None:
            markers.cut()
        if gone:
            say("records are gone that were not archived", place=chain.place, records=gone)
            self._gone += gone
        return _Growing(chain, head, markers, following, int(self._clock.now() * 1000))

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
            self._try_again(consumer)
            if self._is_changed:
                self._assign(consumer)
            self._tell()

    def _try_again(self, consumer: Consumer) -> None:
        if self._stopped and self._clock.monotonic() - self._tried_at >= RETRY_SECONDS:
            # A few at a time: one without a leader takes its time, and the others wait meanwhile.
            self._start(consumer, list(self._stopped)[:RETRIED])

    def _take(self, message: Any) -> None:
        growing = self._growing.get((message.topic(), message.partition()))
        error = message.error()
        if error is not None:
            if growing is not None and error.code() == KafkaError._AUTO_OFFSET_RESET:
                self._stop(growing.chain, ArchiveError(error.str()))
            elif error.fatal():
                raise StartAgain(error.str())
            return  # the client gets over the others by itself
        if growing is None:
            return  # it was stopped, and is read again
        record = Archived(
            message.offset(),
            message.timestamp()[1],
            message.key(),
            message.value(),
            message.headers() or [],
        )
        try:
            growing.add(record, self._clock.monotonic())
        except ArchiveError as refused:
            self._stop(growing.chain, refused)
            return
        if growing.builder.raw_bytes >= ROLL_BYTES:
            self._write(growing)

    def _write_what_is_due(self) -> None:
        now = self._clock.monotonic()
        held = [one for one in self._growing.values() if one.builder.records]
        for one in held:
            if now - one.since >= self._told.archive_roll_seconds:
                self._write(one)
        while sum(one.builder.raw_bytes for one in self._growing.values()) > HELD_BYTES:
            self._write(max(self._growing.values(), key=lambda one: one.builder.raw_bytes))

    def _write(self, growing: _Growing) -> None:
        self._alive.touch()
        manifest, body = growing.builder.built(growing.markers.saved())
        try:
            if not self._bucket.put_new(manifest.key, body):
                raise ArchiveError(f"{manifest.key} is there: another task archives, or one did")
        except CANNOT_BE_ARCHIVED as error:
            self._stop(growing.chain, error)
            return
        growing.written(manifest)
        try:
            self._places.save(growing.chain.place, manifest.key, manifest.markers)
        except (ClientError, BotoCoreError) as error:  # the next one says it, too
            say(
                "how far it is archived was not saved",
                place=growing.chain.place,
                error=_words(error),
            )

    def _tell(self) -> None:
        """Gaps, and how far it is behind by the records' times: each partition has a marker a second."""
        now = self._clock.monotonic()
        times = [one.archived_ms for one in self._growing.values()]
        times += [one.archived_ms for one in self._stopped.values()]
        if now - self._tell_at < TELL_SECONDS or not times:
            return
        self._tell_at = now
        behind = max(0.0, self._clock.now() - min(times) / 1000)
        say_metric("ArchiveBehindSeconds", round(behind, 1), self._told.suffix)
        say_metric("ArchiveStopped", len(self._stopped), self._told.suffix)
        gone, self._gone = self._gone, 0
        say_metric("ArchiveGaps", gone, self._told.suffix)


def _text(value: bytes | None) -> str:
    return (value or b"").decode()


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"
