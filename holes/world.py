"""One direction of the platform: stream, bridge, log, replicator, the other log, and the reader there.

Everything is the product's own code but for the stream and the tables (`stand_ins`). A thread sends events at
a steady rate, puts markers, and bridges; faults are put in between its rounds.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient

from holes.checker import Checker, Key
from holes.engines import LOSE, Replicator, broker, create_topics
from holes.stand_ins import INCARNATION, Stream, Table
from lab.waiting import until
from lifeline.cli.log_repair import LogRepair
from lifeline.cli.output import Output
from lifeline.cli.waiting import Deadline
from lifeline.lambdas.contracts.log import GroupLog, LogAddress
from lifeline.lambdas.contracts.serving_region import ServingRegion
from lifeline.lambdas.contracts.stream_bridge import StreamBridge
from lifeline.lambdas.failover.breaker import Breaker
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
from lifeline.lambdas.failover.markers import AGAIN, StreamMarker
from lifeline.lambdas.stream_bridge import handler
from lifeline.lambdas.stream_bridge.batch import LogRecord, origin_headers
from lifeline.lambdas.stream_bridge.count_table import CountTable
from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder
from lifeline.lambdas.stream_bridge.log_partition import LogReader
from lifeline.lambdas.stream_bridge.log_writer import LogWriter, producer_settings
from lifeline.lambdas.stream_bridge.repair import Repair
from lifeline.lambdas.stream_bridge.shard_count import CountedMarker
from lifeline.lambdas.stream_bridge.shard_counts import ShardCounts
from lifeline.lambdas.stream_bridge.shard_reader import ShardReader
from lifeline.lambdas.stream_bridge.stream_identity import StreamIdentity
from lifeline.services.query_api.reader_checkpoint import ReaderCheckpoint
from lifeline.services.query_api.watermark_reader import PublishedVectors, WatermarkReader

ORIGIN, READER = "ca-central-1", "ca-west-1"
OBSERVATIONS = "clinical.observation.recorded"
PARTITIONS = {OBSERVATIONS: 2, "error.dlq": 1}
SHARDS = ("shardId-000000000000", "shardId-000000000001")
ROUND_SECONDS = 0.1
MARKER_SECONDS = 1.0
LOOK_SECONDS = 0.25
LOOKS_PER_CHECK = 4
BAD_SHARE = 50
"""One event in so many is rejected."""
PATIENTS = 200
REPAIR_SECONDS = 60.0
Row = dict[str, Any]
Place = tuple[str, int]
Loses = Callable[[Place, int, bool], bool]
"""(partition, sequence, is a marker): whether the mirror loses it."""


class BridgeDied(Exception):
    """The process of the bridge ended here."""


@dataclass
class _Faults:
    """What the writer does to the mirror, and to the bridge."""

    loses: Loses = lambda _place, _sequence, _marker: False
    dies_before_marker: bool = False


class _Writer(LogWriter):
    """The bridge's own; what the mirror shall lose carries one header more."""

    def __init__(self, settings: Row, faults: _Faults, written: dict[Key, LogRecord]) -> None:
        super().__init__(settings)
        self._faults, self._written = faults, written

    def write(self, records: Iterable[LogRecord], at_ms: int) -> None:
        lines = [self._marked(one) for one in records]
        super().write(lines, at_ms)

    def write_marker(self, counted: CountedMarker, at_ms: int) -> None:
        if self._faults.dies_before_marker:
            self._faults.dies_before_marker = False
            raise BridgeDied
        marker = counted.marker
        headers: Any = [("kind", b"marker"), *origin_headers(marker.pair, marker.sequence)]
        headers += [(AGAIN, b"1")] if counted.again else []
        self.write(
            [LogRecord(*place, None, one.to_bytes(), headers) for place, one in counted.records()],
            at_ms,
        )

    def _marked(self, one: LogRecord) -> LogRecord:
        told = {name: value for name, value in one.headers if isinstance(value, bytes)}
        sequence, is_marker = int(told["sequence"]), "kind" in told
        if "repair" in told:
            return one
        if not is_marker:
            self._written[told["shard"].decode(), sequence] = one
        if not self._faults.loses((one.topic, one.partition), sequence, is_marker):
            return one
        return LogRecord(one.topic, one.partition, one.key, one.value, [*one.headers, (LOSE, b"1")])


class World:
    """Use it in a `with`: it starts brokers, replicator, load and reader, and ends them all."""

    def __init__(self, folder: Path, events_per_second: float = 100.0) -> None:
        self._folder, self.rate = folder, events_per_second
        self._stack = ExitStack()
        self.partitions = dict(PARTITIONS)
        self.stream, self.counts_table, self._checkpoints = Stream(SHARDS), Table(), Table()
        self.faults = _Faults()
        self.written: dict[Key, LogRecord] = {}
        self.published = PublishedVectors()
        self.passed: set[Key] = set()
        self.told: set[str] = set()
        """Every hole that was told at any moment, by where it begins."""
        self.trouble: list[str] = []
        self.paused = threading.Lock()
        """Held: no event is sent and nothing is bridged."""
        self.sent = 0
        self._due = self._marker_due = 0.0
        self._stopping = threading.Event()

    def __enter__(self) -> World:
        with self._stack:
            with ThreadPoolExecutor(2) as pool:
                starting = [broker(self._folder / "source"), broker(self._folder / "target")]
                self.source, self.target = pool.map(self._stack.enter_context, starting)
            create_topics(self.source, self.partitions)
            create_topics(self.target, {**self.partitions, "system.watermark": 1})
            self.source_admin = AdminClient({"bootstrap.servers": self.source})
            self.target_admin = AdminClient({"bootstrap.servers": self.target})
            self.replicator = Replicator(
                self._folder / "mirror", peer=self.source, own=self.target, topics=self.partitions
            )
            self._stack.callback(self.replicator.kill)
            self.replicator.start()
            self._schemas = load_schemas(schemas_folder())
            self._stack.callback(handler.logger.setLevel, handler.logger.log_level)
            handler.logger.setLevel(logging.ERROR)  # rejects are part of the load
            self.new_bridge()
            self.checker = Checker(self.target, self.partitions)
            self._stack.callback(self.checker.close)
            self._stack.callback(self.stop_reader)
            self.start_reader()
            self._stack.callback(self._stopping.set)
            for loop in (self._send, self._check):
                thread = threading.Thread(target=loop, daemon=True)
                thread.start()
                self._stack.callback(thread.join, 30)
                self._stack.callback(self._stopping.set)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # The bridge

    def new_bridge(self) -> None:
        """Another process of the function: it knows what the table knows."""
        told = producer_settings(bootstrap=self.source, auth="none", region=ORIGIN)
        address = LogAddress(self.source, "none", self.partitions, ORIGIN)
        self._parts = (
            StreamBridge(log=address, stream_name="s", counts_table="c"),
            self._schemas,
            _Writer(told, self.faults, self.written),
            StreamIdentity("s", ORIGIN, self.stream),
            ShardCounts(CountTable("c", ORIGIN, self.counts_table)),
            Breaker(on=True),
        )

    def bridge(self) -> None:
        """What the stream has, as the event source mapping delivers it: a batch that failed comes again."""
        for shard, batch in self.stream.batches():
            try:
                handler.bridge(batch, *self._parts)
            except BridgeDied:
                self.new_bridge()
                continue
            self.stream.done(shard, len(batch["Records"]))

    def put_events(self, count: int) -> list[Key]:
        """Accepted by the stream, shard by shard in turn."""
        found = []
        for _ in range(count):
            self.sent += 1
            shards = self.stream.open_shards()
            shard = shards[self.sent % len(shards)]
            data = b"{bad" if self.sent % BAD_SHARE == 0 else _event(self.sent)
            sequence = self.stream.put(shard, f"e:p-{self.sent % PATIENTS}", data)
            self.checker.accepted(shard, sequence, data)
            found.append((shard, sequence))
        return found

    def put_markers(self) -> None:
        """One into every open shard."""
        now_ms, shards = int(time.time() * 1_000), self.stream.open_shards()
        for shard in shards:
            made = StreamMarker(ORIGIN, str(INCARNATION), shard, now_ms, shards)
            self.stream.put(shard, f"m:{shard}", made.to_bytes())

    def _send(self) -> None:
        self._due = self._marker_due = time.monotonic()
        owed = 0.0
        while not self._stopping.is_set():
            with self.paused:
                now = time.monotonic()
                # After a pause the load goes on at its rate; nothing is caught up.
                owed += self.rate * min(now - self._due, 5 * ROUND_SECONDS)
                self._due = now
                try:
                    self.put_events(int(owed))
                    owed -= int(owed)
                    if now >= self._marker_due:
                        self._marker_due = now + MARKER_SECONDS
                        self.put_markers()
                    self.bridge()
                except Exception as error:
                    self.trouble.append(f"bridge: {type(error).__name__}: {error}"[:200])
            self._stopping.wait(ROUND_SECONDS)

    # The reader, and who looks at it

    def start_reader(self) -> None:
        """A task of the query API's loop, which goes on from its checkpoint."""
        self._reading = threading.Event()
        log = GroupLog(self.target, "none", dict(self.partitions), READER)
        here = ServingRegion(region=READER, peer_region=ORIGIN, suffix="holes")
        reader = WatermarkReader(
            log, here, self.published, ReaderCheckpoint("w", READER, self._checkpoints)
        )
        self._reader = threading.Thread(target=reader.run, args=[self._reading], daemon=True)
        self._reader.start()

    def stop_reader(self) -> None:
        self._reading.set()
        self._reader.join(20)

    def watermark(self, region: str = READER) -> Row:
        """As `lifeline log repair` reads it; the origin's reader knows nothing of its own region."""
        told = self.published.answer(region) if region == READER else {}
        return json.loads(json.dumps({name: told.get(name, []) for name in ("holes", "entries")}))  # type: ignore[no-any-return]

    def _check(self) -> None:
        looks = 0
        while not self._stopping.wait(LOOK_SECONDS):
            looks += 1
            try:
                told = self.watermark()
                self.told |= {_beginning(one) for one in told["holes"]}
                if looks % LOOKS_PER_CHECK == 0:
                    self.passed |= self.checker.passed(told["entries"])
            except Exception as error:
                self.trouble.append(f"checker: {type(error).__name__}: {error}"[:200])

    def reached(self, shard: str) -> int:
        """How far the shard is called safe."""
        return max(
            (int(one["sequence"]) for one in self.watermark()["entries"] if one["shard"] == shard),
            default=-1,
        )

    def safe_until(self, keys: Iterable[Key], seconds: float) -> float | None:
        """How long it takes until all are called safe; None when that is too long."""
        began = time.monotonic()
        last: dict[str, int] = {}
        for shard, sequence in keys:
            last[shard] = max(sequence, last.get(shard, 0))
        while any(self.reached(shard) < sequence for shard, sequence in last.items()):
            if time.monotonic() - began > seconds:
                return None
            time.sleep(0.1)
        return time.monotonic() - began

    def mark(self) -> list[Key]:
        """An event of now in each open shard."""
        with self.paused:
            return self.put_events(len(self.stream.open_shards()))

    def await_healthy(self, seconds: float = 60.0) -> None:
        """Until an event of now is called safe in each shard. Raises LabError."""
        marked = self.mark()
        until(
            "a watermark that goes on",
            lambda: all(self.reached(shard) >= sequence for shard, sequence in marked),
            seconds=seconds,
        )

    @contextmanager
    def loses(self, chosen: Loses) -> Iterator[None]:
        """The mirror loses what is chosen."""
        self.faults.loses = chosen
        try:
            yield
        finally:
            self.faults.loses = _Faults().loses

    # The repair

    def repair(self) -> float:
        """The command's own code, with the bridge's in place of its function; how long it took.

        Raises Refused for what is left nowhere, or is not proven in time.
        """
        began = time.monotonic()
        output = Output()
        deadline = Deadline(SYSTEM_CLOCK, REPAIR_SECONDS, output, after="")
        run = LogRepair(
            ask=self._ask, watermark=self.watermark, deadline=deadline, output=output,
            run=f"run-{uuid.uuid4()}",
        )  # fmt: skip
        holes = run.holes((ORIGIN, READER), ())
        done = run.repair(holes, dry_run=False)
        if done.lost:
            raise RuntimeError(f"left nowhere: {done.lost}")
        run.await_proof(holes, READER)
        return time.monotonic() - began

    def _ask(self, region: str, request: Row) -> Row:
        assert region == ORIGIN
        told = producer_settings(bootstrap=self.source, auth="none", region=ORIGIN)
        made = Repair(
            region=ORIGIN,
            partitions=tuple(sorted(self.partitions.items())),
            schemas=self._schemas,
            log=LogReader(told),
            stream=ShardReader("s", ORIGIN, self.stream),
            writer=_Writer(told, self.faults, self.written),
        )
        asked = json.loads(json.dumps(request))
        return json.loads(json.dumps(made.answer(asked, str(INCARNATION))))  # type: ignore[no-any-return]


def _beginning(hole: Row) -> str:
    return "{shard} {topic}/{partition} after {after}: {why}".format(**hole)


def _event(number: int) -> bytes:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    body = {
        "eventId": str(uuid.uuid4()),
        "eventType": "ObservationRecordedEvent",
        "aggregateId": f"p-{number % PATIENTS}",
        "aggregateType": "Patient",
        "occurredOn": now,
        "version": 1,
        "sequence": number,
        "payload": {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
            "subject": {"reference": "Patient/p"},
            "effectiveDateTime": now,
            "valueQuantity": {"value": 60, "system": "http://unitsofmeasure.org", "code": "/min"},
        },
        "metadata": {"correlationId": "holes"},
    }
    return json.dumps(body).encode()
