"""The store path against raw COPY of the same rows, on one server in one run; a ratio, not a time.

    python bench/store_path.py [--rows 60000] [--batch 2000]

Raw COPY goes into a partitioned table with the same columns and the same key as `event`. The store path is
what `apply` does: stage, insert, aggregates, markers, heartbeat, authority. `decode` is the processor's
own share (records to COPY text), `bridge` the validation of one event.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "services"), str(ROOT / "lambdas")]

from lifeline.lambdas.contracts.database import DatabaseAddress  # noqa: E402
from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder  # noqa: E402
from lifeline.lambdas.stream_bridge.validation import Accepted, judge  # noqa: E402
from lifeline.services.event_applier.batch import COLUMNS, Batch, LogRecord, batch_of  # noqa: E402
from lifeline.services.event_applier.database import Connection, connect  # noqa: E402
from lifeline.services.event_applier.migrate import migrate  # noqa: E402
from lifeline.services.event_applier.serving_guard import ServingGuard  # noqa: E402
from lifeline.services.event_applier.store import Store  # noqa: E402
from tests.integration.datapath.engines import LOOPBACK, postgres  # noqa: E402
from tests.integration.datapath.log_records import event_body, event_record, marker_record  # noqa: E402

REGION = "ca-central-1"
PATIENTS = 830
RAW = """
CREATE TABLE raw_copy (
    ord integer, occurred_on timestamptz NOT NULL, event_id uuid NOT NULL, event_type text,
    aggregate_type text, aggregate_id text, sequence bigint, version smallint, payload jsonb,
    metadata jsonb, origin text, incarnation text, shard text, shard_sequence numeric, topic text,
    PRIMARY KEY (event_id, occurred_on)
) PARTITION BY RANGE (occurred_on);
CREATE TABLE raw_copy_default PARTITION OF raw_copy DEFAULT;
"""


def payload(value: int) -> dict[str, Any]:
    """A heart rate as an edge sends it."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {
            "coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]
        },
        "subject": {"reference": "Patient/patient-00001"},
        "effectiveDateTime": datetime.now(UTC).isoformat(),
        "valueQuantity": {
            "value": value,
            "unit": "beats/minute",
            "system": "http://unitsofmeasure.org",
            "code": "/min",
        },
    }


def records(rows: int, batch: int) -> Iterator[list[LogRecord]]:
    """Batches of events, each closed by a marker."""
    for start in range(0, rows, batch):
        made = [
            event_record(
                n, event_body(n, f"patient-{n % PATIENTS:05d}", payload=payload(60 + n % 40))
            )
            for n in range(start, start + batch)
        ]
        yield [*made, marker_record(start + batch, 10**50 + start + batch)]


def measure(settings: DatabaseAddress, rows: int, batch: int) -> dict[str, float]:
    """Rows a second of each part. Raw COPY and the store path take turns, so that noise hits both."""
    seconds = dict.fromkeys(("bridge", "decode", "raw", "store"), 0.0)
    schemas, now = load_schemas(schemas_folder()), datetime.now(UTC)
    with connect(settings, purpose="raw") as raw, connect(settings, purpose="store") as connection:
        raw.execute(RAW)
        raw.execute(
            "UPDATE authority SET epoch = 1, holder = %s, renewed_from = clock_timestamp()",
            (REGION,),
        )
        guard = ServingGuard(REGION, 1e9)
        guard.epoch = 1
        store = Store(connection, REGION, guard)
        for read in records(rows, batch):
            began = time.perf_counter()
            bad = [r for r in read[:-1] if not isinstance(judge(r.value, now, schemas), Accepted)]
            judged = time.perf_counter()
            made = batch_of(read)
            decoded = time.perf_counter()
            _copy(raw, made)
            copied = time.perf_counter()
            done = store.apply(made, heartbeat=True)
            seconds["store"] += time.perf_counter() - copied
            seconds["raw"] += copied - decoded
            seconds["decode"] += decoded - judged
            seconds["bridge"] += judged - began
            if bad or done.inserted != batch:
                raise RuntimeError(f"{len(bad)} refused, {done.inserted} of {batch} inserted")
    return {name: rows / spent for name, spent in seconds.items()}


def _copy(connection: Connection, made: Batch) -> None:
    with (
        connection.transaction(),
        connection.cursor() as cursor,
        cursor.copy(f"COPY raw_copy ({COLUMNS}) FROM STDIN".encode()) as copy,
    ):
        copy.write("\n".join(made.lines) + "\n")


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Store path against raw COPY.")
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--batch", type=int, default=2_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, postgres(Path(folder) / "data") as port:
        settings = DatabaseAddress(LOOPBACK, port, "lifeline", "lifeline", "none", REGION)
        migrate(settings)
        found = measure(settings, given.rows, given.batch)
    for name, rate in found.items():
        print(f"{name:>7} {rate:>9,.0f} rows/s")
    both = 1 / (1 / found["decode"] + 1 / found["store"])
    print(
        f"decode and store {both:,.0f} rows/s; store path / raw COPY = {found['store'] / found['raw']:.2f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
