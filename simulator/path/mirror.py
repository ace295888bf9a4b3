"""The replicator between the logs: a model of MirrorMaker 2 with the product's provenance transform (B16).

In order within a partition, at least once, goes on from what it committed; an offset that is gone starts at
the oldest record, in silence (`auto.offset.reset = earliest` in services/replicator/mirror.properties).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from simulator.network import NoAnswer, Refused
from simulator.places import peer
from simulator.twins.kafka import Line, Message, Place

if TYPE_CHECKING:
    from simulator.path.world import PathWorld

POLL_SECONDS = 0.25
COMMIT_SECONDS = 5.0
PAGE = 500
PROVENANCE = "replicated-from"
REQUEST_SECONDS = 3.0
Loses = Callable[[Place, Message], bool]


class Mirror:
    """Copies the other region's log into the own one. Positions outlive the process."""

    def __init__(self, world: PathWorld, region: str) -> None:
        self._world, self.region, self.source = world, region, peer(region)
        self.committed: dict[Place, int] = {}
        self.loses: Loses | None = None
        self.held: dict[Place, int] = {}
        """Partitions whose next so many polls are kept back and written behind the ones after."""

    def run(self) -> None:
        """Until its process ends."""
        world, scheduler = self._world, self._world.scheduler
        positions = dict(self.committed)
        committed_at = scheduler.now
        back: dict[Place, list[Line]] = {}
        while True:
            scheduler.sleep(POLL_SECONDS)
            try:
                found = world.network.call(
                    self.source, "kafka", REQUEST_SECONDS, lambda: self._fetch(positions)
                )
            except (NoAnswer, Refused):
                continue
            for place, (following, lines) in found.items():
                positions[place] = following
                if self.held.get(place, 0) > 0:
                    self.held[place] -= 1
                    back.setdefault(place, []).extend(lines)
                    continue
                if lines or place in back:
                    self._write(place, [*lines, *back.pop(place, [])])
            if scheduler.now - committed_at >= COMMIT_SECONDS and not back:
                committed_at = scheduler.now
                self.committed = dict(positions)

    def _fetch(self, positions: dict[Place, int]) -> dict[Place, tuple[int, list[Line]]]:
        source, own = self._world.logs[self.source], self._world.logs[self.region]
        mark = (PROVENANCE, source.ident.encode())
        target = (PROVENANCE, own.ident.encode())
        found = {}
        for place, partition in source.partitions.items():
            if place not in own.partitions:
                continue
            at = positions.get(place, 0)
            if at == partition.high and place in positions:
                continue
            if not partition.low <= at <= partition.high:
                at = partition.low
            messages = partition.read(at, PAGE)
            lines: list[Line] = []
            for one in messages:
                headers = one.headers()
                if target in headers:
                    continue
                if self.loses is not None and self.loses(place, one):
                    continue
                lines.append((one.key(), one.value() or b"", [*headers, mark], one.timestamp()[1]))
            found[place] = (at + len(messages), lines)
        return found

    def _write(self, place: Place, lines: list[Line]) -> None:
        """Until it is acknowledged: nothing is skipped."""
        token = object()
        world = self._world
        while True:
            append = partial(world.logs[self.region].append, place, lines, token)
            try:
                world.network.call(self.region, "kafka", REQUEST_SECONDS, append)
                return
            except (NoAnswer, Refused):
                world.scheduler.sleep(POLL_SECONDS)
