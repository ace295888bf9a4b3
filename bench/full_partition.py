"""The store path into a day's partition that is full, beside an empty one; both servers take turns.

    python -m bench.full_partition [--rows 5000000] [--batches 15]

The full one has its rows in the partition of today, and buffers smaller than that partition's index: each
insert may have to read a page of it, as it will at a day's end.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from bench.results import write
from bench.store_path import START, TOPIC, database, payload, records, serving, stored
from lifeline.services.event_applier.apply import BATCH_RECORDS
from lifeline.services.event_applier.batch import batch_of
from lifeline.services.event_applier.migrate import migrate
from lifeline.services.shared.database import Connection, connect

SMALL_BUFFERS = "shared_buffers = '64MB'\n"
FILL_ROWS = 250_000
"""In one statement, so that progress is seen."""
FILL = """
INSERT INTO event (occurred_on, event_id, event_type, aggregate_type, aggregate_id, sequence, version,
    payload, payload_text, metadata, metadata_text, origin, incarnation, shard, shard_sequence, topic,
    applied_epoch)
SELECT %(day)s::timestamptz + (n || ' milliseconds')::interval, gen_random_uuid(),
    'ObservationRecordedEvent', 'Patient', 'filler-' || n %% 830, n, 1,
    %(payload)s::text::jsonb, %(payload)s::text::json, '{}', '{}',
    'ca-central-1', '100', 'shardId-9', n, %(topic)s, 1
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""


def fill(connection: Connection, rows: int) -> None:
    """Rows of today, without what only the store path writes beside them."""
    day = START.replace(hour=0, minute=0, second=0)
    for first in range(0, rows, FILL_ROWS):
        last = min(first + FILL_ROWS, rows) - 1
        connection.execute(
            FILL,
            {
                "day": day,
                "payload": json.dumps(payload(70)),
                "topic": TOPIC,
                "first": first,
                "last": last,
            },
        )
        print(f"bench: {last + 1:,} of {rows:,} rows", flush=True)
    connection.execute("ANALYZE event")


def index_larger_than_buffers(connection: Connection) -> bool:
    """What the figure is about; asked of the server."""
    row = connection.execute(
        """
        SELECT max(pg_relation_size(indexrelid)) > pg_size_bytes(current_setting('shared_buffers'))
        FROM pg_index JOIN pg_inherits ON inhrelid = indrelid
        WHERE inhparent = 'event'::regclass
        """
    ).fetchone()
    return bool(row and row[0])


def measure(folder: Path, rows: int, batches: int) -> dict[str, float]:
    """Raises RuntimeError when the index fits into the buffers."""
    seconds = [0.0, 0.0]
    with (
        database(folder / "full", SMALL_BUFFERS) as full,
        database(folder / "empty", SMALL_BUFFERS) as empty,
    ):
        for settings in (full, empty):
            migrate(settings)
        with connect(full, purpose="fill", limited=False) as connection:
            fill(connection, rows)
            if not index_larger_than_buffers(connection):
                raise RuntimeError(f"{rows} rows make no index that is larger than the buffers")
        with connect(full, purpose="full") as one, connect(empty, purpose="empty") as other:
            stores = [serving(one), serving(other)]
            for number, read in enumerate(records(batches * BATCH_RECORDS, BATCH_RECORDS)):
                for which, store in enumerate(stores):
                    made = batch_of(read)
                    began = time.perf_counter()
                    stored(store, made, BATCH_RECORDS)
                    if number:  # the first one plans, and meets cold files
                        seconds[which] += time.perf_counter() - began
    return {"rows_5m_ratio": seconds[1] / seconds[0]}


def main() -> int:
    """Print the figure."""
    parser = argparse.ArgumentParser(description="A full partition against an empty one.")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--batches", type=int, default=15)
    parser.add_argument("--figures", type=Path, help="a file for them, as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return write(measure(Path(folder), given.rows, given.batches), given.figures)


if __name__ == "__main__":
    sys.exit(main())
