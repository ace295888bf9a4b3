"""Where a partition is read from: the database's word, never a committed offset (B13, B14).

Invariant: no record that the database lacks lies before the position, or the reading is started
again from the beginning (`Resume.overtaken`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lifeline.lambdas.failover.markers import Pair
from lifeline.services.event_applier.batch import MarkerSeen, Place
from lifeline.services.shared.database import Connection

SEEK_SLACK_MS = 5_000
"""Seeking is by batches of records and their clocks: start a little earlier, duplicates are free."""


@dataclass(frozen=True)
class AppliedMarker:
    """A row of `applied_marker`; a declared pair not met yet has None for both."""

    pair: Pair
    sequence: int | None
    record_time_ms: int | None


@dataclass
class Resume:
    """How one partition is read: from `seek_ms` (None: the beginning), and what to check on the way."""

    seek_ms: int | None
    unmet: dict[Pair, int] = field(default_factory=dict)

    def overtaken(self, seen: MarkerSeen) -> bool:
        """Whether this marker shows that reading began behind the last applied one of its pair.

        The first marker of a pair that is met must not be newer than the last applied one.
        """
        expected = self.unmet.pop(seen.marker.pair, None)
        return expected is not None and seen.marker.sequence > expected


def resume_of(applied: Iterable[AppliedMarker], regions: Iterable[str]) -> Resume:
    """The earliest record time over every pair's last applied marker.

    From the beginning when a region has no applied marker here, or a declared pair was never met.
    """
    rows = list(applied)
    times: list[int] = []
    for row in rows:
        if row.sequence is None or row.record_time_ms is None:
            return Resume(None)
        times.append(row.record_time_ms)
    if not set(regions) <= {row.pair.origin for row in rows}:
        return Resume(None)
    unmet = {row.pair: row.sequence for row in rows if row.sequence is not None}
    return Resume(min(times) - SEEK_SLACK_MS, unmet)


def read_applied(connection: Connection, place: Place) -> list[AppliedMarker]:
    """The rows of one partition, times rounded down to milliseconds."""
    found = connection.execute(
        "SELECT origin, incarnation, shard, sequence, "
        "floor(extract(epoch FROM record_time) * 1000)::bigint "
        "FROM applied_marker WHERE topic = %s AND partition = %s",
        place,
    ).fetchall()
    return [
        AppliedMarker(Pair(row[0], row[1], row[2]), None if row[3] is None else int(row[3]), row[4])
        for row in found
    ]
