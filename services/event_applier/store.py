"""One batch into the database, in one transaction that first proves its right to write (C1, A1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from lifeline.lambdas.failover.breaker import Breaker
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.event_limits import MAX_SEQUENCE_JUMP
from lifeline.lambdas.failover.markers import Pair
from lifeline.lambdas.failover.protocol import APPLY_LOCK
from lifeline.services.event_applier.batch import COLUMNS, Batch
from lifeline.services.event_applier.dead_letters import (
    DONE,
    DeadLetter,
    dead_letter_of,
    due,
    keep,
    outcomes_of,
)
from lifeline.services.event_applier.event_sources import (
    ABOVE_FLOOR,
    UNDER_FLOOR,
    is_there,
    never_stored,
    note,
)
from lifeline.services.event_applier.observing import observed, write
from lifeline.services.event_applier.positions import OwnPosition, keeps_positions
from lifeline.services.event_applier.sifting import BAD_ROW, refused_lines
from lifeline.services.event_applier.wild_sequences import Inserted, settle
from lifeline.services.shared.database import Connection
from lifeline.services.shared.observations import KEPT
from lifeline.services.shared.serving_guard import (
    READ_AUTHORITY,
    AuthorityRow,
    ServingGuard,
)

CREATE_STAGE = """
CREATE TEMP TABLE IF NOT EXISTS stage (
    ord integer, occurred_on timestamptz, event_id uuid, event_type text COLLATE "C",
    aggregate_type text COLLATE "C", aggregate_id text COLLATE "C", sequence bigint,
    version smallint, payload json, metadata json, origin text, incarnation text, shard text,
    shard_sequence numeric, topic text
) ON COMMIT DELETE ROWS
"""

# The aggregates come only from rows that the insert returned (C4), one per key, keys sorted (C6). One with a
# sequence far from the others is left to `wild_sequences` (C9): its inserted rows are in the answer.
INSERT = """
WITH inserted AS (
    INSERT INTO event (occurred_on, event_id, event_type, aggregate_type, aggregate_id, sequence,
        version, payload, payload_text, metadata, metadata_text,
        origin, incarnation, shard, shard_sequence, topic, applied_epoch)
    SELECT occurred_on, event_id, event_type, aggregate_type, aggregate_id, sequence,
        version, payload, payload, metadata, metadata,
        origin, incarnation, shard, shard_sequence, topic, %(epoch)s
    FROM stage ORDER BY ord
    ON CONFLICT (occurred_on, event_id) DO NOTHING
    RETURNING aggregate_type, aggregate_id, sequence, occurred_on, event_id, payload
), span AS (
    SELECT aggregate_type, aggregate_id, min(sequence) AS first, max(sequence) AS last,
        count(*) AS events
    FROM inserted GROUP BY aggregate_type, aggregate_id
), wild AS (
    SELECT aggregate_type, aggregate_id
    FROM span LEFT JOIN aggregate AS held USING (aggregate_type, aggregate_id)
    WHERE held.withheld_runs IS NOT NULL
        OR span.first < coalesce(held.first_sequence, held.sequence, span.last) - %(jump)s
        OR span.last > coalesce(held.sequence, span.first) + %(jump)s
), newest AS (
    SELECT DISTINCT ON (aggregate_type, aggregate_id) inserted.*, span.first, span.events
    FROM inserted JOIN span USING (aggregate_type, aggregate_id)
    WHERE (aggregate_type, aggregate_id) NOT IN (SELECT aggregate_type, aggregate_id FROM wild)
    ORDER BY aggregate_type, aggregate_id, sequence DESC, occurred_on DESC, event_id DESC
), folded AS (
    INSERT INTO aggregate AS held (aggregate_type, aggregate_id, sequence, occurred_on, event_id, state,
        first_sequence, events)
    SELECT aggregate_type, aggregate_id, sequence, occurred_on, event_id, payload, first, events
    FROM newest ORDER BY aggregate_type, aggregate_id
    ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE
    SET (sequence, occurred_on, event_id, state) = (
            SELECT * FROM (VALUES
                (excluded.sequence, excluded.occurred_on, excluded.event_id, excluded.state),
                (held.sequence, held.occurred_on, held.event_id, held.state)
            ) AS candidate (a, b, c, state) ORDER BY a DESC, b DESC, c DESC LIMIT 1),
        first_sequence = least(coalesce(held.first_sequence, held.sequence), excluded.first_sequence),
        events = held.events + excluded.events
)
SELECT inserted.aggregate_type, inserted.aggregate_id, sequence, occurred_on, event_id, total.n
FROM (SELECT count(*) AS n FROM inserted) AS total
LEFT JOIN (inserted JOIN wild USING (aggregate_type, aggregate_id)) ON true
"""

INSERT_ABOVE_FLOOR = INSERT.replace("FROM stage ORDER BY", f"FROM stage {ABOVE_FLOOR} ORDER BY")
"""Events of days that are gone are left out: they were counted, and their rows would stay for ever."""

# What a unique key did not let in and differs from what it met. The inner query asks one partition only.
KEEP_UNEXPECTED = """
INSERT INTO unexpected_event (event_id, occurred_on, content, event_type, aggregate_type, aggregate_id,
    sequence, version, payload_text, metadata_text, origin, incarnation, shard, shard_sequence, topic,
    applied_epoch)
SELECT event_id, occurred_on,
    sha256(convert_to(concat_ws(chr(1), event_type, aggregate_type, aggregate_id, sequence, version,
        payload, metadata), 'UTF8')),
    event_type, aggregate_type, aggregate_id, sequence, version, payload, metadata, origin, incarnation,
    shard, shard_sequence, topic, %(epoch)s
FROM stage, LATERAL (
    SELECT (e.event_type, e.aggregate_type, e.aggregate_id, e.sequence, e.version)
            IS DISTINCT FROM (stage.event_type, stage.aggregate_type, stage.aggregate_id,
                stage.sequence, stage.version)
        OR coalesce(e.payload_text::text <> stage.payload::text, e.payload <> stage.payload::jsonb)
        OR coalesce(e.metadata_text::text <> stage.metadata::text, e.metadata <> stage.metadata::jsonb)
        AS differs
    FROM event AS e
    WHERE e.event_id = stage.event_id AND e.occurred_on = stage.occurred_on LIMIT 1
) AS met
WHERE met.differs
ON CONFLICT DO NOTHING
"""

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


@dataclass
class Inserting:
    """What became of the lines so far. `wild`: the new ones of aggregates with a wild sequence."""

    inserted: int = 0
    unexpected: int = 0
    wild: list[Inserted] = field(default_factory=list)
    refused: list[DeadLetter] = field(default_factory=list)
    left_out: set[int] = field(default_factory=set)
    """The places in the batch of those that were refused."""
    gone: dict[int, date] = field(default_factory=dict)
    """The places of those whose day is detached or dropped, and the day."""

    def stored(self, batch: Batch) -> list[int]:
        """The places of the others."""
        kept = range(len(batch.lines))
        return [n for n in kept if n not in self.left_out and n not in self.gone]


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
        self, batch: Batch, *, heartbeat: bool, positions: Sequence[OwnPosition] = ()
    ) -> Applied:
        """All of `batch`, or nothing: what cannot be stored is set aside in the same transaction (C10).

        `positions`: how far this epoch applied the partitions with it (B26).
        Raises NotServing, psycopg.Error; Stopped when that would be nearly everything (B23).
        """
        try:
            return self._apply(batch, heartbeat, positions, self._insert)
        except BAD_ROW:
            # A second transaction, not one for each bad row (L8).
            return self._apply(batch, heartbeat, positions, self._insert_what_can_be)

    def _apply(
        self,
        batch: Batch,
        heartbeat: bool,
        positions: Sequence[OwnPosition],
        insert: Callable[[Batch], Inserting],
    ) -> Applied:
        if batch.lines:
            self._connection.execute(CREATE_STAGE)
        with self._connection.transaction():
            self._prove_right()
            done = insert(batch)
            withheld = settle(self._connection, done.wild) if done.wild else 0
            seen = observed(batch.envelopes[n] for n in done.stored(batch))
            if self._observes():
                write(self._connection, seen)
            if self._notes_sources():
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

    def _insert(self, batch: Batch) -> Inserting:
        return self._insert_lines(batch.lines) if batch.lines else Inserting()

    def _insert_lines(self, lines: list[str]) -> Inserting:
        with self._connection.cursor() as cursor:
            with cursor.copy(f"COPY stage ({COLUMNS}) FROM STDIN") as copy:
                copy.write("\n".join(lines) + "\n")
            told = {"epoch": self._guard.epoch, "jump": MAX_SEQUENCE_JUMP}
            insert = INSERT_ABOVE_FLOOR if self._notes_sources() else INSERT
            rows = cursor.execute(insert, told, prepare=True).fetchall()
            done = Inserting(int(rows[0][5]), 0, [row[:5] for row in rows if row[0] is not None])
            if done.inserted < len(lines):
                done.unexpected = cursor.execute(KEEP_UNEXPECTED, told).rowcount
                if self._is_noting:
                    done.gone = dict(cursor.execute(UNDER_FLOOR).fetchall())
        return done

    def _insert_what_can_be(self, batch: Batch) -> Inserting:
        """The rows that the server would refuse are asked for; what still fails is found by halves."""
        refused = refused_lines(self._connection, batch.lines)
        done = Inserting()
        done.refused += [dead_letter_of(batch.events[n], "DataError") for n in sorted(refused)]
        done.left_out |= refused
        self._insert_halves(batch, [n for n in range(len(batch.lines)) if n not in refused], done)
        return done

    def _insert_halves(self, batch: Batch, places: list[int], done: Inserting) -> None:
        if not places:
            return
        try:
            with self._connection.transaction():  # a savepoint
                part = self._insert_lines([batch.lines[n] for n in places])
                self._connection.execute("DELETE FROM stage")
        except BAD_ROW as error:
            if len(places) == 1:
                why = type(error).__name__
                done.refused.append(dead_letter_of(batch.events[places[0]], why))
                done.left_out.add(places[0])
                return
            middle = len(places) // 2
            for half in (places[:middle], places[middle:]):
                self._insert_halves(batch, half, done)
        else:
            done.inserted += part.inserted
            done.unexpected += part.unexpected
            done.wild += part.wild
            done.gone |= part.gone

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
