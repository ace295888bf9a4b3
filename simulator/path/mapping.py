"""The bridge's event source mapping and its function's environments, around the shipped `handler.bridge`.

Sources: AWS Lambda Developer Guide, "Using Lambda to process records from Amazon Kinesis Data Streams": each
shard is polled about once a second, in order, parents before children; a batch that failed comes again,
whole; at least once. B5: no record is ever given up.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lifeline.lambdas.contracts.log import LogAddress
from lifeline.lambdas.contracts.stream_bridge import StreamBridge
from lifeline.lambdas.failover.breaker import Breaker
from lifeline.lambdas.stream_bridge import handler
from lifeline.lambdas.stream_bridge.count_table import CountTable
from lifeline.lambdas.stream_bridge.log_writer import LogWriter, producer_settings
from lifeline.lambdas.stream_bridge.shard_counts import ShardCounts
from lifeline.lambdas.stream_bridge.stream_identity import StreamIdentity
from simulator.runtime import AwsClient
from simulator.scheduler import Machine, Task
from simulator.twins.kinesis import Record, Stream

if TYPE_CHECKING:
    from simulator.path.world import PathWorld

POLL_SECONDS = 1.0
BATCH_RECORDS = 100
FUNCTION_SECONDS = 60.0
COUNTS = "counts"
MOST_TRIES: int | None = None
"""How often a batch is tried: without an end (B5)."""


@dataclass
class Environment:
    """A process of the function: what it holds from one invocation to the next."""

    machine: Machine
    parts: tuple[Any, ...]
    task: Task | None = None


class Mapping:
    """Of one region's stream."""

    def __init__(self, world: PathWorld, region: str, stream: Stream) -> None:
        self._world, self._region, self.stream = world, region, stream
        self.done: dict[str, int] = {}
        """By shard: how many records were bridged."""
        self._running: dict[str, Task] = {}
        self._tries: dict[tuple[str, int], int] = {}
        self.environments: list[Environment] = []
        self.stopped = False
        self.doubles = 0.0
        """The share of batches that two processes get at once."""
        self.behind: set[str] = set()
        """Shards that nobody polls."""

    def poll(self) -> None:
        """Each second: a batch of every shard that has one and is not being bridged."""
        world = self._world
        if self.stopped:
            return
        world.scheduler.at(world.scheduler.now + POLL_SECONDS, self.poll)
        if self._region in world.network.dead_regions:
            return
        for shard in list(self.stream.shards.values()):
            start = self.done.get(shard.name, 0)
            if shard.name in self._running or shard.name in self.behind:
                continue
            if any(not self._read_out(one) for one in shard.parents):
                continue
            records = self.stream.read(shard.name, start, BATCH_RECORDS)
            if not records:
                continue
            self._start(shard.name, start, records)
            if self.doubles and world.scheduler.random.random() < self.doubles:
                self._invoke(shard.name, records)
                world.reach("a batch is bridged twice at once")

    def kill(self) -> None:
        """Every environment ends; its invocation comes again."""
        for one in self.environments:
            if one.task is not None:
                self._world.scheduler.kill(one.task)
        self.environments = []

    def retire(self) -> None:
        """Another configuration: new invocations get new environments, running ones end by themselves."""
        self.environments = []

    def _read_out(self, name: str) -> bool:
        shard = self.stream.shards.get(name)
        return shard is None or (not shard.open and self.done.get(name, 0) >= shard.count)

    def _start(self, name: str, start: int, records: list[Record]) -> None:
        if MOST_TRIES is not None:
            tries = self._tries[name, start] = self._tries.get((name, start), 0) + 1
            if tries > MOST_TRIES:
                self.done[name] = start + len(records)
                return
        self._running[name] = self._invoke(name, records, start)

    def _invoke(self, name: str, records: list[Record], start: int | None = None) -> Task:
        scheduler = self._world.scheduler
        environment = self._environment()

        def work() -> None:
            try:
                handler.bridge(_delivered(name, records), *environment.parts)
                if start is not None:
                    self.done[name] = start + len(records)
            finally:
                environment.task = None
                if start is not None:
                    self._running.pop(name, None)

        task = scheduler.spawn(f"{self._region} bridge {name}", environment.machine, work)
        environment.task = task
        scheduler.at(scheduler.now + FUNCTION_SECONDS, lambda: self._time_out(task, environment))
        return task

    def _time_out(self, task: Task, environment: Environment) -> None:
        if environment.task is task:
            if environment in self.environments:
                self.environments.remove(environment)
            self._world.scheduler.kill(task)

    def _environment(self) -> Environment:
        free = [one for one in self.environments if one.task is None]
        if free:
            return self._world.scheduler.random.choice(free)
        made = self._made()
        self.environments.append(made)
        return made

    def _made(self) -> Environment:
        world, region = self._world, self._region
        address = LogAddress(f"log.{region}", "none", dict(world.listed[region]), region)
        settings = StreamBridge(log=address, stream_name="stream", counts_table=COUNTS)
        told = producer_settings(bootstrap=f"log.{region}", auth="none", region=region)
        kinesis = AwsClient(world.runtime, "kinesis", region, 2.0)
        table = AwsClient(world.runtime, "dynamodb", region, 2.0)
        return Environment(
            world.machine(region),
            (
                settings,
                world.schemas,
                LogWriter(told),
                StreamIdentity("stream", region, kinesis),
                ShardCounts(CountTable(COUNTS, region, table)),
                Breaker(on=True),
            ),
        )


def _delivered(shard: str, records: list[Record]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventID": f"{shard}:{one.sequence}",
                "kinesis": {
                    "sequenceNumber": str(one.sequence),
                    "partitionKey": one.key,
                    "data": base64.b64encode(one.data).decode(),
                    "approximateArrivalTimestamp": one.at,
                },
            }
            for one in records
        ]
    }
