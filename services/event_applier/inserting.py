"""A batch's events into `event` and what is derived from them, inside the apply transaction.

Two ways. *Copied*: straight into the table, which fails whole when one of them is stored already. *Staged*:
row by row out of a temporary table, which leaves out what is stored (C2) and keeps what differs (C9).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from lifeline.lambdas.failover.event_limits import MAX_SEQUENCE_JUMP
from lifeline.services.event_applier.aggregates import FOLD, Newest, fold, newest_of
from lifeline.services.event_applier.batch import COLUMNS, Batch
from lifeline.services.event_applier.dead_letters import DeadLetter, dead_letter_of
from lifeline.services.event_applier.event_sources import (
    ABOVE_FLOOR,
    UNDER_FLOOR,
    require_above_floor,
)
from lifeline.services.event_applier.observing import Observed, observed
from lifeline.services.event_applier.sifting import BAD_ROW, refused_lines
from lifeline.services.event_applier.wild_sequences import Inserted, Key
from lifeline.services.shared.database import Connection

COPY = f"COPY event ({COLUMNS}, applied_epoch) FROM STDIN".encode()
CHUNK_LINES = 250
"""As many are handed over before the ones before are looked at: the server works meanwhile."""

CREATE_STAGE = """
CREATE TEMP TABLE IF NOT EXISTS stage (
    ord bigint GENERATED ALWAYS AS IDENTITY, occurred_on timestamptz, event_id uuid,
    event_type text COLLATE "C", aggregate_type text COLLATE "C", aggregate_id text COLLATE "C",
    sequence bigint, version smallint, payload jsonb, payload_text json, metadata jsonb,
    metadata_text json, origin text, incarnation text, shard text, shard_sequence numeric, topic text,
    applied_epoch bigint
) ON COMMIT DELETE ROWS
"""
COPY_STAGE = f"COPY stage ({COLUMNS}, applied_epoch) FROM STDIN".encode()

# The aggregates come only from rows that the insert returned (C4).
INSERT = f"""
WITH inserted AS (
    INSERT INTO event ({COLUMNS}, applied_epoch)
    SELECT {COLUMNS}, applied_epoch FROM stage ORDER BY ord
    ON CONFLICT (occurred_on, event_id) DO NOTHING
    RETURNING aggregate_type, aggregate_id, sequence, occurred_on, event_id, payload,
        sequence AS first, 1 AS events
), {FOLD}
SELECT inserted.aggregate_type, inserted.aggregate_id, sequence, occurred_on, event_id, total.n
FROM (SELECT count(*) AS n FROM inserted) AS total
LEFT JOIN inserted ON (aggregate_type, aggregate_id) NOT IN (SELECT * FROM folded)
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
        payload_text, metadata_text), 'UTF8')),
    event_type, aggregate_type, aggregate_id, sequence, version, payload_text, metadata_text, origin,
    incarnation, shard, shard_sequence, topic, applied_epoch
FROM stage, LATERAL (
    SELECT (e.event_type, e.aggregate_type, e.aggregate_id, e.sequence, e.version)
            IS DISTINCT FROM (stage.event_type, stage.aggregate_type, stage.aggregate_id,
                stage.sequence, stage.version)
        OR coalesce(e.payload_text::text <> stage.payload_text::text, e.payload <> stage.payload)
        OR coalesce(e.metadata_text::text <> stage.metadata_text::text, e.metadata <> stage.metadata)
        AS differs
    FROM event AS e
    WHERE e.event_id = stage.event_id AND e.occurred_on = stage.occurred_on LIMIT 1
) AS met
WHERE met.differs
ON CONFLICT DO NOTHING
"""


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
    seen: Observed = field(default_factory=Observed)
    """What the stored ones say of vital signs."""

    def stored(self, batch: Batch) -> list[int]:
        """The places of those that the database has now, as far as this batch says."""
        kept = range(len(batch.lines))
        return [n for n in kept if n not in self.left_out and n not in self.gone]


def copied(connection: Connection, batch: Batch, epoch: int, has_floor: bool) -> Inserting:
    """Raises psycopg.errors.UniqueViolation when one of them is stored already, or comes twice.

    Raises UnderFloor when the day of one is gone. `has_floor`: whether migration 0011 has run.
    """
    if not batch.lines:
        return Inserting()
    done, newest = Inserting(len(batch.lines)), dict[Key, Newest]()
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for start in range(0, len(batch.lines), CHUNK_LINES):
            part = slice(start, start + CHUNK_LINES)
            copy.write(_text(batch.lines[part], epoch))
            newest_of(batch.envelopes[part], newest)
            observed(batch.envelopes[part], done.seen)
    if has_floor:
        require_above_floor(connection, batch)
    done.wild = fold(connection, newest, batch.envelopes)
    return done


def staged(connection: Connection, batch: Batch, epoch: int, has_floor: bool) -> Inserting:
    """What is stored already stays as it is; what is of a day that is gone is left out."""
    done = _staged(connection, batch.lines, epoch, has_floor) if batch.lines else Inserting()
    done.seen = observed(batch.envelopes[n] for n in done.stored(batch))
    return done


def what_can_be(connection: Connection, batch: Batch, epoch: int, has_floor: bool) -> Inserting:
    """The rows that the server would refuse are asked for; what still fails is found by halves."""
    refused = refused_lines(connection, batch.lines)
    done = Inserting()
    done.refused += [dead_letter_of(batch.events[n], "DataError") for n in sorted(refused)]
    done.left_out |= refused
    places = [n for n in range(len(batch.lines)) if n not in refused]
    _by_halves(connection, batch, places, epoch, has_floor, done)
    done.seen = observed(batch.envelopes[n] for n in done.stored(batch))
    return done


def _staged(connection: Connection, lines: list[str], epoch: int, has_floor: bool) -> Inserting:
    """The places of those that are gone are places in `lines`."""
    connection.execute(CREATE_STAGE)
    with connection.cursor() as cursor:
        with cursor.copy(COPY_STAGE) as copy:
            copy.write(_text(lines, epoch))
        insert = INSERT_ABOVE_FLOOR if has_floor else INSERT
        rows = cursor.execute(insert, {"jump": MAX_SEQUENCE_JUMP}, prepare=True).fetchall()
        done = Inserting(int(rows[0][5]), 0, [row[:5] for row in rows if row[0] is not None])
        if done.inserted < len(lines):
            done.unexpected = cursor.execute(KEEP_UNEXPECTED).rowcount
            if has_floor:
                done.gone = dict(cursor.execute(UNDER_FLOOR).fetchall())
    return done


def _by_halves(
    connection: Connection,
    batch: Batch,
    places: list[int],
    epoch: int,
    has_floor: bool,
    done: Inserting,
) -> None:
    if not places:
        return
    try:
        with connection.transaction():  # a savepoint
            part = _staged(connection, [batch.lines[n] for n in places], epoch, has_floor)
            connection.execute("DELETE FROM stage")
    except BAD_ROW as error:
        if len(places) == 1:
            done.refused.append(dead_letter_of(batch.events[places[0]], type(error).__name__))
            done.left_out.add(places[0])
            return
        middle = len(places) // 2
        for half in (places[:middle], places[middle:]):
            _by_halves(connection, batch, half, epoch, has_floor, done)
    else:
        done.inserted += part.inserted
        done.unexpected += part.unexpected
        done.wild += part.wild
        done.gone |= {places[n]: day for n, day in part.gone.items()}


def _text(lines: list[str], epoch: int) -> str:
    end = f"\t{epoch}\n"
    return end.join(lines) + end
