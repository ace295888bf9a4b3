"""Which markers may be written after a batch: those whose counts are kept in the table (B8).

Events never wait for the table. While it can't be reached they are bridged, and their counts are held in
memory. No marker is written, so nothing becomes safe meanwhile. Counts that are lost with that memory leave a
hole that the readers name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from lifeline.lambdas.failover.markers import Marker, Pair
from lifeline.lambdas.stream_bridge.count_table import Conflict, CountTable, Stored
from lifeline.lambdas.stream_bridge.shard_count import Counted, CountedMarker, ShardCount

MAX_HELD = 200_000
"""Records that wait for the table, about 40 MiB. Beyond, the chain begins anew and leaves a hole."""
TRIES = 3

logger = Logger(service="stream-bridge", child=True)


@dataclass
class _Known:
    """What this process knows of a shard, from the sequence `first` on.

    `held` was acknowledged by the log, and is not in the table yet. `broken`: what lay before `first` is not
    counted any more.
    """

    first: int
    stored: Stored | None = None
    held: list[Counted] = field(default_factory=list)
    acknowledged: int = -1
    broken: bool = False


class ShardCounts:
    """The counts of the shards that this process bridges."""

    def __init__(self, table: CountTable) -> None:
        self._table = table
        self._known: dict[Pair, _Known] = {}

    def settle(
        self,
        pair: Pair,
        records: Iterable[Counted],
        *,
        first: int,
        acknowledged: int,
        marker: Marker | None,
        write: Callable[[CountedMarker], None],
    ) -> int:
        """Count a batch from `first` to `acknowledged`, write what its marker proves; how many were written.

        `write` returns once the log acknowledged a marker; what it raises passes through, and the batch comes
        again. The table keeps one marker of a shard. So the one that was read from it is written first:
        whoever counted it may have died before writing it, and the next one would take its place.
        """
        known = self._known.setdefault(pair, _Known(first))
        known.held.extend(one for one in records if one.sequence > known.acknowledged)
        known.acknowledged = max(known.acknowledged, acknowledged)
        try:
            return self._store(pair, known, marker, write)
        except (Conflict, ClientError, BotoCoreError) as error:
            # Whatever became of it, the version that is written next says whether it was.
            logger.error(
                "uncounted", extra={"held": len(known.held), "error": type(error).__name__}
            )
            if len(known.held) > MAX_HELD:
                self._known[pair] = _Known(known.acknowledged + 1, broken=True)
            return 0
        except Exception:
            known.stored = None
            raise

    def _store(
        self,
        pair: Pair,
        known: _Known,
        marker: Marker | None,
        write: Callable[[CountedMarker], None],
    ) -> int:
        for attempt in range(TRIES):
            written = 0
            if known.stored is None:
                known.stored = self._table.load(pair) or Stored(
                    0, ShardCount.begun(known.first - 1)
                )
                if known.stored.count.last is not None:
                    write(known.stored.count.last)
                    written = 1
            before = ShardCount.begun(known.first - 1) if known.broken else known.stored.count
            after = before.after(known.held, known.acknowledged, marker)
            if after != known.stored.count:
                try:
                    known.stored = self._table.save(pair, after, known.stored.version)
                except Conflict:
                    known.stored = None
                    if attempt == TRIES - 1:
                        raise
                    continue
            known.held, known.broken = [], False
            if after.last is not None and after.last != before.last:
                write(after.last)
                written += 1
            return written
        raise AssertionError("the last try returns or raises")
