"""One batch into the database, in one transaction that first proves its right to write (C1, A1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg

from lifeline.lambdas.failover.breaker import Breaker
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.markers import Pair
from lifeline.lambdas.failover.protocol import APPLY_LOCK
from lifeline.services.event_applier.batch import Batch
from lifeline.services.event_applier.copy_choice import CopyChoice
from lifeline.services.event_applier.dead_letters import (
    DONE,
    DeadLetter,
    dead_letter_of,
    due,
    keep,
    outcomes_of,
)
from lifeline.services.event_applier.event_sources import (
    UnderFloor,
    is_there,
    never_stored,
    note,
)
from lifeline.services.event_applier.inserting import Inserting, copied, staged, what_can_be
from lifeline.services.event_applier.observing import write
from lifeline.services.event_applier.positions import OwnPosition, keeps_positions
from lifeline.services.event_applier.sifting import BAD_ROW
from lifeline.services.event_applier.wild_sequences import settle
from lifeline.services.shared.database import Connection
from lifeline.services.shared.observations import KEPT
from lifeline.services.shared.serving_guard import (
    READ_AUTHORITY,
    AuthorityRow,
    ServingGuard,
)

UPSERT_MARKER = """
INSERT INTO applied_marker AS held
    (origin, incarnation, shard, topic, partition, sequence, born, record_time)
VALUES (%s, %s, %s, %s, %s, %s, to_timestamp(%s / 1000.0), to_timestamp(%s / 1000.0))
ON CONFLICT (topic, partition, origin, incarnation, shard) DO UPDATE
SET sequence = excluded.sequence, born = excluded.born, record_time = excluded.record_time
WHERE held.sequence IS NULL OR held.sequence < excluded.sequence
"""

DECLARE_PAIR = """
INSERT INTO applied_marker (origin, incarnation, shard, topic, partition)
VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""

DECLARE_PARENTS = """
INSERT INTO stream_shard AS held (origin, incarnation, shard, parents) VALUES (%s, %s, %s, %s)
ON CONFLICT (origin, incarnation, shard) DO UPDATE SET parents = excluded.parents
WHERE cardinality(held.parents) < cardinality(excluded.parents)
"""

# Two tasks may hold a partition for a moment: what either says it applied, is.
UPSERT_POSITION = """
INSERT INTO applied_position AS held (topic, partition, log_id, epoch, next_offset)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (topic, partition) DO UPDATE
SET log_id = excluded.log_id, epoch = excluded.epoch, next_offset = excluded.next_offset
WHERE (held.log_id, held.epoch) IS DISTINCT FROM (excluded.log_id, excluded.epoch)
    OR held.next_offset < excluded.next_offset
"""

LATE = "its day left the database before it came"

HEARTBEAT = """
INSERT INTO heartbeat AS held (region, role, epoch, at) VALUES (%s, 'event-applier', %s, clock_timestamp())
ON CONFLICT (region, role) DO UPDATE SET epoch = excluded.epoch, at = excluded.at
"""


class NotServing(Exception):
    """This process may not write now. `new_epoch`: positions must be read again before it may."""

    def __init__(self, reason: str, *, new_epoch: bool) -> None:
        super().__init__(reason)
        self.new_epoch = new_epoch


@dataclass(frozen=True)
class Applied:
    """What one transaction did."""

    inserted: int
    duplicates: int
    epoch: int
    unexpected: int = 0
    """Events kept apart: their id is stored with another content (C9)."""
    withheld: int = 0
    """Stored events whose sequence lies too far from the others of their aggregate (C9)."""
    set_aside: int = 0
    """Dead letters written: records that cannot be read, rows that cannot be stored (C7)."""
    vital_signs: int = 0
    """Values of vital signs that came; `incomplete` and `implausible` are the flags among them."""
    incomplete: int = 0
    implausible: int = 0
    plain: int = 0
    """Stored events whose vital signs and corrections nobody kept: they alone took the database too long."""


class Store:
    """The database as the applier writes it. Remembers which pairs it has declared, and their parents."""

    def __init__(
        self,
        connection: Connection,
        region: str,
        guard: ServingGuard,
        clock: Clock = SYSTEM_CLOCK,
        breaker: Breaker | None = None,
    ) -> None:
        """Without a breaker, whatever cannot be stored is set aside, be it everything."""
        self._breaker = breaker
        self._choice = CopyChoice()
        self._connection = connection
        self._region = region
        self._guard = guard
        self._clock = clock
        self._declared: set[object] = set()
        self._parents: dict[Pair, tuple[str, ...]] = {}
        self._is_placing = False
        self._is_observing = False
        self._is_noting = False
        self._published_again = -1
        """The epoch for which the letters of the former one were looked at."""
        connection.execute("SET synchronous_commit = on")

    def read_authority(self) -> AuthorityRow | None:
        """One look at the row, without any lock: also on a read-only replica."""
        row = self._connection.execute(READ_AUTHORITY).fetchone()
        return None if row is None else AuthorityRow(*row)

    def apply(
        self,
        batch: Batch,
        *,
        heartbeat: bool,
        positions: Sequence[OwnPosition] = (),
        plain: bool = False,
    ) -> Applied:
        """All of `batch`, or nothing: what cannot be stored is set aside in the same transaction (C10).

        `positions`: how far this epoch applied the partitions with it (B26). `plain`: without the vital signs
        and corrections that the events hold.
        Raises NotServing, psycopg.Error; Stopped when that would be nearly everything (B23).
        """
        # Each way is a transaction of its own, not one for each duplicate or bad row (L8).
        try:
            if batch.lines and self._choice.is_copied:
                try:
                    done = self._apply(batch, heartbeat, positions, copied, plain)
                    self._choice.copied()
                    return done
                except (psycopg.errors.UniqueViolation, UnderFloor):
                    self._choice.in_vain()
            done = self._apply(batch, heartbeat, positions, staged, plain)
        except BAD_ROW:
            return self._apply(batch, heartbeat, positions, what_can_be, plain)
        if batch.lines:
            self._choice.staged(is_new=done.inserted == len(batch.lines))
        return done

    def _apply(
        self,
        batch: Batch,
        heartbeat: bool,
        positions: Sequence[OwnPosition],
        insert: Callable[[Connection, Batch, int, bool], Inserting],
        plain: bool,
    ) -> Applied:
        with self._connection.transaction():
            self._prove_right()
            done = insert(self._connection, batch, self._guard.epoch, self._notes_sources())
            withheld = settle(self._connection, done.wild) if done.wild else 0
            seen = done.seen
            if self._observes() and not plain:
                write(self._connection, seen)
            if self._is_noting:
                note(self._connection, batch, done.stored(batch))
                self._set_aside_what_is_late(batch, done)
            letters = [dead_letter_of(record, why) for record, why in batch.unreadable]
            letters += done.refused
            outcomes = outcomes_of(batch, done.left_out) if letters else []
            if letters:
                if self._breaker is not None:
                    self._breaker.check(outcomes)
                keep(self._connection, letters, self._guard.epoch)
            self._mark(batch)
            self._keep_positions(positions)
            if heartbeat:
                # Last: other tasks of the region wait for this row.
                self._connection.execute(HEARTBEAT, (self._region, self._guard.epoch))
        if self._breaker is not None and (batch.lines or letters):
            self._breaker.passed(outcomes)
        self._declared |= batch.declared()
        if self._is_placing:
            self._parents |= batch.parents()
        again = len(batch.lines) - done.inserted - done.unexpected - len(done.refused)
        return Applied(
            done.inserted,
            again,
            self._guard.epoch,
            done.unexpected,
            withheld,
            len(letters),
            seen.seen,
            seen.incomplete,
            seen.implausible,
            done.inserted if plain and seen.says_something else 0,
        )

    def publish(self, send: Callable[[list[DeadLetter]], None]) -> int:
        """Hand the letters that are due to `send`, then mark them. Raises what `send` raises, NotServing."""
        epoch = self._guard.epoch
        again = self._published_again != epoch
        found = due(self._connection, epoch, again=again)
        if found:
            send(found)
            with self._connection.transaction():
                self._prove_right()
                self._connection.execute(DONE, (epoch, [one.id for one in found]))
        elif again:
            self._published_again = epoch
            return self.publish(send)
        return len(found)

    def _set_aside_what_is_late(self, batch: Batch, done: Inserting) -> None:
        """An event of a day that is gone, and that nothing says was stored, is no duplicate (C3)."""
        late = never_stored(self._connection, batch, done.gone.items()) if done.gone else []
        done.refused += [dead_letter_of(batch.events[n], LATE) for n in late]
        done.left_out |= set(late)

    def _notes_sources(self) -> bool:
        """Asked until it is so."""
        self._is_noting = self._is_noting or is_there(self._connection)
        return self._is_noting

    def _observes(self) -> bool:
        """Asked until it is so: until the migrations have run, events are stored without it."""
        if not self._is_observing:
            row = self._connection.execute(KEPT).fetchone()
            self._is_observing = bool(row and row[0])
        return self._is_observing

    def _prove_right(self) -> None:
        # Two statements: under READ COMMITTED the second sees what the lock waited for (C1).
        asked_at = self._clock.monotonic()
        self._connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (APPLY_LOCK,))
        permission = self._guard.judge(self.read_authority(), asked_at)
        if permission.new_epoch or not permission.may_serve:
            raise NotServing(permission.reason, new_epoch=permission.new_epoch)

    def _keeps_positions(self) -> bool:
        """Asked until it is so."""
        self._is_placing = self._is_placing or keeps_positions(self._connection)
        return self._is_placing

    def _keep_positions(self, positions: Sequence[OwnPosition]) -> None:
        if not positions or not self._keeps_positions():
            return
        with self._connection.cursor() as cursor:
            cursor.executemany(
                UPSERT_POSITION,
                [
                    (*one.place, one.log_id, self._guard.epoch, one.following)
                    for one in sorted(positions, key=lambda one: one.place)
                ],
            )

    def _mark(self, batch: Batch) -> None:
        if not batch.markers:
            return
        parents = sorted(
            (pair, its) for pair, its in batch.parents().items() if self._parents.get(pair) != its
        )
        if parents and not self._keeps_positions():
            parents = []
        last = sorted(batch.last_markers().items(), key=lambda item: item[0])
        new = sorted(batch.declared() - self._declared - {key for key, _ in last})
        with self._connection.cursor() as cursor:
            if parents:
                cursor.executemany(
                    DECLARE_PARENTS,
                    [(p.origin, p.incarnation, p.shard, list(its)) for p, its in parents],
                )
            if new:
                cursor.executemany(
                    DECLARE_PAIR,
                    [(p.origin, p.incarnation, p.shard, *place) for place, p in new],
                )
            cursor.executemany(
                UPSERT_MARKER,
                [
                    (
                        *(pair.origin, pair.incarnation, pair.shard, *place),
                        *(seen.marker.sequence, seen.marker.born_ms, seen.record_time_ms),
                    )
                    for (place, pair), seen in last
                ],
            )
