"""The bridge's own work: from the function's event to records that can be produced, beside `orjson.loads`.

    python -m bench.bridge [--events 60000]

Processor time of one core. The bodies are the recordings of real hearts that the drill sends.
"""

from __future__ import annotations

import argparse
import base64
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from bench.results import write
from bench.store_path import PATIENTS, REGION, TOPIC, event
from lifeline.lambdas.stream_bridge.batch import bridged, stream_records
from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder

BATCH = 500
"""Records in one call of the function: as many as the event source mapping gives it."""
PARTITIONS = {TOPIC: 24, "error.dlq": 1}


def calls(events: int) -> list[dict[str, Any]]:
    """The function's events, in order."""
    made = []
    for start in range(0, events, BATCH):
        records = [
            {
                "eventID": f"shardId-000000000000:{10**50 + n}",
                "kinesis": {
                    "sequenceNumber": str(10**50 + n),
                    "partitionKey": f"e:patient-{n % PATIENTS:05d}",
                    "data": base64.b64encode(event(n).value).decode(),
                    "approximateArrivalTimestamp": time.time(),
                },
            }
            for n in range(start, min(start + BATCH, events))
        ]
        made.append({"Records": records})
    return made


def measure(events: int) -> dict[str, float]:
    """Both take turns, call by call, so that noise hits both."""
    schemas, now = load_schemas(schemas_folder()), datetime.now(UTC)
    made = calls(events)
    bridge = loads = 0.0
    for call in made:
        bodies = [base64.b64decode(one["kinesis"]["data"]) for one in call["Records"]]
        began = time.process_time()
        for body in bodies:
            orjson.loads(body)
        read = time.process_time()
        batch = bridged(
            stream_records(call, now),
            region=REGION,
            incarnation="100",
            partitions=PARTITIONS.items(),
            schemas=schemas,
        )
        bridge += time.process_time() - read
        loads += read - began
        if batch.rejected or len(batch.records) != len(bodies):
            raise RuntimeError(f"{batch.rejected} of {len(bodies)} were refused")
    return {"json_loads_per_s": events / loads, "bridge_events_per_s": events / bridge}


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="The bridge's work on one core.")
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--figures", type=Path, help="a file for them, as JSON")
    given = parser.parse_args()
    measure(2 * BATCH)  # compiled schemas, warm caches
    return write(measure(given.events), given.figures)


if __name__ == "__main__":
    sys.exit(main())
