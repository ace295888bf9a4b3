"""Who holds authority: a stand-in for lease, keepers and plan, which the authority world runs.

The holder's renewals move while its region and its keeper are well. When they have stood still for longer
than ttl and margin, the other region's database is promoted, as the plan would (A1, D1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeline.lambdas.failover.protocol import LEASE_TTL_SECONDS
from simulator.places import HOME, RECOVERY, peer
from simulator.twins.event_store import Authority, extending

if TYPE_CHECKING:
    from simulator.path.world import PathWorld

LOOP_SECONDS = 5.0
MARGIN_SECONDS = 10.0
REPLICATION_SECONDS = 0.5


class Holding:
    """Of the world's two databases."""

    def __init__(self, world: PathWorld) -> None:
        self._world = world
        self.holder = HOME
        self.no_keeper: set[str] = set()
        self.replicates = True
        """Whether the replica follows; a replica that lags loses the last commits at a promotion."""
        self._renewed_at = 0.0

    def begin(self) -> None:
        servers, world = self._world.servers, self._world
        servers[RECOVERY].in_recovery = True
        servers[HOME].set_authority(Authority(1, HOME, 1, world.now()))
        servers[HOME].commit(extending(world.now()))
        servers[RECOVERY].follow(servers[HOME])
        world.scheduler.at(LOOP_SECONDS, self._loop)
        world.scheduler.at(REPLICATION_SECONDS, self._replicate)

    def _loop(self) -> None:
        world = self._world
        now, dead = world.scheduler.now, world.network.dead_regions
        world.scheduler.at(now + LOOP_SECONDS, self._loop)
        if self.holder not in dead | self.no_keeper:
            world.servers[self.holder].renew()
            self._renewed_at = now
        elif (
            now - self._renewed_at > LEASE_TTL_SECONDS + MARGIN_SECONDS
            and peer(self.holder) not in dead | self.no_keeper
        ):
            self._promote(peer(self.holder))

    def _promote(self, region: str) -> None:
        world = self._world
        self.holder = region
        self._renewed_at = world.scheduler.now
        new, old = world.servers[region], world.servers[peer(region)]
        new.in_recovery, new.branch = False, object()
        epoch = new.rows.authority.epoch + 1
        behind = len(old.changes) - len(new.changes)
        new.set_authority(Authority(epoch, region, 1, world.now()))
        world.say("plan", f"{region} is promoted at epoch {epoch}")
        world.reach("a region is promoted")
        if behind > 0:
            world.reach("a promotion lost commits")

    def _replicate(self) -> None:
        world = self._world
        world.scheduler.at(world.scheduler.now + REPLICATION_SECONDS, self._replicate)
        writer, replica = world.servers[self.holder], world.servers[peer(self.holder)]
        if not self.replicates or not world.network.reaches(writer.region, replica.region):
            return
        if not writer.up or not replica.up:
            return
        if replica.branch is not writer.branch:
            # It was a writer, or is empty: its own last commits are nobody's any more.
            replica.rebuilt()
            world.say("database", f"{replica.region} is made a replica")
        replica.follow(writer)
