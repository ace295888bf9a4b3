"""Where a partition is read from: the database's word, never a committed offset (B13, B14, B24, B26).

Invariant: no record that the database lacks lies before the position, or the reading is started
again from the beginning (`Resume.overtaken`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lifeline.lambdas.failover.lineage import Lineage
from lifeline.lambdas.failover.markers import Pair
from lifeline.services.event_applier.batch import MarkerSeen, Place
from lifeline.services.shared.database import Connection

SEEK_SLACK_MS = 5_000
"""Seeking is by batches of records and their clocks: start a little earlier, duplicates are free."""
LONGEST_BRIDGE_MS = 900_000
"""A function of the bridge lives 15 minutes (Lambda's quota): then nothing of an old stream is written."""

KEEPS_POSITIONS = "SELECT to_regclass('stream_shard') IS NOT NULL"
"""Whether migration 0008 has run. A release reads and applies without it: it may be there first."""

Stream = tuple[str, str]
"""(origin, incarnation)"""


@dataclass(frozen=True)
class AppliedMarker:
    """A row of `applied_marker`; a declared pair not met yet has None for both."""

    pair: Pair
    sequence: int | None
    record_time_ms: int | None


@dataclass(frozen=True)
class OwnPosition:
    """The offset behind what this epoch applied of a partition itself; `log_id`: its topic's id (B26)."""

    place: Place
    log_id: str
    following: int


@dataclass
class Resume:
    """How one partition is read: from `offset`, else from `seek_ms` (None: the beginning).

    `unmet`: what to check on the way. `end`: where the partition ended when reading began. `from_first`: it
    began at the log's first record, so there is no going back further.
    """

    seek_ms: int | None
    unmet: dict[Pair, int] = field(default_factory=dict)
    offset: int | None = None
    end: int | None = None
    from_first: bool = False

    def overtaken(self, seen: MarkerSeen) -> bool:
        """Whether this marker shows that reading began behind the last applied one of its pair.

        The first marker of a pair that is met must not be newer than the last applied one.
        """
        expected = self.unmet.pop(seen.marker.pair, None)
        return expected is not None and seen.marker.sequence > expected

    def is_own(self, following: int) -> bool:
        """Whether all before the offset `following` was applied by this reading, or before it (B26).

        So it is once every pair was met. A pair that was not met up to the partition's end has nothing before
        it: what comes of it comes behind.
        """
        if self.unmet and (self.end is None or following < self.end):
            return False
        self.unmet = {}
        return True


def resume_of(
    applied: Iterable[AppliedMarker],
    regions: Iterable[str],
    lineages: Mapping[Stream, Lineage] | None = None,
) -> Resume:
    """The earliest record time over the last applied marker of every pair that counts (B13, B24).

    From the beginning when a region has no applied marker here, or when nothing says where a declared pair
    stands: it was never met, nor were its parents.
    """
    rows = list(applied)
    marked: dict[Stream, set[str]] = {}
    for row in rows:
        if row.sequence is not None:
            marked.setdefault(_stream(row.pair), set()).add(row.pair.shard)
    known = _declared(rows, lineages or {})
    retired = _retired(rows, known, marked)
    counted = [row for row in rows if row.pair not in retired]
    times: list[int] = []
    for row in counted:
        stream = _stream(row.pair)
        if row.sequence is not None and row.record_time_ms is not None:
            times.append(row.record_time_ms)
        elif row.pair.shard in known[stream].unplaced(marked.get(stream, set())):
            return Resume(None)
    if not times or not set(regions) <= {row.pair.origin for row in counted}:
        return Resume(None)
    unmet = {row.pair: row.sequence for row in counted if row.sequence is not None}
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


def keeps_positions(connection: Connection) -> bool:
    """Whether the tables of lineage and own positions are there."""
    row = connection.execute(KEEPS_POSITIONS).fetchone()
    return bool(row and row[0])


def read_lineages(connection: Connection) -> dict[Stream, Lineage]:
    """What the markers declared of each stream's shards; nothing before the tables are there."""
    if not keeps_positions(connection):
        return {}
    rows = connection.execute("SELECT origin, incarnation, shard, parents FROM stream_shard")
    found: dict[Stream, dict[str, list[str]]] = {}
    for origin, incarnation, shard, parents in rows.fetchall():
        found.setdefault((origin, incarnation), {})[shard] = parents
    return {stream: Lineage.restored(body) for stream, body in found.items()}


def read_own_positions(
    connection: Connection, epoch: int, log_ids: Mapping[str, str]
) -> dict[Place, int]:
    """The next offset of each partition that was written at this epoch, of this log (B26), if any."""
    if not keeps_positions(connection):
        return {}
    rows = connection.execute(
        "SELECT topic, partition, log_id, next_offset FROM applied_position WHERE epoch = %s",
        (epoch,),
    ).fetchall()
    return {
        (topic, partition): following
        for topic, partition, log_id, following in rows
        if log_ids.get(topic) == log_id
    }


def _stream(pair: Pair) -> Stream:
    return pair.origin, pair.incarnation


def _declared(
    rows: Iterable[AppliedMarker], lineages: Mapping[Stream, Lineage]
) -> dict[Stream, Lineage]:
    """Each stream's shards: what markers said of their parents, and every one that has a row."""
    found: dict[Stream, Lineage] = {}
    for row in rows:
        stream = _stream(row.pair)
        if stream not in found:
            known = lineages.get(stream)
            found[stream] = Lineage() if known is None else Lineage.restored(known.saved())
        found[stream].declare((row.pair.shard,), None)
    return found


def _retired(
    rows: Iterable[AppliedMarker],
    known: Mapping[Stream, Lineage],
    marked: Mapping[Stream, set[str]],
) -> set[Pair]:
    """Pairs whose descendants, or for long enough a whole newer stream, have markers in this partition.

    The bridge reads a shard to its end before it begins with its children: nothing of it lies behind theirs.
    """
    last: dict[Stream, int] = {}
    for row in rows:
        last[_stream(row.pair)] = max(last.get(_stream(row.pair), 0), row.record_time_ms or 0)
    found: set[Pair] = set()
    for stream, lineage in known.items():
        found |= {Pair(*stream, shard) for shard in lineage.retired(marked.get(stream, set()))}
    for new in (one for one in known if known[one].all_open(marked.get(one, set()))):
        found |= {
            row.pair
            for row in rows
            if row.pair.origin == new[0]
            and int(row.pair.incarnation) < int(new[1])
            and last[new] - (row.record_time_ms or 0) > LONGEST_BRIDGE_MS
        }
    return found
