"""Which markers may be written after a batch: those whose counts are kept in the table (B8).

The table is the only truth about what was counted: any process may bridge a shard's next batch. So a batch
whose count cannot be kept fails and comes again. Its events are in the log by then; counts in one process's
memory would be missing where the next batch is counted by another, and a loss could hide there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from lifeline.lambdas.failover.markers import Marker, Pair
from lifeline.lambdas.stream_bridge.count_table import Conflict, CountTable, Stored
from lifeline.lambdas.stream_bridge.shard_count import (
    Counted,
    CountedMarker,
    Partitions,
    Placing,
    ShardCount,
)

TRIES = 3


class ShardCounts:
    """The counts of the shards that this process bridges, as it knows them from the table."""

    def __init__(self, table: CountTable) -> None:
        self._table = table
        self._known: dict[Pair, Stored] = {}
        self._unwritten: set[Pair] = set()
        """Those of them whose marker was read, not written, by this process."""
        self._placed: set[Pair] = set()
        """Shards with a batch that was placed and is not settled: in between it may have failed."""
        self._closed: dict[Pair, int] = {}
        """With the births of their last markers, epoch milliseconds."""

    def placing(self, pair: Pair, first: int, listed: Partitions) -> Placing:
        """By which lists the records of a batch from `first` on are placed (B27).

        For a shard that was never counted, or not by this release, it is kept before anything is written.
        Raises as `settle`.
        """
        if pair in self._placed:
            # That batch failed: another process may have settled it, and placed others since.
            self._forget(pair)
        self._placed.add(pair)
        for attempt in range(TRIES):
            stored = self._read(pair, first)
            count = stored.count
            assert count is not None
            if count.untouched and first - 1 > count.acknowledged:
                # The stream lost the records for which the item was made: nothing is claimed of them.
                count = ShardCount.begun(first - 1)
            if count.placing.partitions:
                return count.placing.within(listed)
            count = replace(count, placing=Placing(listed))
            try:
                self._known[pair] = self._table.save(pair, count, stored.version)
            except Conflict:
                self._forget(pair)
                if attempt == TRIES - 1:
                    raise
            else:
                break
        return Placing(listed)

    def settle(
        self,
        pair: Pair,
        records: Iterable[Counted],
        *,
        first: int,
        acknowledged: int,
        marker: Marker | None,
        write: Callable[[CountedMarker], None],
        listed: Partitions = (),
    ) -> int:
        """Count a batch from `first` to `acknowledged`, write what its marker proves; how many were written.

        `write` returns once the log acknowledged a marker. Raises what `write` and the table's client raise,
        and Conflict when others go on writing the count; the batch must come again then. The table keeps one
        marker of a shard. So the one that was read from it is written first: whoever counted it may have died
        before writing it, and the next one would take its place. What comes behind the batch is placed by
        `listed`.
        """
        counted = list(records)
        for attempt in range(TRIES):
            try:
                written = self._settle(pair, counted, first, acknowledged, marker, write, listed)
                self._placed.discard(pair)
                return written
            except Conflict:
                self._forget(pair)
                if attempt == TRIES - 1:
                    raise
            except BaseException:
                # Whatever became of it: the next batch reads the table again.
                self._forget(pair)
                raise
        raise AssertionError("the last try returns or raises")

    def close(self, child: Marker, write: Callable[[CountedMarker], None]) -> int:
        """Write the last marker of each shard that `child`'s was made of; how many were written (B10).

        Their records after their own last markers would never be called safe. Each was read to its end, or
        its child would not be read. Raises as `settle`.
        """
        written = 0
        for ancestor in child.ancestors():
            if ancestor not in self._closed:
                written += self._close(ancestor, child, write)
        return written

    def _close(self, ancestor: Pair, child: Marker, write: Callable[[CountedMarker], None]) -> int:
        stored = self._table.load(ancestor)
        count = None if stored is None else stored.count
        born_ms = self._born_ms(ancestor, count, child)
        written = 0
        if stored is not None and count is not None and count.acknowledged > count.previous:
            ends = count.acknowledged
            last = replace(child, pair=ancestor, sequence=ends, born_ms=born_ms, parents=None)
            closed = count.after([], count.acknowledged, last)
            assert closed.last is not None
            write(closed.last)
            self._table.save(ancestor, closed, stored.version)
            written = 1
        self._closed[ancestor] = born_ms
        return written

    def _born_ms(self, ancestor: Pair, count: ShardCount | None, child: Marker) -> int:
        """Nothing that its children took is older: it stands for those without a marker (B24).

        So not `child`'s birth: a sister may have taken events before that one.
        """
        if count is not None and count.last is not None:
            return count.last.marker.born_ms
        names = (child.parents or {}).get(ancestor.shard, ())
        parents = [ancestor._replace(shard=one) for one in names]
        known = [self._closed[one] for one in parents if one in self._closed]
        return min(known, default=int(ancestor.incarnation) * 1_000)

    def _settle(
        self,
        pair: Pair,
        records: list[Counted],
        first: int,
        acknowledged: int,
        marker: Marker | None,
        write: Callable[[CountedMarker], None],
        listed: Partitions,
    ) -> int:
        written = 0
        stored = self._read(pair, first)
        before = stored.count
        assert before is not None
        if pair in self._unwritten and before.last is not None:
            write(replace(before.last, again=True))
            written = 1
        self._unwritten.discard(pair)
        after = before.after(records, acknowledged, marker, listed)
        if after != before or not stored.version:
            stored = self._table.save(pair, after, stored.version)
        self._known[pair] = stored
        if after.last is not None and after.last != before.last:
            write(after.last)
            written += 1
        return written

    def _read(self, pair: Pair, first: int) -> Stored:
        """What is known of a shard, or what the table has; without either counting begins before `first`."""
        known = self._known.get(pair)
        if known is None:
            known = self._table.load(pair) or Stored(0, None)
            if known.count is None:
                known = Stored(known.version, ShardCount.begun(first - 1))
            self._known[pair] = known
            self._unwritten.add(pair)
        return known

    def _forget(self, pair: Pair) -> None:
        self._known.pop(pair, None)
        self._unwritten.discard(pair)
