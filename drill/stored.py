"""The rows of the survivor's `event` table, streamed (contract: database)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from drill.envelope import digest_of, parsed, written

FETCH_ROWS = 5_000
STATEMENT_TIMEOUT = "120s"
_ROWS = """
    SELECT event_id::text, (extract(epoch FROM occurred_on) * 1000000)::bigint, event_type,
           aggregate_type, aggregate_id, sequence, version, coalesce(payload_text::text, payload::text),
           coalesce(metadata_text::text, metadata::text), origin, apply_no
    FROM event ORDER BY apply_no
"""
_BY_SECOND = """
    SELECT floor(extract(epoch FROM applied_at))::bigint, count(*),
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP
               (ORDER BY extract(epoch FROM applied_at - occurred_on)::float8)
    FROM event GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored event, its content reduced to the digest the journal holds too."""

    event_id: str
    occurred_us: int
    aggregate_id: str
    sequence: int
    digest: str
    origin: str
    apply_no: int


@dataclass(frozen=True)
class AppliedSecond:
    """What was applied within one second: how many, and how old they were by then."""

    at: int
    stored: int
    p50_seconds: float
    p95_seconds: float


def connect(dsn: str) -> psycopg.Connection[Any]:
    """A read-only connection that gives up instead of hanging."""
    connection = psycopg.connect(
        dsn, connect_timeout=5, options=f"-c statement_timeout={STATEMENT_TIMEOUT}"
    )
    connection.read_only = True
    return connection


def rows(connection: psycopg.Connection[Any]) -> Iterator[Stored]:
    """Every stored event in the order of application, a few thousand in memory at a time."""
    with connection.cursor(name="drill_checker") as cursor:
        cursor.itersize = FETCH_ROWS
        cursor.execute(_ROWS)
        for row in cursor:
            content = {
                "eventType": row[2],
                "aggregateType": row[3],
                "aggregateId": row[4],
                "sequence": written(str(row[5])),
                "version": written(str(row[6])),
                "payload": parsed(row[7]),
                "metadata": parsed(row[8]),
            }
            yield Stored(row[0], row[1], row[4], row[5], digest_of(content), row[9], row[10])


def applied_seconds(connection: psycopg.Connection[Any]) -> list[AppliedSecond]:
    """Throughput and end-to-end latency (bedside to database) for each second of the run."""
    return [
        AppliedSecond(int(at), int(count), round(float(p[0]), 4), round(float(p[1]), 4))
        for at, count, p in connection.execute(_BY_SECOND)
    ]


def count(connection: psycopg.Connection[Any]) -> int:
    """How many events are stored."""
    row = connection.execute("SELECT count(*) FROM event").fetchone()
    return int(row[0]) if row else 0
