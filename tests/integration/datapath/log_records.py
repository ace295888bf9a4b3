"""Log records as the bridge would have written them."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeline.lambdas.failover.markers import Marker, Pair
from lifeline.services.event_applier.batch import LogRecord

TOPIC = "clinical.observation.recorded"
PAIR = Pair("ca-central-1", "100", "shardId-0")
START = datetime.now(UTC).replace(microsecond=0)


def event_body(sequence: int, aggregate: str = "p-1", **changes: Any) -> dict[str, Any]:
    """An envelope; its time grows with its sequence."""
    body: dict[str, Any] = {
        "eventId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{aggregate}/{sequence}")),
        "eventType": "ObservationRecordedEvent",
        "aggregateId": aggregate,
        "aggregateType": "Patient",
        "occurredOn": (START + timedelta(milliseconds=sequence)).isoformat().replace("+00:00", "Z"),
        "version": 1,
        "sequence": sequence,
        "payload": {"valueQuantity": {"value": sequence}, "text": 'a "b"\\c\td\né'},
        "metadata": {"correlationId": "c"},
    }
    return body | changes


def heart_rate(n: int) -> dict[str, Any]:
    """A payload: an Observation with one heart rate."""
    coding = [{"system": "http://loinc.org", "code": "8867-4"}]
    quantity = {"value": 60 + n % 40, "code": "/min"}
    return {"status": "final", "code": {"coding": coding}, "valueQuantity": quantity}


def event_record(offset: int, body: dict[str, Any], topic: str = TOPIC) -> LogRecord:
    headers = [
        ("origin", b"ca-central-1"),
        ("incarnation", b"100"),
        ("shard", b"shardId-0"),
        ("sequence", str(10**50 + offset).encode()),
    ]
    return LogRecord(topic, 0, offset, 1_000 + offset, json.dumps(body).encode(), headers)


def marker_record(
    offset: int, sequence: int, shards: tuple[str, ...] = ("shardId-0",), pair: Pair = PAIR
) -> LogRecord:
    marker = Marker(pair, sequence, 1_000, shards, ((TOPIC, 0),))
    return LogRecord(TOPIC, 0, offset, 1_000 + offset, marker.to_bytes(), [("kind", b"marker")])
