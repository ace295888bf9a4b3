"""The event applier at work on a backlog: its largest memory, and its rate from the log into the database.

    python -m bench.applier [--rows 200000]

The process is the service's own, with its own settings, between a broker and a database of their own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import Producer

from bench.results import write
from bench.store_path import REGION, TOPIC, database, records, renew
from holes.engines import broker, create_topics
from lab.waiting import LabError
from lifeline.lambdas.contracts.event_applier import Apply
from lifeline.lambdas.contracts.log import GroupLog
from lifeline.lambdas.contracts.serving_region import ServingRegion
from lifeline.services.event_applier.migrate import migrate
from lifeline.services.shared.database import Connection, connect

BATCH = 500
"""Events between two markers, about as many as a shard takes in a second."""
PEER = "ca-west-1"
DEADLINE_SECONDS = 600.0
PEAK = "VmHWM:"
"""The line of /proc/PID/status that has the largest resident memory, in KiB."""


def produce(bootstrap: str, rows: int) -> None:
    """The backlog, as the bridge writes it."""
    producer = Producer({"bootstrap.servers": bootstrap, "queue.buffering.max.messages": 1_000_000})
    for batch in records(rows, BATCH):
        for one in batch:
            producer.produce(TOPIC, one.value, partition=0, headers=[*one.headers])
        producer.poll(0)
    if left := producer.flush(60):
        raise RuntimeError(f"{left} records were not taken by the log")


def peak_mib(process: subprocess.Popen[bytes]) -> float:
    """Its largest memory so far."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(PEAK)).split()[1]) / 1024


def stored(connection: Connection) -> int:
    """Rows in the hot table."""
    row = connection.execute("SELECT count(*) FROM event").fetchone()
    return int(row[0]) if row else 0


def measure(folder: Path, rows: int) -> dict[str, float]:
    """Raises LabError when the applier ends, or is not done in time."""
    partitions = {TOPIC: 1, "error.dlq": 1}
    with broker(folder / "kafka") as bootstrap, database(folder / "database") as settings:
        create_topics(bootstrap, partitions)
        produce(bootstrap, rows)
        migrate(settings)
        told = Apply(
            database=settings,
            checkpoints_table="none",  # nothing is old enough to ask it
            log=GroupLog(bootstrap, "none", partitions, REGION),
            region=ServingRegion(region=REGION, peer_region=PEER, suffix="bench"),
        )
        with (
            connect(settings, purpose="look") as connection,
            (folder / "apply.log").open("wb") as said,
        ):
            renew(connection)
            began = time.monotonic()
            process = subprocess.Popen(
                [sys.executable, "-m", "lifeline.services.event_applier", "apply"],
                env={**os.environ, **told.to_env(), "AWS_REGION": REGION, **_lab(settings.ca_file)},
                stdout=said,
                stderr=said,
            )
            try:
                while stored(connection) < rows:
                    if process.poll() is not None or time.monotonic() > began + DEADLINE_SECONDS:
                        last = (folder / "apply.log").read_text()[-400:]
                        raise LabError(
                            f"the event applier stored {stored(connection)} of {rows}: {last}"
                        )
                    renew(connection)
                    time.sleep(0.25)
                took, peak = time.monotonic() - began, peak_mib(process)
            finally:
                process.kill()
                process.wait(10)
    return {"processor_peak_mib": peak, "processor_rows_per_s": rows / took}


def _lab(ca_file: str) -> dict[str, str]:
    return {"DATABASE_CA_FILE": ca_file}


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="The event applier on a backlog.")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--figures", type=Path, help="a file for them, as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return write(measure(Path(folder), given.rows), given.figures)


if __name__ == "__main__":
    sys.exit(main())
