"""A person who sees a hole and runs `lifeline log repair`: the shipped `Repair`, slice by slice.

The command's own loop (`cli/log_repair.py`) may not be imported here; this one asks in the same order: the
origin's log, then its stream for what the log does not prove.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import KafkaException

from lifeline.lambdas.stream_bridge.log_partition import LogReader
from lifeline.lambdas.stream_bridge.log_writer import DeliveryFailed, LogWriter, producer_settings
from lifeline.lambdas.stream_bridge.repair import Repair
from lifeline.lambdas.stream_bridge.shard_reader import ShardReader
from simulator.places import REGIONS, peer
from simulator.runtime import AwsClient

if TYPE_CHECKING:
    from simulator.path.world import PathWorld

LOOK_SECONDS = 10.0
PATIENCE_SECONDS = 10.0
"""Between the first look that shows a hole and the command."""
Row = dict[str, Any]


class Repairing:
    """Looks at both regions' watermarks."""

    def __init__(self, world: PathWorld) -> None:
        self._world = world
        self._runs = 0
        self._seen_at: dict[str, float] = {}
        self.on = True

    def begin(self) -> None:
        self._world.scheduler.at(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        world = self._world
        now = world.scheduler.now
        world.scheduler.at(now + LOOK_SECONDS, self._look)
        for region in REGIONS:
            if not world.holes[region] or not self.on:
                self._seen_at.pop(region, None)
            elif now - self._seen_at.setdefault(region, now) >= PATIENCE_SECONDS:
                self._seen_at[region] = now + 2 * LOOK_SECONDS  # one run at a time
                self._runs += 1
                name, origin = f"run-{self._runs}", peer(region)
                if origin not in world.network.dead_regions:
                    work = partial(self._repair, region, name)
                    world.scheduler.spawn(f"{origin} repair", world.machine(origin), work)

    def _repair(self, region: str, name: str) -> None:
        world = self._world
        shards: dict[tuple[str, str], list[Row]] = {}
        for hole in world.holes[region]:
            unmet = hole["why"] == "late-start" and int(hole["until"]) == int(hole["after"]) + 1
            if hole["why"] != "fewer-partitions" and not unmet:
                shards.setdefault((hole["incarnation"], hole["shard"]), []).append(hole)
        for rows in shards.values():
            try:
                gaps = self._source("log", rows, peer(region), name)
                left = self._source("stream", gaps, peer(region), name) if gaps else []
            except (BotoCoreError, ClientError, DeliveryFailed, KafkaException) as error:
                world.say("log repair", f"{name} failed: {type(error).__name__}")
                return
            world.say(
                "log repair",
                f"{name} of {rows[0]['shard']}: {len(rows)} holes, {len(gaps)} from the stream, "
                f"{len(left)} lost",
            )
            world.reach("a repair used the stream" if gaps else "a repair used the log")

    def _source(self, source: str, rows: list[Row], origin: str, name: str) -> list[Row]:
        world, gaps, left = self._world, list[Row](), rows
        told = producer_settings(bootstrap=f"log.{origin}", auth="none", region=origin)
        kinesis = AwsClient(world.runtime, "kinesis", origin, 5.0)
        repair = Repair(
            region=origin,
            partitions=tuple(sorted(world.listed[origin].items())),
            schemas=world.schemas,
            log=LogReader(told),
            stream=ShardReader("stream", origin, kinesis),
            writer=LogWriter(told),
        )
        while left:
            request = {"source": source, "run": name, "stretches": left}
            answer = repair.answer(request, world.streams[origin].incarnation)
            gaps += answer["gaps"]
            left = answer["left"]
        return gaps
