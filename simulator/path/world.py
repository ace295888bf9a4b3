"""The path world: two regions with a stream of two shards, a log of a few partitions and a database each, in
which the deployed bridge, marker writer, watermark reader, repair and event applier run.

Run as shipped: `handler.bridge` with all below it down to the clients; `MarkerWriter.run`;
`WatermarkReader.run` with its checkpoint; `Applier.run` with reader and positions; `Repair`. Replaced:
Kinesis, DynamoDB and Kafka (`twins`), the event source mapping, the replicator, the applier's SQL
(`event_store`), the edges, and who holds authority (`holding`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from typing import Any
from unittest.mock import patch

from botocore.exceptions import ClientError

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.contracts.event_applier import Apply
from lifeline.lambdas.contracts.log import GroupLog
from lifeline.lambdas.contracts.serving_region import ServingRegion
from lifeline.lambdas.failover.markers import Marker, entries_from_json, oldest_born_ms
from lifeline.lambdas.stream_bridge import handler, log_partition, log_writer
from lifeline.lambdas.stream_bridge.event_schemas import EventSchemas, load_schemas, schemas_folder
from lifeline.services.event_applier import (
    apply,
    dead_letter_publisher,
    log_reader,
    quality_told,
)
from lifeline.services.query_api import marker_writer, reader_checkpoint, watermark_reader
from lifeline.services.query_api.stream_client import StreamClient
from lifeline.services.shared.topics import DEAD_LETTERS, WATERMARK_TOPIC
from simulator.network import Network
from simulator.path.edges import Edge
from simulator.path.holding import Holding
from simulator.path.mapping import Mapping as SourceMapping
from simulator.path.mirror import Mirror
from simulator.path.repairing import Repairing
from simulator.path.truth import Truth
from simulator.places import HOME, RECOVERY, REGIONS, peer
from simulator.runtime import EPOCH_ZERO, AwsClient, Runtime
from simulator.scheduler import Machine, Task
from simulator.trace import Story
from simulator.twins import event_store
from simulator.twins.dynamodb import Tables
from simulator.twins.kafka import Clients, Log, Message
from simulator.twins.kinesis import Record, Stream

OBSERVATIONS = "clinical.observation.recorded"
PARTITIONS = {OBSERVATIONS: 2, DEAD_LETTERS: 1}
CLOCK_ERROR_SECONDS = 0.4
RESTART_SECONDS = (1.0, 5.0)
CHECKPOINTS = "checkpoints"
SERVICES = ("markers", "reader", "applier", "mirror")
QUIET_SECONDS = 30.0
"""Before the end no new event: what was sent last must become safe."""


class Service:
    """A process of a region that is started again when it ended."""

    def __init__(self, world: PathWorld, region: str, name: str, work: Callable[[], None]) -> None:
        self._world, self._work = world, work
        self.region, self.name = region, name
        self.machine = world.machine(region)
        self.wanted = False
        self.task: Task | None = None

    def start(self) -> None:
        """Not in a region that is lost: it starts when the region is back."""
        if self.region in self._world.network.dead_regions:
            return
        self.wanted = True
        if self.task is None:
            self._begin()

    def stop(self) -> None:
        """It ends, and stays so."""
        self.wanted = False
        self.kill()

    def kill(self) -> None:
        """It ends where it is; another one starts if one is wanted."""
        if self.task is not None:
            self._world.scheduler.kill(self.task)

    def _begin(self) -> None:
        if not self.wanted or self.task is not None:
            return
        scheduler = self._world.scheduler

        def body() -> None:
            try:
                self._work()
            finally:
                self.task = None
                scheduler.at(
                    scheduler.now + scheduler.random.uniform(*RESTART_SECONDS), self._begin
                )

        self.machine.frozen_until = 0.0
        self.task = scheduler.spawn(f"{self.region} {self.name}", self.machine, body)


class _Vectors(watermark_reader.PublishedVectors):
    """Told to the truth whenever they change."""

    def __init__(self, world: PathWorld, region: str) -> None:
        super().__init__()
        self._world, self._region = world, region

    def set_own(self, rows: list[dict[str, Any]], holes: list[dict[str, Any]]) -> None:
        super().set_own(rows, holes)
        self._world.told(self._region, rows, holes)
        self._world.answers[self._region] = self.entries()

    def set_peers(self, rows: list[dict[str, Any]]) -> None:
        super().set_peers(rows)
        self._world.answers[self._region] = self.entries()


class PathWorld(Story):
    """Home is active and everything is well; `end`: when the run is over."""

    def __init__(self, seed: int, end: float) -> None:
        super().__init__(seed)
        self.network = Network(self.scheduler)
        self.harm: list[str] = []
        """What was taken away for good, as a hole that must be seen; empty: no hole may be told."""
        self.disordered = False
        """A fault changed the order of a partition."""
        self.clock_error = 2 * CLOCK_ERROR_SECONDS + 0.1
        self.end = end
        self.truth = Truth(self.violate)
        self.schemas = _schemas()
        self.listed = {region: dict(PARTITIONS) for region in REGIONS}
        """What bridge, reader and applier of a region are told of the partitions."""
        self.deleted: set[str] = set()
        """Regions without a stream."""
        self._made = 0
        self.runtime = Runtime(
            self.scheduler,
            self.network,
            services={"kinesis": self._kinesis, "dynamodb": self._dynamodb},
            endpoints=lambda _host: None,
            route=lambda _region, _method, _path: (404, {}),
        )
        self.clients = Clients(self.scheduler, self.network, lambda region: self.logs[region])
        self.streams = {region: self.new_stream(region) for region in REGIONS}
        self.tables = {region: Tables() for region in REGIONS}
        self.logs = {region: self.new_log(region) for region in REGIONS}
        self.servers = {region: event_store.Server(region, self.now) for region in REGIONS}
        self.mirrors = {region: Mirror(self, region) for region in REGIONS}
        self.answers: dict[str, list[dict[str, Any]]] = {region: [] for region in REGIONS}
        self.holes: dict[str, list[dict[str, Any]]] = {region: [] for region in REGIONS}
        self.scalars: dict[str, int | None] = dict.fromkeys(REGIONS)
        """By reading region: the birth up to which it has the other origin's events."""
        self.mappings = {
            region: SourceMapping(self, region, self.streams[region]) for region in REGIONS
        }
        self.services = {
            (region, name): Service(self, region, name, partial(run, region))
            for region in REGIONS
            for name, run in self._runs().items()
        }
        self.holding = Holding(self)
        self.repairing = Repairing(self)
        self.edges = [Edge(self, "edge-1", HOME), Edge(self, "edge-2", RECOVERY)]
        self._begin()

    # What others look at and change

    def now(self) -> float:
        """Epoch seconds, as they truly are."""
        return EPOCH_ZERO + self.scheduler.now

    def machine(self, region: str) -> Machine:
        """With a clock of its own."""
        error = CLOCK_ERROR_SECONDS
        return Machine(region, self.scheduler.random.uniform(-error, error))

    def new_stream(self, region: str) -> Stream:
        """Its incarnation is the whole second of its creation (B2)."""

        def taken(stream: Stream, shard: str, record: Record) -> None:
            self.truth.accepted(region, stream, shard, record)

        return Stream(EPOCH_ZERO + self.scheduler.now, self.now, taken)

    def new_log(self, region: str) -> Log:
        """Empty, with the partitions that are listed."""
        self._made += 1
        topics = {**self.listed[region], WATERMARK_TOPIC: 1}
        return Log(region, f"{region}-{self._made}", topics, self._landed)

    def delete_stream(self, region: str) -> None:
        """What the bridge had not read is gone; calls are refused until there is another one."""
        self.mappings[region].stopped = True
        self.deleted.add(region)

    def make_stream(self, region: str) -> None:
        """Under the same name, which must be free. Warm processes of the bridge stay."""
        if region not in self.deleted:
            return
        self.deleted.discard(region)
        self.streams[region] = self.new_stream(region)
        old, made = self.mappings[region], SourceMapping(self, region, self.streams[region])
        made.environments = old.environments
        self.mappings[region] = made
        made.poll()

    def lose_region(self, region: str) -> None:
        """Everything in the region ends, and nothing reaches it."""
        self.network.dead_regions.add(region)
        self.servers[region].up = False
        self.answers[region] = []
        self.mappings[region].kill()
        for name in SERVICES:
            self.services[region, name].stop()

    def return_region(self, region: str, *, rebuilt: bool) -> None:
        """The region is back with what its stores had, or `rebuilt` with nothing.

        Nobody rebuilds the region that serves, or one whose stores are all there is.
        """
        if region not in self.network.dead_regions:
            return
        if peer(region) in self.network.dead_regions or self.holding.holder == region:
            rebuilt = False
        self.network.dead_regions.discard(region)
        self.servers[region].up = True
        if rebuilt:
            self.tables[region] = Tables()
            self.logs[region] = self.new_log(region)
            self.delete_stream(region)
            self.make_stream(region)
            self.servers[region].rebuilt()
            for mirror in self.mirrors.values():  # reprotect starts at EARLIEST (B11)
                mirror.committed = {}
            self.services[peer(region), "mirror"].kill()
        for name in SERVICES:
            self.services[region, name].start()

    def told(self, region: str, rows: list[dict[str, Any]], holes: list[dict[str, Any]]) -> None:
        """The reader of a region publishes."""
        log, origin = self.logs[region], peer(region)
        self.truth.claimed(log, rows)
        born = oldest_born_ms(entries_from_json(rows))
        self.scalars[region] = born
        self.truth.loss_told(log, origin, rows, born, self.clock_error)
        if holes and not self.holes[region]:
            first = holes[0]
            self.reach(f"hole {first['why']}")
            self.say(
                f"{region} reader",
                f"hole: {first['why']} of {first['shard']} in {first['topic']}/{first['partition']}",
            )
            # A new partition without its first marker yet is one that copying has not reached.
            unmet = first["why"] == "late-start" and int(first["until"]) == int(first["after"]) + 1
            if not self.harm and not unmet:
                self.violate(f"{region} tells a hole ({first['why']}) and nothing was taken away")
        elif self.holes[region] and not holes:
            self.reach("the holes are closed")
            self.say(f"{region} reader", "the holes are closed")
        self.holes[region] = holes

    # The beginning

    def _begin(self) -> None:
        for service in self.services.values():
            service.start()
        for mapping in self.mappings.values():
            self.scheduler.at(self.scheduler.random.uniform(0.0, 1.0), mapping.poll)
        for edge in self.edges:
            send = partial(edge.run, self.end - QUIET_SECONDS)
            self.scheduler.spawn(edge.name, edge.machine, send)
        self.holding.begin()
        self.repairing.begin()

    # The services, as their commands make them

    def _runs(self) -> Mapping[str, Callable[[str], None]]:
        return dict(
            zip(
                SERVICES,
                (self._run_markers, self._run_reader, self._run_applier, self._run_mirror),
                strict=True,
            )
        )

    def _run_markers(self, region: str) -> None:
        stream = StreamClient("stream", region)
        partitions = sum(self.listed[region].values())
        marker_writer.MarkerWriter(stream, region, partitions).run(_NEVER)

    def _run_reader(self, region: str) -> None:
        table = AwsClient(self.runtime, "dynamodb", region, 2.0)
        watermark_reader.WatermarkReader(
            self._group_log(region),
            self._serving(region),
            _Vectors(self, region),
            reader_checkpoint.ReaderCheckpoint(CHECKPOINTS, region, table),
        ).run(_NEVER)

    def _run_applier(self, region: str) -> None:
        database = DatabaseAddress("server", 5432, "lifeline", "applier", "none", region, "")
        settings = Apply(
            database=database,
            log=self._group_log(region),
            region=self._serving(region),
            checkpoints_table=CHECKPOINTS,
        )
        applier = apply.Applier(settings)
        applier.stopping = _NEVER
        applier.run()

    def _run_mirror(self, region: str) -> None:
        self.mirrors[region].run()

    def _group_log(self, region: str) -> GroupLog:
        return GroupLog(f"log.{region}", "none", dict(self.listed[region]), region)

    @staticmethod
    def _serving(region: str) -> ServingRegion:
        return ServingRegion(region=region, peer_region=peer(region), suffix="sim")

    # Parts

    def _kinesis(self, region: str, operation: str, asked: Mapping[str, Any]) -> Any:
        if region in self.deleted:
            missing = {"Error": {"Code": "ResourceNotFoundException", "Message": "no such stream"}}
            raise ClientError(missing, operation)  # type: ignore[arg-type]
        stream = self.streams[region]
        answer = getattr(stream, operation)(**asked)
        return {**answer, "Incarnation": stream.incarnation}

    def _dynamodb(self, region: str, operation: str, asked: Mapping[str, Any]) -> Any:
        return self.tables[region].answer(operation, asked)

    def _landed(self, log: Log, message: Message) -> None:
        if message.topic() != WATERMARK_TOPIC:
            self.truth.landed(log, message)

    def _connect(self, settings: DatabaseAddress, **_purpose: Any) -> event_store.Session:
        server = self.servers[settings.region]
        session = event_store.Session(server, self.network)
        session.call(lambda: None)
        return session

    @contextmanager
    def installed(self) -> Iterator[None]:
        clients = self.clients
        with ExitStack() as stack:
            stack.enter_context(self.runtime.installed())
            for module in (log_partition, log_reader, watermark_reader):
                stack.enter_context(patch.object(module, "Consumer", clients.consumer))
            for maker in (log_writer, dead_letter_publisher, watermark_reader):
                stack.enter_context(patch.object(maker, "Producer", clients.producer))
            for asker in (watermark_reader, apply):
                stack.enter_context(patch.object(asker, "AdminClient", clients.admin))
                stack.enter_context(patch.object(asker, "topic_ids", clients.topic_ids))
            # The same bytes are read by four readers: reading them is pure.
            stack.enter_context(patch.object(Marker, "from_bytes", cache(Marker.from_bytes)))
            for name in ("read_applied", "read_lineages", "read_own_positions"):
                stack.enter_context(patch.object(apply, name, getattr(event_store, name)))
            stack.enter_context(patch.object(apply, "Store", event_store.StoreTwin))
            stack.enter_context(patch.object(apply, "connect", self._connect))
            for speaker in (
                apply,
                log_reader,
                marker_writer,
                reader_checkpoint,
                watermark_reader,
                dead_letter_publisher,
            ):
                stack.enter_context(patch.object(speaker, "say", self._said))
            for teller in (apply, watermark_reader, quality_told):
                stack.enter_context(patch.object(teller, "say_metric", lambda *_told: None))
            stack.enter_context(patch.object(handler, "logger", _Log(self._said)))
            yield

    def _said(self, message: str, **fields: Any) -> None:
        """What the shipped code logs, as far as the story needs it."""
        task = self.scheduler.current
        who = "somebody" if task is None else task.name
        if message in QUIET:
            return
        words = message.partition(":")[0]
        self.reach(f"said {words}")
        more = fields.get("error") or fields.get("from_beginning")
        self.say(who, f"{message}{'' if more is None else f' ({more})'}")


QUIET = frozenset({"rejected", "dead letters published"})
"""Part of every run."""


class _Never:
    """`threading.Event` of a process that is never told to stop: it is killed."""

    def is_set(self) -> bool:
        return False


_NEVER: Any = _Never()


class _Log:
    """A logger that tells the world."""

    def __init__(self, said: Callable[..., None]) -> None:
        self._said = said

    def info(self, message: str, extra: Mapping[str, Any] | None = None) -> None:
        self._said(message, **(extra or {}))

    warning = error = info


@cache
def _schemas() -> EventSchemas:
    return load_schemas(schemas_folder())
