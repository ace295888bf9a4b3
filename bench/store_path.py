"""The store path against raw COPY of the same rows, on one server in one run; a ratio, not a time.

    python -m bench.store_path [--rows 60000] [--batch 2000]

Raw COPY goes into a partitioned table with the same columns and the same key as `event`. The store path is
what `apply` does: stage, insert, aggregates, markers, heartbeat, authority. `decode` is the event applier's
own share (records to COPY text), `bridge` the validation of one event.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lab.certificates import Authority
from lab.places import LOOPBACK
from lab.postgres import DATABASE, USER, Postgres
from lab.processes import Processes
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.markers import Marker, Pair
from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder
from lifeline.lambdas.stream_bridge.validation import Accepted, judge
from lifeline.services.event_applier.batch import COLUMNS, Batch, LogRecord, batch_of
from lifeline.services.event_applier.migrate import migrate
from lifeline.services.event_applier.store import Store
from lifeline.services.shared.database import Connection, connect
from lifeline.services.shared.serving_guard import ServingGuard

REGION = "ca-central-1"
PATIENTS = 830
TOPIC = "clinical.observation.recorded"
PAIR = Pair(REGION, incarnation="100", shard="shardId-0")
FIRST_SEQUENCE = 10**50
"""As large as the sequence numbers of Kinesis are."""
START = datetime.now(UTC).replace(microsecond=0)
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


def event(offset: int) -> LogRecord:
    """An event as the bridge writes it to the log."""
    patient, occurred_on = (
        f"patient-{offset % PATIENTS:05d}",
        START + timedelta(milliseconds=offset),
    )
    body = {
        "eventId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{patient}/{offset}")),
        "eventType": "ObservationRecordedEvent",
        "aggregateId": patient,
        "aggregateType": "Patient",
        "occurredOn": occurred_on.isoformat().replace("+00:00", "Z"),
        "version": 1,
        "sequence": offset,
        "payload": payload(60 + offset % 40),
        "metadata": {"correlationId": "bench"},
    }
    headers = {
        "origin": PAIR.origin,
        "incarnation": PAIR.incarnation,
        "shard": PAIR.shard,
        "sequence": str(FIRST_SEQUENCE + offset),
    }
    written = [(name, value.encode()) for name, value in headers.items()]
    return LogRecord(TOPIC, 0, offset, offset, json.dumps(body).encode(), written)


def marker(offset: int) -> LogRecord:
    """The marker that ends a batch."""
    made = Marker(PAIR, FIRST_SEQUENCE + offset, 1_000, (PAIR.shard,), ((TOPIC, 0),))
    return LogRecord(TOPIC, 0, offset, offset, made.to_bytes(), [("kind", b"marker")])


def records(rows: int, batch: int) -> Iterator[list[LogRecord]]:
    """Batches of events, each closed by a marker."""
    for start in range(0, rows, batch):
        yield [*(event(n) for n in range(start, start + batch)), marker(start + batch)]


@contextmanager
def database(folder: Path) -> Iterator[DatabaseAddress]:
    """A new, empty server."""
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = int(free.getsockname()[1])
    processes = Processes(folder)
    server = Postgres(
        processes=processes, name="postgres", region=REGION, folder=folder / "data", port=port,
        authority=Authority(folder / "certificates"),
    )  # fmt: skip
    try:
        server.create()
        server.start()
        server.sql(f"CREATE DATABASE {DATABASE}", database="postgres")
        ca_file = str(server.ca_file)
        yield DatabaseAddress(LOOPBACK, port, DATABASE, USER, "none", REGION, ca_file)
    finally:
        processes.stop_all()


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
    with tempfile.TemporaryDirectory() as folder, database(Path(folder)) as settings:
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
