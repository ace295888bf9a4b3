"""The archive's records into an empty database, by the event applier's own code (B22, B26).

Invariant: what a transaction stores and how far the restore came are one. So a run that is stopped anywhere,
and run again, ends the same. The markers are applied with the events: the event applier goes on behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from lifeline.lambdas.failover.markers import Place
from lifeline.lambdas.failover.protocol import LEASE_TTL_SECONDS
from lifeline.services.archiver.archive_object import Archived, Chain
from lifeline.services.archiver.restoring import NotRestored, Restored, Source
from lifeline.services.event_applier.batch import LogRecord, batch_of
from lifeline.services.event_applier.store import Store
from lifeline.services.shared.database import Connection
from lifeline.services.shared.serving_guard import (
    READ_AUTHORITY,
    AuthorityRow,
    Permission,
    ServingGuard,
)
from lifeline.services.shared.topics import DEAD_LETTERS

BATCH_RECORDS = 2_000
DAY_MS = 86_400_000
MOST_DAYS = 3_000
BEGUN = "SELECT min(since_ms), EXISTS (SELECT FROM event) FROM archive_restore"
"""`since_ms`: of the run that began it. A later run goes on behind it, so it may not begin before."""
READ = """
SELECT next_offset FROM archive_restore
WHERE topic = %s AND partition = %s AND region = %s AND log_id = %s
"""
ADVANCE = """
INSERT INTO archive_restore AS held (topic, partition, region, log_id, next_offset, since_ms)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (topic, partition, region, log_id) DO UPDATE
SET next_offset = greatest(held.next_offset, excluded.next_offset), at = clock_timestamp()
"""


class RestoreGuard(ServingGuard):
    """A restore may write while this region serves, or nobody does: never beside another region's writer.

    It needs no fresh renewal: a database that was made anew has no keeper yet.
    """

    def __init__(self, region: str) -> None:
        super().__init__(region, LEASE_TTL_SECONDS)

    def judge(self, row: AuthorityRow | None, asked_at: float) -> Permission:
        """`asked_at` is not looked at."""
        if row is None:
            return Permission(False, "no authority row: run the migrations first")
        new_epoch = row.epoch > self.epoch >= 0
        self.epoch = max(self.epoch, row.epoch)
        if row.in_recovery:
            return Permission(False, "the server is a replica: restore where its writer is")
        if row.holder not in ("", self._region):
            return Permission(False, f"the database serves {row.holder}")
        return Permission(True, "restoring", new_epoch)


def check(connection: Connection, guard: RestoreGuard, since_ms: int) -> None:
    """Raises NotRestored for a database that a restore from then on may not write to."""
    row = connection.execute("SELECT to_regclass('archive_restore') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        raise NotRestored("the database lacks its tables: run the migrations first")
    authority = connection.execute(READ_AUTHORITY).fetchone()
    permission = guard.judge(AuthorityRow(*authority) if authority else None, 0.0)
    if not permission.may_serve:
        raise NotRestored(permission.reason)
    begun_ms, has_events = connection.execute(BEGUN).fetchone() or (None, False)
    if has_events and begun_ms is None:
        raise NotRestored(
            "the database has events and no restore was begun in it: only an empty one is restored into"
        )
    if begun_ms is not None and since_ms < begun_ms:
        begun = datetime.fromtimestamp(begun_ms / 1_000, UTC).isoformat()
        raise NotRestored(
            f"a restore from {begun} on was begun in this database, and goes on behind what is there: an "
            "earlier --from would be left out. Make the database empty again, or take that --from"
        )


class DatabaseRestore:
    """One run. `progress` is called after each object."""

    def __init__(
        self,
        connection: Connection,
        region: str,
        source: Source,
        progress: Callable[[Restored], None],
    ) -> None:
        self._connection, self._source, self._progress = connection, source, progress
        self._guard = RestoreGuard(region)
        self._store = Store(connection, region, self._guard)
        self.done = Restored()

    def run(self, places: Iterable[Place], now_ms: int) -> Restored:
        """Raises NotRestored, ArchiveError, NotServing, psycopg.Error; the next run goes on from there."""
        check(self._connection, self._guard, self._source.span.since_ms)
        days = min(MOST_DAYS, max(1, (now_ms - self._source.span.since_ms) // DAY_MS + 1))
        self._connection.execute("SELECT extend_event_partitions(%s)", (days,))
        for place in places:
            if place[0] == DEAD_LETTERS:
                continue  # never applied
            for chain, records, following in self._source.stretches(
                place, self._reached, self.done
            ):
                for some, until in _batches(records, following):
                    self._apply(chain, some, until)
                self._progress(self.done)
        return self.done

    def _reached(self, chain: Chain) -> int:
        row = self._connection.execute(READ, _row(chain)).fetchone()
        return int(row[0]) if row else 0

    def _apply(self, chain: Chain, records: list[Archived], following: int) -> None:
        batch = batch_of(
            LogRecord(
                *chain.place, one.offset, one.time_ms, one.value or b"",
                [(name, value or b"") for name, value in one.headers],
            )
            for one in records
        )  # fmt: skip
        with self._connection.transaction():
            self._store.apply(batch, heartbeat=False)
            since_ms = self._source.span.since_ms
            self._connection.execute(ADVANCE, (*_row(chain), following, since_ms))


def _row(chain: Chain) -> tuple[str, int, str, str]:
    return chain.topic, chain.partition, chain.region, chain.log_id


def _batches(records: list[Archived], following: int) -> Iterator[tuple[list[Archived], int]]:
    for at in range(0, len(records), BATCH_RECORDS):
        some = records[at : at + BATCH_RECORDS]
        is_last = at + BATCH_RECORDS >= len(records)
        yield some, following if is_last else min(following, some[-1].offset + 1)
    if not records:
        yield [], following
