"""`apply`: the log's events into the database while, and only while, this region may serve."""

from __future__ import annotations

import signal
import threading

import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from lifeline.lambdas.contracts.event_applier import Apply
from lifeline.lambdas.failover.breaker import Breaker, Stopped
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.writer_search import WriterSearch
from lifeline.services.archiver.archived_places import ArchivedPlaces
from lifeline.services.event_applier.batch import Batch, LogRecord, Place, batch_of
from lifeline.services.event_applier.dead_letter_publisher import DeadLetterPublisher
from lifeline.services.event_applier.log_reader import LogReader, say_gone
from lifeline.services.event_applier.old_partitions import OldPartitions
from lifeline.services.event_applier.pace import Pace
from lifeline.services.event_applier.positions import (
    OwnPosition,
    Resume,
    read_applied,
    read_lineages,
    read_own_positions,
    resume_of,
)
from lifeline.services.event_applier.quality_told import QualityTold
from lifeline.services.event_applier.store import Applied, NotServing, Store
from lifeline.services.event_applier.upkeep import Upkeep
from lifeline.services.shared.database import Connection, connect
from lifeline.services.shared.liveness import AliveFile
from lifeline.services.shared.log_clients import client_settings, consumer_settings, topic_ids
from lifeline.services.shared.log_lines import say
from lifeline.services.shared.metric_lines import say_metric
from lifeline.services.shared.serving_guard import ServingGuard
from lifeline.services.shared.topics import DEAD_LETTERS

BATCH_RECORDS = 5_000
"""Under a backlog: each aggregate and vital sign is written once a batch, so a larger one writes less."""
BATCH_SECONDS = 0.2
IDLE_SECONDS = 0.5
HEARTBEAT_SECONDS = 0.9
LAG_SECONDS = 15.0
APPLIES_SECONDS = 30.0
"""A task applies while its last transaction, a heartbeat at least, is younger."""
PARTITION_WINDOW_SECONDS = 3_600.0
MAX_BACKOFF_SECONDS = 5.0
RETRIES = 5


def main() -> int:
    """The command: runs until SIGTERM."""
    applier = Applier(Apply.from_env())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: applier.stopping.set())
    threading.Thread(target=applier.upkeep.run, args=(applier.stopping,), daemon=True).start()
    applier.run()
    return 0


class ServerInRecovery(Exception):
    """Connected to a replica: look for the writer again (A16)."""


class Applier:
    """The loop around one reader and one store; either is made anew after it failed."""

    def __init__(self, settings: Apply, clock: Clock = SYSTEM_CLOCK) -> None:
        self._database, self._log, self._region = settings.database, settings.log, settings.region
        self._breaker = Breaker(on=settings.breaker == "on")
        self._clock = clock
        self._guard = ServingGuard(self._region.region, self._region.ttl_seconds)
        self._search = WriterSearch(clock.random)
        self._dead_letters = DeadLetterPublisher(self._log, clock)
        self._quality = QualityTold(self._region.suffix, clock)
        self._connection: Connection | None = None
        self._admin: AdminClient | None = None
        self._resumes: dict[Place, Resume] = {}
        self._log_ids: dict[str, str] = {}
        self._restarted: set[Place] = set()
        self._heartbeat_at = self._window_at = self._lag_at = float("-inf")
        self._said = ""
        self._pace = Pace(BATCH_RECORDS)
        self._paced: dict[str, str] = {}
        """The epoch and the log that the pace knows."""
        self._under_way: list[LogRecord] = []
        """Read, and not known to be stored."""
        self._alive = AliveFile(settings.alive_file)
        self._applied_at = float("-inf")
        archived = ArchivedPlaces(settings.checkpoints_table, self._region.region)
        self.upkeep = Upkeep(
            lambda: connect(self._database, purpose="upkeep"),
            lambda: clock.monotonic() - self._applied_at < APPLIES_SECONDS,
            OldPartitions(archived.held, settings.hot_days),
            self._region.suffix,
            clock,
        )
        """Its `run` is for a thread of its own."""
        self.stopping = threading.Event()

    def run(self) -> None:
        """Until stopping. Failures are said, waited out with growing pauses, never fatal."""
        pause = 0.1
        while not self.stopping.is_set():
            self._alive.touch()
            reader: LogReader | None = None
            started = self._clock.monotonic()
            try:
                reader = self._reader()
                self._work(reader)
            except (psycopg.Error, KafkaException, OSError, RuntimeError) as error:
                self._say_state(f"starting again: {type(error).__name__}: {_words(error)}")
            finally:
                self._disconnect()
                if reader is not None:
                    reader.close()
            pause = (
                0.1
                if self._clock.monotonic() - started > 30
                else min(pause * 2, MAX_BACKOFF_SECONDS)
            )
            self._clock.wait(self.stopping, pause)

    def _reader(self) -> LogReader:
        group = f"apply-{self._region.suffix}"
        topics = [topic for topic in self._log.partitions if topic != DEAD_LETTERS]
        return LogReader(consumer_settings(self._log, purpose="apply", group=group), topics)

    def _work(self, reader: LogReader) -> None:
        """Until stopping, or the log fails. A failing database is reconnected, keeping the group."""
        pause = 0.1
        while not self.stopping.is_set():
            self._alive.touch()
            try:
                if self._connection is None:
                    self._connection = connect(self._database, purpose="apply")
                store = Store(
                    self._connection, self._region.region, self._guard, self._clock, self._breaker
                )
                while not self.stopping.is_set():
                    self._step(reader, store)
                    pause = 0.1
            except ServerInRecovery:
                self._disconnect()
                reader.stand_still()
            except (psycopg.Error, OSError) as error:
                self._say_state(f"database: {type(error).__name__}: {_words(error)}")
                if self._under_way:
                    self._pace.failed(self._under_way)
                self._say_lag(reader)
                self._under_way = []
                self._disconnect()
                reader.stand_still()
                reader.read(1, pause)  # keeps the group membership alive
                pause = min(pause * 2, MAX_BACKOFF_SECONDS)

    def _step(self, reader: LogReader, store: Store) -> None:
        self._alive.touch()
        asked_at = self._clock.monotonic()
        if reader.unplaced:
            permission = self._guard.judge(store.read_authority(), asked_at)
            self._say_state(permission.reason)
            if self._search.leave(in_recovery=permission.in_recovery, now=asked_at):
                raise ServerInRecovery
            if not permission.may_serve or not reader.partitions:
                reader.read(1, IDLE_SECONDS if not permission.may_serve else BATCH_SECONDS)
                return
            self._place(reader)
        records = reader.read(self._pace.records, BATCH_SECONDS)
        together = self._pace.together(records)
        if together < len(records):
            reader.give_back(records[together:])
            records = records[:together]
        batch = batch_of(records)
        behind = self._overtaken(batch)
        if behind:
            say("position lies behind an applied marker: from the beginning", places=len(behind))
            self._restarted |= behind
            reader.stand_still()
            return
        self._apply(reader, store, records, batch)
        self._say_lag(reader)
        self._quality.tell()

    def _say_lag(self, reader: LogReader) -> None:
        """Only where it may apply: a standby reads nothing, so it has no lag to tell of.

        What it could not apply counts, too.
        """
        now = self._clock.monotonic()
        if reader.unplaced or now - self._lag_at < LAG_SECONDS:
            return
        self._lag_at = now
        say_metric("ConsumerLag", reader.lag() + len(self._under_way), self._region.suffix)

    def _apply(
        self, reader: LogReader, store: Store, records: list[LogRecord], batch: Batch
    ) -> None:
        now = self._clock.monotonic()
        heartbeat = now - self._heartbeat_at >= HEARTBEAT_SECONDS
        try:
            for attempt in range(RETRIES):
                try:
                    if records or heartbeat:
                        own = self._own_positions(reader, records, batch)
                        self._under_way = records
                        done = store.apply(
                            batch,
                            heartbeat=heartbeat,
                            positions=own,
                            plain=self._pace.is_plain(records),
                        )
                        self._under_way = []
                        self._pace.applied(records)
                        _say_what_is_odd(done)
                        self._quality.count(done)
                    break
                except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                    if attempt == RETRIES - 1:  # C6
                        raise
            self._dead_letters.publish(store)
        except Stopped:
            self._stop(reader, store, heartbeat=heartbeat)
        except NotServing as refused:
            self._say_state(str(refused))
            self._under_way = []
            reader.stand_still()
            return
        if heartbeat:
            self._heartbeat_at = now
        self._applied_at = now
        self._extend_window(now)

    def _stop(self, reader: LogReader, store: Store, *, heartbeat: bool) -> None:
        """Nothing of the batch was stored or set aside. It stays where it is, and is tried again (B23)."""
        if self._breaker.page_due(self._clock.now()):
            say("stopped", region=self._region.region, epoch=self._guard.epoch)
        if heartbeat:
            try:
                store.apply(Batch(), heartbeat=True)  # it lives, and has its right
            except NotServing as refused:
                self._say_state(str(refused))
        reader.stand_still()
        reader.read(1, MAX_BACKOFF_SECONDS)  # keeps the group membership alive

    def _place(self, reader: LogReader) -> None:
        connection = self._connection
        if connection is None:
            return
        regions = (self._region.region, self._region.peer_region)
        if self._admin is None:
            self._admin = AdminClient(client_settings(self._log, purpose="apply"))
        log_ids = topic_ids(self._admin, {topic for topic, _ in reader.partitions})
        paced = {"epoch": str(self._guard.epoch), **log_ids}
        if self._restarted or any(self._paced.get(key, one) != one for key, one in paced.items()):
            self._pace = Pace(
                BATCH_RECORDS
            )  # its offsets mean other records, or are read once more
        self._paced |= paced
        self._log_ids = log_ids
        self._pace.keep_only(reader.partitions)
        own = read_own_positions(connection, self._guard.epoch, self._log_ids)
        lineages = read_lineages(connection)
        self._resumes = {
            place: Resume(None, offset=own[place])
            if place in own and place not in self._restarted
            else resume_of(read_applied(connection, place), regions, lineages)
            for place in sorted(reader.partitions)
        }
        for place in self._restarted & reader.partitions:
            self._resumes[place].seek_ms = None
        self._restarted = set()
        reader.place(self._resumes)
        resumes = self._resumes.values()
        say(
            "placed",
            partitions=len(resumes),
            own=sum(one.offset is not None for one in resumes),
            from_beginning=sum(one.offset is None and one.seek_ms is None for one in resumes),
        )

    def _own_positions(
        self, reader: LogReader, records: list[LogRecord], batch: Batch
    ) -> list[OwnPosition]:
        """Of the partitions with a marker in this batch: about once a second, as the markers come."""
        following = {(one.topic, one.partition): one.offset + 1 for one in records}
        found = []
        for place in {seen.place for seen in batch.markers}:
            resume = self._resumes[place]
            if resume.end is None:
                resume.end = reader.end(place)
            if resume.is_own(following[place]):
                found.append(OwnPosition(place, self._log_ids[place[0]], following[place]))
        return found

    def _overtaken(self, batch: Batch) -> set[Place]:
        """The places to read from the log's first record, since reading began behind an applied marker.

        Where it began there already, what lay before is gone (B26).
        """
        behind: set[Place] = set()
        for seen in batch.markers:
            resume = self._resumes.get(seen.place)
            if resume is None or not resume.unmet or not resume.overtaken(seen):
                continue
            if resume.from_first:
                resume.unmet.clear()  # once is enough
                say_gone(seen.place)
            else:
                behind.add(seen.place)
        return behind

    def _extend_window(self, now: float) -> None:
        """Tomorrow's partitions (C3), and what is too old to say where to read (B24).

        Failing is no harm today: the default partition takes the rows, and old rows cost some reading.
        """
        if now - self._window_at < PARTITION_WINDOW_SECONDS or self._connection is None:
            return
        self._window_at = now
        for function in ("extend_event_partitions", "forget_old_shards"):
            try:
                with self._connection.transaction():
                    self._connection.execute("SET LOCAL lock_timeout = '1s'")
                    self._connection.execute(f"SELECT {function}()".encode())
            except psycopg.Error as error:
                say("not kept up", function=function, error=type(error).__name__)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _say_state(self, state: str) -> None:
        if state != self._said:
            self._said = state
            say(state, region=self._region.region, epoch=self._guard.epoch)


def _say_what_is_odd(done: Applied) -> None:
    """Lines that are counted."""
    if done.set_aside:
        say("quarantined", records=done.set_aside)
    if done.unexpected:
        say("unexpected", records=done.unexpected)
    if done.withheld:
        say("withheld", records=done.withheld)
    if done.plain:
        say("without vital signs", records=done.plain)


def _words(error: BaseException) -> str:
    """The first line only: the lines after it may quote a row."""
    return str(error).partition("\n")[0][:200]
