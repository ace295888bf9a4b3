"""A year of the path world: each day some seconds of load, and the night is skipped (B24, B25, B26).

Reshards, rebuilt streams and regions, failovers, retention of a week, partitions that are added, daily
partitions of the database: what is kept, and what a start reads, must not grow with the days.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.path.faults import add_partition
from simulator.path.world import PARTITIONS, PathWorld
from simulator.places import HOME, RECOVERY, REGIONS, peer
from simulator.runtime import EPOCH_ZERO
from simulator.twins.event_store import DAYS_AHEAD
from simulator.twins.kafka import Place

DAY_SECONDS = 86_400.0
AWAKE_SECONDS = 6.0
LONG_SECONDS = 60.0
"""A day on which a process starts again, or a region is taken over."""
KEPT_DAYS = 7
HOT_DAYS = 36
MOST_PARTITIONS = HOT_DAYS + 1 + DAYS_AHEAD + 1
"""Those behind, today's, those ahead, and the one that goes tonight."""
RESHARD_DAYS, RESTART_DAYS, STREAM_DAYS, FAILOVER_DAYS, REGION_DAYS = 4, 7, 30, 25, 40
GROWING_DAYS = (20, 230)


@dataclass(frozen=True)
class Day:
    """At its end. `lag`: seconds by each region's reader of the other; None: unknown."""

    number: int
    markers: int
    shards: int
    checkpoint_bytes: int
    entries: int
    partitions: int
    read: int
    appended: int
    lag: tuple[float | None, ...]


class Year:
    """Runs a world day by day."""

    def __init__(self, seed: int, days: int) -> None:
        self.world = PathWorld(seed, days * DAY_SECONDS * 2)
        self.world.repairing.on = False
        self._days = days
        self._segment_days: dict[Place, float] = {}
        """How much longer than retention each partition keeps its oldest records."""

    def run(self) -> list[Day]:
        """Every day's end."""
        try:
            return [self._day(number) for number in range(1, self._days + 1)]
        finally:
            self.world.end_tasks()

    def _day(self, number: int) -> Day:
        world = self.world
        scheduler = world.scheduler
        read, before = world.clients.read, self._appended()
        long = self._change(number)
        world.run(scheduler.now + (LONG_SECONDS if long else AWAKE_SECONDS))
        found = self._looked_at(number, world.clients.read - read, self._appended() - before)
        self._retain()
        scheduler.skip(DAY_SECONDS - AWAKE_SECONDS)
        return found

    def _change(self, number: int) -> bool:
        """What happens in the morning. True: the day is a long one."""
        world, region = self.world, REGIONS[number % 2]
        scheduler = world.scheduler
        world.holding.no_keeper.clear()
        if number % REGION_DAYS == 0:
            lost = peer(world.holding.holder)
            world.lose_region(lost)
            scheduler.at(scheduler.now + 5.0, lambda: world.return_region(lost, rebuilt=True))
            return True
        if number % FAILOVER_DAYS == 0:
            world.holding.no_keeper.add(world.holding.holder)
            return True
        if number % STREAM_DAYS == 0:
            world.delete_stream(region)
            scheduler.at(scheduler.now + 15.0, lambda: world.make_stream(region))
            return True
        if number in GROWING_DAYS:
            add_partition(world)
            return True
        if number % RESHARD_DAYS == 0:
            self._reshard(HOME if number % (2 * RESHARD_DAYS) else RECOVERY)
        if number % RESTART_DAYS == 0:
            for service in world.services.values():
                service.kill()
            for mapping in world.mappings.values():
                mapping.kill()
            return True
        return False

    def _reshard(self, region: str) -> None:
        stream = self.world.streams[region]
        shards = sorted(stream.open_shards(), key=lambda one: one.first)
        if len(shards) > 2:
            stream.merge(shards[0].name, shards[1].name)
        else:
            stream.split(shards[0].name)

    def _retain(self) -> None:
        """A week of streams and logs, the hot days of the database.

        A log is cut where a segment ends, which each partition has elsewhere: a quiet one keeps up to twice
        as much (Kafka's `log.roll.hours` is a week). Not so one that was added: a region that is rebuilt days
        later, from others that were cut later, has a beginning that nobody can prove (B9).
        """
        world, now = self.world, self.world.now()
        for region in REGIONS:
            world.streams[region].trim(now - KEPT_DAYS * DAY_SECONDS)
            log = world.logs[region]
            for place in log.places():
                partition = log.partition(place)
                assert partition is not None
                if place not in self._segment_days:
                    added = place[1] >= PARTITIONS.get(place[0], 1)
                    longer = KEPT_DAYS if added else world.scheduler.random.uniform(0.0, KEPT_DAYS)
                    self._segment_days[place] = longer
                kept_days = KEPT_DAYS + self._segment_days[place]
                low = partition.offset_for(int((now - kept_days * DAY_SECONDS) * 1_000))
                for message in partition.read(partition.low, max(0, low - partition.low)):
                    if place[0] in world.listed[region]:
                        world.truth.purged(message, world.logs.values())
                partition.purge(low)
        today = int(now // DAY_SECONDS)
        for server in world.servers.values():
            server.rows.days = {day for day in server.rows.days if today - day <= HOT_DAYS}

    def _appended(self) -> int:
        found = 0
        for log in self.world.logs.values():
            for place in log.places():
                partition = log.partition(place)
                found += 0 if partition is None else partition.high
        return found

    def _looked_at(self, number: int, read: int, appended: int) -> Day:
        world = self.world
        server = world.servers[world.holding.holder]
        now = EPOCH_ZERO + world.scheduler.now
        return Day(
            number,
            len(server.rows.marks),
            len(server.rows.parents),
            max(
                sum(len(str(item)) for item in tables.items.get("checkpoints", {}).values())
                for tables in world.tables.values()
            ),
            max(len(rows) for rows in world.answers.values()),
            len(server.rows.days),
            read,
            appended,
            tuple(None if born is None else now - born / 1_000 for born in world.scalars.values()),
        )
