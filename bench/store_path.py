"""The store path against raw COPY of the same rows, on one server in one run; a ratio, not a time.

    python -m bench.store_path [--rows 100000] [--batch 5000]

Raw COPY goes into a partitioned table with the same columns and the same key as `event`. The store path is
what `apply` does: insert, aggregates, vital signs, markers, heartbeat, authority. Decoding is the event
applier's own share: records to COPY text. A batch is what the applier reads at once under a backlog; what it
reads when it keeps up, some hundred rows, is measured as well.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from bench.results import write
from lab.certificates import Authority
from lab.places import LOOPBACK
from lab.ports import free_port
from lab.postgres import DATABASE, USER, Postgres
from lab.processes import Processes
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.markers import Marker, Pair
from lifeline.services.event_applier.apply import BATCH_RECORDS, BATCH_SECONDS
from lifeline.services.event_applier.batch import COLUMNS, Batch, LogRecord, batch_of
from lifeline.services.event_applier.migrate import migrate
from lifeline.services.event_applier.store import Store
from lifeline.services.shared.database import Connection, connect
from lifeline.services.shared.serving_guard import ServingGuard

REGION = "ca-central-1"
PATIENTS = 830
ORDINARY_BATCH = round(BATCH_SECONDS * 100_000 / 60)
"""What comes while the applier waits for a batch, at 100,000 events a minute."""
TOPIC = "clinical.observation.recorded"
PAIR = Pair(REGION, incarnation="100", shard="shardId-0")
FIRST_SEQUENCE = 10**50
"""As large as the sequence numbers of Kinesis are."""
START = datetime.now(UTC).replace(microsecond=0)
RAW = """
CREATE TABLE raw_copy (LIKE event INCLUDING DEFAULTS) PARTITION BY RANGE (occurred_on);
ALTER TABLE raw_copy ADD PRIMARY KEY (event_id, occurred_on);
CREATE TABLE raw_copy_default PARTITION OF raw_copy DEFAULT;
"""
RAW_COPY = f"COPY raw_copy ({COLUMNS}, applied_epoch) FROM STDIN".encode()
"""As the store path fills them; a column's default is made by the server for both."""


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


def records(rows: int, batch: int, first: int = 0) -> Iterator[list[LogRecord]]:
    """Batches of events, each closed by a marker; `first`: where to go on."""
    for start in range(first, first + rows, batch):
        yield [*(event(n) for n in range(start, start + batch)), marker(start + batch)]


@contextmanager
def database(folder: Path, settings: str = "") -> Iterator[DatabaseAddress]:
    """A new, empty server; `settings` are lines of its configuration, over the lab's."""
    port = free_port()
    processes = Processes(folder)
    server = Postgres(
        processes=processes, name="postgres", region=REGION, folder=folder / "data", port=port,
        authority=Authority(folder / "certificates"),
    )  # fmt: skip
    try:
        server.create()
        with (server.folder / "lab.conf").open("a") as own:
            own.write(settings)
        server.start()
        server.sql(f"CREATE DATABASE {DATABASE}", database="postgres")
        ca_file = str(server.ca_file)
        yield DatabaseAddress(LOOPBACK, port, DATABASE, USER, "none", REGION, ca_file)
    finally:
        processes.stop_all()


def renew(connection: Connection) -> None:
    """As a keeper does: the region may serve, from now on for a ttl."""
    connection.execute(
        "UPDATE authority SET epoch = 1, holder = %s, renewed_from = clock_timestamp()", (REGION,)
    )


def serving(connection: Connection) -> Store:
    """A store of the region that the database lets write."""
    renew(connection)
    guard = ServingGuard(REGION, 1e9)
    guard.epoch = 1
    return Store(connection, REGION, guard)


def stored(store: Store, batch: Batch, rows: int) -> None:
    """Apply it. Raises RuntimeError when not all of it is new."""
    done = store.apply(batch, heartbeat=True)
    if done.inserted != rows:
        raise RuntimeError(f"{done.inserted} of {rows} inserted")


@dataclass
class Seconds:
    """What each part took; `_work`: of this process's processor time alone."""

    decoding: float = 0.0
    copying: float = 0.0
    copying_work: float = 0.0
    storing: float = 0.0
    storing_work: float = 0.0


def measure(settings: DatabaseAddress, rows: int, batch: int) -> dict[str, float]:
    """Both sizes of a batch, the smaller one with a tenth of the rows."""
    with connect(settings, purpose="raw") as raw, connect(settings, purpose="store") as connection:
        raw.execute(RAW)
        store = serving(connection)
        before = [_processor_seconds(one) for one in (raw, connection)]
        found = _measured(raw, store, records(rows, batch), batch)
        after = [_processor_seconds(one) for one in (raw, connection)]
        some = records(rows // 10 // ORDINARY_BATCH * ORDINARY_BATCH, ORDINARY_BATCH, first=rows)
        ordinary = _measured(raw, store, some, ORDINARY_BATCH)
    servers = [end - begin for begin, end in zip(before, after, strict=True)]
    return {
        "raw_copy_rows_per_s": rows / found.copying,
        "store_path_ratio": found.copying / found.storing,
        "store_path_work_ratio": (servers[0] + found.copying_work)
        / (servers[1] + found.storing_work),
        "processor_path_ratio": found.copying / (found.decoding + found.storing),
        "ordinary_batch_ratio": ordinary.copying / ordinary.storing,
    }


def _measured(
    raw: Connection, store: Store, reads: Iterator[list[LogRecord]], batch: int
) -> Seconds:
    """Raw COPY and the store path take turns, so that noise hits both."""
    spent = Seconds()
    for read in reads:
        began = time.perf_counter()
        made = batch_of(read)
        spent.decoding += time.perf_counter() - began
        lines = "".join(f"{line}\t1\n" for line in made.lines)
        began, work = time.perf_counter(), time.process_time()
        _copy(raw, lines)
        copied, copied_work = time.perf_counter(), time.process_time()
        stored(store, made, batch)
        spent.storing += time.perf_counter() - copied
        spent.storing_work += time.process_time() - copied_work
        spent.copying += copied - began
        spent.copying_work += copied_work - work
    return spent


def _processor_seconds(connection: Connection) -> float:
    """Of the server's process for this connection, so far."""
    times = psutil.Process(connection.info.backend_pid).cpu_times()
    return float(times.user + times.system)


def _copy(connection: Connection, lines: str) -> None:
    with connection.transaction(), connection.cursor() as cursor, cursor.copy(RAW_COPY) as copy:
        copy.write(lines)


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Store path against raw COPY.")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=BATCH_RECORDS)
    parser.add_argument("--figures", type=Path, help="a file for them, as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, database(Path(folder)) as settings:
        migrate(settings)
        return write(measure(settings, given.rows, given.batch), given.figures)


if __name__ == "__main__":
    sys.exit(main())
