"""Which rows of a batch the database would refuse: asked at once, not found by trying (L8, C7)."""

from __future__ import annotations

import psycopg

from lifeline.services.event_applier.batch import COLUMNS
from lifeline.services.shared.database import Connection

BAD_ROW = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
)
"""What the server says of a value; the last two are no DataError: too long for an index, nested too deep."""
_TYPES = {
    "occurred_on": ("timestamptz",),
    "event_id": ("uuid",),
    "sequence": ("bigint",),
    "version": ("smallint",),
    "payload": ("json", "jsonb"),
    "metadata": ("json", "jsonb"),
    "shard_sequence": ("numeric",),
}
CREATE_SIEVE = (
    "CREATE TEMP TABLE IF NOT EXISTS sieve (ord integer, "
    + ", ".join(f"{name} text" for name in COLUMNS.split(", "))
    + ") ON COMMIT DELETE ROWS"
)
_VALID = " AND ".join(
    f"pg_input_is_valid({name}, '{kind}')" for name, kinds in _TYPES.items() for kind in kinds
)
REFUSED = f"SELECT ord FROM sieve WHERE NOT ({_VALID})"


def refused_lines(connection: Connection, lines: list[str]) -> set[int]:
    """The places in `lines` of rows that their columns do not take. Inside a transaction.

    A row that makes the server give up (nested too deep for its stack) hides the others: then none is named.
    """
    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(CREATE_SIEVE)
            with cursor.copy(f"COPY sieve (ord, {COLUMNS}) FROM STDIN".encode()) as copy:
                copy.write("".join(f"{place}\t{line}\n" for place, line in enumerate(lines)))
            return {row[0] for row in cursor.execute(REFUSED.encode()).fetchall()}
    except BAD_ROW:
        return set()
