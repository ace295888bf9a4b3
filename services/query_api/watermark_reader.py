"""Reads every partition of the own log and publishes what of the other region it holds (B1, B8, B20).

Invariant: the vector names nothing that this log lacks. A log that was made anew (offsets start again)
makes the reader forget everything and start again. After any other failure, and after a start, it goes on
from its checkpoint (B25).
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from lifeline.lambdas.contracts.log import GroupLog
from lifeline.lambdas.contracts.serving_region import ServingRegion
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.log_proof import LogProof, Lost, Unproven
from lifeline.lambdas.failover.manifests import digest_of
from lifeline.lambdas.failover.markers import (
    AGAIN,
    REPAIR,
    Marker,
    Pair,
    Place,
    entries_from_json,
    entries_to_json,
    row_of_stretch,
    rows_of_vector,
    vector_to_json,
)
from lifeline.lambdas.failover.wire import encoded
from lifeline.services.query_api.reader_checkpoint import (
    ReaderCheckpoint,
    Resumed,
    name_of_stretch,
    say_new_base,
)
from lifeline.services.shared.log_clients import client_settings, consumer_settings, topic_ids
from lifeline.services.shared.log_lines import say
from lifeline.services.shared.metric_lines import say_metric
from lifeline.services.shared.topics import WATERMARK_TOPIC

PUBLISH_SECONDS = 1.0
SILENT_SECONDS = 120.0
"""A partition without a marker of an origin for so long, while others have some, stands still (B18)."""
HOLE_SECONDS = 5.0
"""A stretch that is not proven for longer is told: copies may come out of order, but not by much."""
TELL_SECONDS = 15.0
SAVE_SECONDS = 60.0
"""A start reads again what came since, a minute of it (B25)."""
SHOWN_HOLES = 50
"""Of thousands the first ones say where to look; the metric has their number."""
RECENT_VECTORS = 200
"""Two regions' tasks publish each second; the last one of the other region is saved with the checkpoint."""
LOOKUP_SECONDS = 5.0
READ_RECORDS = 5_000
READ_SECONDS = 0.2
_HolePlace = tuple[Pair, str, int, int]
"""A hole by where it begins: its end moves while it is repaired."""


class LogMadeAnew(Exception):
    """An offset was met twice, or is gone: what was read before proves nothing now."""


class VectorsGone(Exception):
    """`system.watermark` begins later than it was looked up: read it anew, from the checkpoint on."""


class PublishedVectors:
    """Thread-safe: what `/v1/watermark` answers."""

    def __init__(self, *, has_standby: bool = True) -> None:
        """Without `has_standby` no other region proves or will prove anything: the answer says so."""
        self._has_standby = has_standby
        self._lock = threading.Lock()
        self._own: list[dict[str, Any]] = []
        self._peers: list[dict[str, Any]] = []
        self._holes: list[dict[str, Any]] = []
        self._given_up: list[dict[str, Any]] = []

    def answer(self, region: str) -> dict[str, Any]:
        """The body of `/v1/watermark` in `region`."""
        with self._lock:
            holes, given_up = list(self._holes), list(self._given_up)
        told = vector_to_json(region, self.entries())
        lost = {"holes": holes, "given_up": given_up}
        return {**told, **lost, "standby": self._has_standby}

    def entries(self) -> list[dict[str, Any]]:
        """Both directions: ours about the other origin, the other's about ours."""
        with self._lock:
            return [*self._own, *self._peers]

    def peers(self) -> list[dict[str, Any]]:
        """What the other region's reader published last."""
        with self._lock:
            return list(self._peers)

    def set_own(self, rows: list[dict[str, Any]], holes: list[dict[str, Any]]) -> None:
        """What this region's reader found of the other origin, and what it can't prove."""
        with self._lock:
            self._own, self._holes = rows, holes

    def set_given_up(self, rows: list[dict[str, Any]]) -> None:
        """What was given up of the other origin, ever."""
        with self._lock:
            self._given_up = rows

    def set_peers(self, rows: list[dict[str, Any]]) -> None:
        """What the other region's reader published about this origin."""
        with self._lock:
            self._peers = rows


class WatermarkReader:
    """The thread's loop: read, observe, publish each second, save each minute."""

    def __init__(
        self,
        log: GroupLog,
        region: ServingRegion,
        published: PublishedVectors,
        checkpoint: ReaderCheckpoint,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self._log, self._region, self._published = log, region, published
        self._checkpoint = checkpoint
        self._from_beginning = False
        self._topic_ids: dict[str, str] = {}
        self._peer = region.peer_region.encode()
        self._proof = LogProof()
        self._last: dict[tuple[str, int], int] = {}
        self._marker_at: dict[tuple[bytes, Place], float] = {}
        """When a marker of an origin was last met in a partition."""
        self._declared_at: dict[bytes, dict[Place, float]] = {}
        """Since when an origin's markers declare a partition; those of its first marker: for ever."""
        self._looked_at: dict[bytes, float] = {}
        """When a marker of an origin was last read for what it declares."""
        self._began_at = clock.monotonic()
        self._silent: list[tuple[str, Place]] = []
        self._told: set[_HolePlace] = set()
        self._given_up: dict[str, dict[str, Any]] = {}
        self._given_up_saved = 0
        self._tell_at = float("-inf")

    def run(self, stopping: threading.Event) -> None:
        """Until stopping; no exception ends it."""
        while not stopping.is_set():
            consumer: Consumer | None = None
            try:
                consumer = self._consumer()
                self._follow(consumer, stopping)
            except LogMadeAnew as error:
                self._from_beginning = True
                say_new_base("the log is another one than before", error=str(error)[:200])
            except Exception as error:
                say("watermark reader starts again", error=f"{type(error).__name__}: {error}"[:200])
                self._clock.wait(stopping, 1.0)
            finally:
                if consumer is not None:
                    consumer.close()

    def observe(
        self,
        topic: str,
        partition: int,
        offset: int,
        headers: list[tuple[str, bytes]],
        value: bytes,
    ) -> None:
        """One event or marker record. Raises LogMadeAnew, ValueError for a marker that cannot be read."""
        place = (topic, partition)
        if offset <= self._last.get(place, -1):
            raise LogMadeAnew(f"{topic}/{partition}: offset {offset} again")
        self._last[place] = offset
        if offset == 0:
            self._proof.note_whole(place)
        told = dict(headers)
        kind, now = told.get("kind"), self._clock.monotonic()
        origin = told.get("origin", b"")
        if kind == b"marker":
            self._marker_at[origin, place] = now
        if origin != self._peer:
            if (
                kind == b"marker"
                and now - self._looked_at.get(origin, float("-inf")) >= PUBLISH_SECONDS
            ):
                self._looked_at[origin] = now  # one a second: nothing else of them is of use here
                with suppress(ValueError):
                    self._meet_declared(origin, Marker.from_bytes(value), now)
            return  # our own shards are proven in the other region
        run = told.get(REPAIR, b"").decode()
        if kind == b"marker":
            marker = Marker.from_bytes(value)
            self._meet_declared(origin, marker, now)
            self._proof.marker(marker, place, now=now, run=run, again=AGAIN in told)
            return
        if kind is not None:
            return  # not written by a bridge, so no manifest counts it (B26)
        sequence = told["sequence"]
        pair = Pair(self._region.peer_region, told["incarnation"].decode(), told["shard"].decode())
        digest = digest_of(sequence, value)
        self._proof.record(pair, place, int(sequence), digest, offset=offset, now=now, run=run)

    def rows(self) -> list[dict[str, Any]]:
        """The vector of the other origin, as published."""
        return entries_to_json(self._region.region, self._proof.vector())

    def holes(self) -> list[Unproven]:
        """The stretches that stay unproven for longer than late copies take (B18)."""
        now = self._clock.monotonic()
        return [one for one in self._proof.unproven() if now - one.since > HOLE_SECONDS]

    def silent(self) -> list[tuple[str, Place]]:
        """Origins and partitions without a marker, while the same origin's reach other partitions (B18).

        One that is being added is none of them until the origin's bridge declares it, last of all (B9).
        """
        since = self._clock.monotonic() - SILENT_SECONDS
        if self._began_at > since:
            return []
        speaking = {origin for (origin, _), at in self._marker_at.items() if at > since}
        listed = [(t, p) for t, count in sorted(self._log.partitions.items()) for p in range(count)]
        return [
            (origin.decode(errors="replace"), place)
            for origin in sorted(speaking)
            for place in listed
            if self._awaited_since(origin, place) <= since
            and self._marker_at.get((origin, place), since) <= since
        ]

    def _awaited_since(self, origin: bytes, place: Place) -> float:
        """Never, if its markers declare others alone; always, if they declare none (the format before)."""
        declared = self._declared_at.get(origin)
        return float("-inf") if declared is None else declared.get(place, float("inf"))

    def _meet_declared(self, origin: bytes, marker: Marker, now: float) -> None:
        if marker.partitions:  # one that a repair made declares none
            at = now if origin in self._declared_at else float("-inf")
            declared = self._declared_at.setdefault(origin, {})
            for one in marker.partitions:
                declared.setdefault(one, at)

    def hear(self, key: bytes | None, value: bytes) -> None:
        """A vector read on `system.watermark`; only the other region's word about our origin counts."""
        peer, own = self._region.peer_region, self._region.region
        if key != peer.encode():
            return
        rows = rows_of_vector(json.loads(value))
        entries_from_json(rows)  # raises for a malformed row
        self._published.set_peers(
            [row for row in rows if row["region"] == own and row["safe_in"] == peer]
        )

    def _consumer(self) -> Consumer:
        places = [(t, p) for t, count in self._log.partitions.items() for p in range(count)]
        client = client_settings(self._log, purpose="watermark")
        self._admin = AdminClient(client)
        self._topic_ids = topic_ids(self._admin, self._log.partitions)
        resumed = None
        if not self._from_beginning:
            resumed = self._checkpoint.load(self._topic_ids, places, self._clock.monotonic())
        if resumed is None:
            resumed = Resumed(LogProof(), dict.fromkeys(places, OFFSET_BEGINNING), [])
        self._remember_given_up(self._checkpoint.given_up())
        self._given_up_saved = len(self._given_up)
        say("the watermark is read", checkpoint=OFFSET_BEGINNING not in resumed.offsets.values())
        self._proof = resumed.proof
        self._last = {place: offset - 1 for place, offset in resumed.offsets.items() if offset > 0}
        self._published.set_own([], [])
        if resumed.peers:
            self._published.set_peers(resumed.peers)
        group = f"watermark-{self._region.suffix}"
        settings = consumer_settings(self._log, purpose="watermark", group=group)
        consumer = Consumer(settings | {"auto.offset.reset": "error"})
        vectors = TopicPartition(WATERMARK_TOPIC, 0)
        low, high = consumer.get_watermark_offsets(vectors, timeout=LOOKUP_SECONDS)
        vectors.offset = max(low, high - RECENT_VECTORS)
        starts = [TopicPartition(t, p, offset) for (t, p), offset in resumed.offsets.items()]
        consumer.assign([*starts, vectors])
        return consumer

    def _save(self) -> None:
        """Nothing waits for it: a checkpoint that is not written costs reading at the next start."""
        following = {place: offset + 1 for place, offset in self._last.items()}
        if len(following) < sum(self._log.partitions.values()):
            return  # a partition was not met yet
        if topic_ids(self._admin, self._log.partitions) != self._topic_ids:
            raise LogMadeAnew("a topic has another id")
        try:
            # First: a start from the places below does not meet again what was given up before them.
            self._meet_lost()
            if len(self._given_up) > self._given_up_saved:
                # With what another task met and saved since.
                self._remember_given_up(self._checkpoint.given_up())
                self._checkpoint.save_given_up(list(self._given_up.values()))
                self._given_up_saved = len(self._given_up)
        except (ClientError, BotoCoreError) as error:
            say("what was given up was not saved, nor a checkpoint", error=type(error).__name__)
            return
        try:
            now = self._clock.monotonic()
            self._proof.settle(now)
            self._checkpoint.save(
                self._proof, following, self._topic_ids, now, self._published.peers()
            )
            self._from_beginning = False
        except (ClientError, BotoCoreError) as error:
            say("no checkpoint was written", error=type(error).__name__)

    def _follow(self, consumer: Consumer, stopping: threading.Event) -> None:
        producer = Producer(
            client_settings(self._log, purpose="watermark")
            | {"acks": "all", "delivery.timeout.ms": 4_000}
        )
        publish_at = self._clock.monotonic()
        save_at = publish_at + SAVE_SECONDS
        while not stopping.is_set():
            for message in consumer.consume(READ_RECORDS, READ_SECONDS):
                self._take(message)
            if self._clock.monotonic() >= publish_at:
                publish_at = self._clock.monotonic() + PUBLISH_SECONDS
                self._publish(producer)
            if self._clock.monotonic() >= save_at:
                save_at = self._clock.monotonic() + SAVE_SECONDS
                self._save()

    def _take(self, message: Any) -> None:
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._AUTO_OFFSET_RESET:
                if message.topic() == WATERMARK_TOPIC:
                    raise VectorsGone(error.str())
                raise LogMadeAnew(error.str())
            return  # the client gets over the others by itself; meanwhile the vector stands still
        if message.topic() == WATERMARK_TOPIC:
            try:
                self.hear(message.key(), message.value())
            except Exception as error:  # whatever a peer wrote, the reading goes on (B23)
                say("a published vector cannot be read", error=type(error).__name__)
            return
        try:
            self.observe(
                message.topic(),
                message.partition(),
                message.offset(),
                message.headers() or [],
                message.value() or b"",
            )
        except LogMadeAnew:
            raise
        except (
            Exception
        ) as error:  # one record must not stop the reader (B23); uncounted, it leaves a hole
            say(
                "a record's origin cannot be read",
                topic=message.topic(),
                partition=message.partition(),
                error=type(error).__name__,
            )

    def _publish(self, producer: Producer) -> None:
        now = self._clock.monotonic()
        self._proof.find_lost_beginnings(now)
        self._proof.find_lost_ends(now)
        rows, holes = self.rows(), self.holes()
        self._meet_lost()
        self._published.set_own(rows, [_told(one) for one in holes[:SHOWN_HOLES]])
        self._tell(holes)
        region = self._region.region
        body = encoded(vector_to_json(region, rows)).encode()
        try:
            producer.produce(WATERMARK_TOPIC, body, key=region.encode(), partition=0)
        except BufferError:
            say("a vector was not published: the log takes nothing")
        producer.poll(0)

    def _meet_lost(self) -> None:
        """What markers gave up since the last look."""
        self._remember_given_up([_lost(one) for one in self._proof.lost])
        self._proof.lost.clear()

    def _remember_given_up(self, rows: list[dict[str, Any]]) -> None:
        """Counted for ever, once each: a log that is read again gives the same up again."""
        new = {name: row for row in rows if (name := name_of_stretch(row)) not in self._given_up}
        if not new:
            return
        self._given_up |= new
        self._published.set_given_up(list(self._given_up.values()))
        for row in new.values():
            say("a hole is given up", **row)

    def _tell(self, holes: list[Unproven]) -> None:
        """Each hole once, in words; their number for the alarm."""
        known = {_place(one) for one in holes}
        for one in holes[:SHOWN_HOLES]:
            if _place(one) not in self._told:
                say("the log has a hole", **_told(one))
        if self._told - known:
            say("a hole is closed", closed=len(self._told - known), left=len(known))
        self._told = known
        now = self._clock.monotonic()
        if now - self._tell_at >= TELL_SECONDS:
            self._tell_at = now
            say_metric("LogHoles", len(holes), self._region.suffix)
            silent = self.silent()
            for origin, (topic, partition) in silent[:SHOWN_HOLES]:
                if (origin, (topic, partition)) not in self._silent:
                    say(
                        "a partition has no marker", origin=origin, topic=topic, partition=partition
                    )
            self._silent = silent
            say_metric("LogSilentPartitions", len(silent), self._region.suffix)


def _place(one: Unproven) -> _HolePlace:
    return one.pair, one.topic, one.partition, one.after


def _lost(one: Lost) -> dict[str, Any]:
    told = row_of_stretch(one.pair, one.place, one.after, one.until)
    return {**told, "missing": one.missing}


def _told(one: Unproven) -> dict[str, Any]:
    told = row_of_stretch(one.pair, (one.topic, one.partition), one.after, one.until)
    return {**told, "born_ms": one.born_ms, "why": str(one.why)}
