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

    @classmethod
    def begun(cls, after: int) -> ShardCount:
        """Nothing was counted at or under `after`: the chain of markers begins there (B11)."""
        return cls(after, after, {})

    def after(
        self, records: Iterable[Counted], acknowledged: int, marker: Marker | None
    ) -> ShardCount:
        """With a batch that the log acknowledged up to `acknowledged`, and the marker that it held.

        A marker at or under the last one was written already: it is left out.
        """
        new = [one for one in records if one.sequence > self.acknowledged]
        acknowledged = max(acknowledged, self.acknowledged)
        if marker is None or marker.sequence <= self.previous:
            return replace(self, acknowledged=acknowledged, running=_plus(self.running, new))
        closed = _plus(self.running, (one for one in new if one.sequence <= marker.sequence))
        return ShardCount(
            acknowledged,
            marker.sequence,
            _plus({}, (one for one in new if one.sequence > marker.sequence)),
            CountedMarker(
                replace(marker, previous=self.previous),
                tuple(closed.get(place, Manifest()) for place in marker.partitions),
            ),
        )


def _plus(held: dict[Place, Manifest], records: Iterable[Counted]) -> dict[Place, Manifest]:
    found = dict(held)
    for one in records:
        found[one.place] = found.get(one.place, Manifest()).and_one(one.digest)
    return found
