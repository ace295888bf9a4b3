"""What the bridge has written of one shard, counted for its markers' manifests (B8): pure.

A record is counted once, when its batch was acknowledged: what lies at or under `acknowledged` is written
again by a retry, but not counted again.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from typing import NamedTuple

from lifeline.lambdas.failover.manifests import Manifest
from lifeline.lambdas.failover.markers import Marker, Place

Partitions = tuple[tuple[str, int], ...]
"""(topic, how many partitions of it) of all topics that carry markers."""


class Earlier(NamedTuple):
    """By which list the records at or under `until` were placed."""

    until: int
    partitions: Partitions


@dataclass(frozen=True)
class Placing:
    """By which list a shard's next records are placed, and those that may come once more (B27).

    A batch that failed may lie in the log. If it were placed by another list when it comes again, a partition
    would have records that no manifest counts.
    """

    partitions: Partitions
    earlier: Earlier | None = None

    def within(self, listed: Partitions) -> Placing:
        """Never more than is listed: the log may have no such partition any more."""
        earlier = self.earlier
        return Placing(
            _within(self.partitions, listed),
            earlier and Earlier(earlier.until, _within(earlier.partitions, listed)),
        )

    def grown(self, listed: Partitions, acknowledged: int) -> Placing:
        """By `listed` behind `acknowledged`: nothing of that was tried yet."""
        if listed == self.partitions:
            return self
        return Placing(listed, Earlier(acknowledged, self.partitions) if self.partitions else None)


def _within(kept: Partitions, listed: Partitions) -> Partitions:
    counts = dict(kept)
    return tuple((topic, min(count, counts.get(topic, count))) for topic, count in listed)


class Counted(NamedTuple):
    """A record of the shard that the log acknowledged."""

    sequence: int
    place: Place
    digest: int


@dataclass(frozen=True)
class CountedMarker:
    """A marker and, for each of its partitions, the manifest that it carries there.

    `again`: it may have been written before. Its records say so, and the table does not keep it.
    """

    marker: Marker
    manifests: tuple[Manifest, ...]
    again: bool = False

    def within(self, listed: Set[Place]) -> CountedMarker:
        """Without the partitions that are listed no more: the log may not have them."""
        kept = [
            one
            for one in zip(self.marker.partitions, self.manifests, strict=True)
            if one[0] in listed
        ]
        places = tuple(place for place, _ in kept)
        if places == self.marker.partitions:
            return self
        return replace(
            self,
            marker=replace(self.marker, partitions=places),
            manifests=tuple(manifest for _, manifest in kept),
        )

    def records(self) -> Iterable[tuple[Place, Marker]]:
        """The marker as it is written to each partition."""
        for place, manifest in zip(self.marker.partitions, self.manifests, strict=True):
            yield place, replace(self.marker, manifest=manifest)


@dataclass(frozen=True)
class ShardCount:
    """`previous`: the last marker, or where counting began. `running`: the records since then."""

    acknowledged: int
    previous: int
    running: dict[Place, Manifest]
    last: CountedMarker | None = None
    placing: Placing = Placing(())

    @classmethod
    def begun(cls, after: int) -> ShardCount:
        """Nothing was counted at or under `after`: the chain of markers begins there (B11)."""
        return cls(after, after, {})

    @property
    def untouched(self) -> bool:
        """Whether nothing was acknowledged since counting began."""
        return self.last is None and not self.running and self.acknowledged == self.previous

    def after(
        self,
        records: Iterable[Counted],
        acknowledged: int,
        marker: Marker | None,
        listed: Partitions = (),
    ) -> ShardCount:
        """With a batch that the log acknowledged up to `acknowledged`, and the marker that it held.

        A marker at or under the last one was written already: it is left out. What comes behind the batch is
        placed by `listed`.
        """
        new = [one for one in records if one.sequence > self.acknowledged]
        placing = self.placing
        if acknowledged > self.acknowledged and listed:
            placing = placing.grown(listed, acknowledged)
        acknowledged = max(acknowledged, self.acknowledged)
        if marker is None or marker.sequence <= self.previous:
            running = _plus(self.running, new)
            return replace(self, acknowledged=acknowledged, running=running, placing=placing)
        closed = _plus(self.running, (one for one in new if one.sequence <= marker.sequence))
        return ShardCount(
            acknowledged,
            marker.sequence,
            _plus({}, (one for one in new if one.sequence > marker.sequence)),
            CountedMarker(
                replace(marker, previous=self.previous, genesis=self.last is None),
                tuple(closed.get(place, Manifest()) for place in marker.partitions),
            ),
            placing,
        )


def _plus(held: dict[Place, Manifest], records: Iterable[Counted]) -> dict[Place, Manifest]:
    found = dict(held)
    for one in records:
        found[one.place] = found.get(one.place, Manifest()).and_one(one.digest)
    return found
