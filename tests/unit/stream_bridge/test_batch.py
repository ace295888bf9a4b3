"""A shard's batch as the log's records: poison-never-discarded, one marker, none forged (B6, B7, B17)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from lifeline.lambdas.failover.manifests import digest_of
from lifeline.lambdas.failover.markers import StreamMarker
from lifeline.lambdas.stream_bridge.batch import bridged, incarnations_named, stream_records
from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder

SCHEMAS = load_schemas(schemas_folder())
SHARD = "shardId-000000000000"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PARTITIONS = (("clinical.observation.recorded", 2), ("error.dlq", 1))


def marker(shard: str = SHARD, incarnation: str = "100", region: str = "ca-central-1") -> bytes:
    return StreamMarker(region, incarnation, shard, 5, (SHARD,)).to_bytes()


def batch(*records: tuple[str, bytes], partitions: Any = None) -> Any:
    raw = {
        "Records": [
            {
                "eventID": f"{SHARD}:{number}",
                "kinesis": {
                    "sequenceNumber": str(number),
                    "partitionKey": key,
                    "data": base64.b64encode(data).decode(),
                    "approximateArrivalTimestamp": NOW.timestamp(),
                },
            }
            for number, (key, data) in enumerate(records, start=1)
        ]
    }
    return bridged(
        stream_records(raw, NOW),
        region="ca-central-1",
        incarnation="100",
        partitions=partitions or PARTITIONS,
        schemas=SCHEMAS,
    )


def test_poison_never_discarded() -> None:
    poison = [b"", b"\x00\xff", b"null", b"{}", b'{"eventType": []}', b'{"a": NaN}', b"{" * 9_999]
    made = batch(*(("e:p", one) for one in poison))
    assert [one.value for one in made.records] == poison
    assert {one.topic for one in made.records} == {"error.dlq"}
    assert all(dict(one.headers)["reason"] and dict(one.headers)["detail"] for one in made.records)
    assert dict(made.records[2].headers)["sequence"] == b"3"


def test_only_the_last_marker_is_written_with_its_own_sequence() -> None:
    made = batch(("m:x", marker()), ("e:p", b"{}"), ("m:x", marker()), ("e:p", b"{}"))
    assert made.marker is not None
    assert made.marker.sequence == 3
    assert len(made.records) == 2
    assert made.marker.partitions == (
        ("clinical.observation.recorded", 0),
        ("clinical.observation.recorded", 1),
        ("error.dlq", 0),
    )


def test_a_client_cannot_forge_a_marker() -> None:
    made = batch(("e:m:x", marker()))
    assert made.marker is None
    assert made.records[0].topic == "error.dlq"


def test_a_marker_that_lies_elsewhere_proves_nothing() -> None:
    wrong = [marker(incarnation="99"), marker(region="ca-west-1")]
    made = batch(*(("m:x", one) for one in [*wrong, b"{}", b"["]))
    assert made.marker is None
    assert made.rejected == {"malformed": 4}


def test_a_marker_of_another_shard_was_overtaken_by_a_reshard_and_is_no_dead_letter() -> None:
    """L15: for seconds after a split, markers that name the parent lie in a child."""
    made = batch(("m:x", marker(shard="shardId-9")))
    assert made.marker is None
    assert made.rejected == {}
    assert made.records == []


def test_the_lineage_of_an_earlier_marker_of_the_batch_is_kept() -> None:
    """Only the last marker of a batch is written (B17), and not each one says the lineage (B24)."""
    parents = {SHARD: ("shardId-9",)}
    told = StreamMarker("ca-central-1", "100", SHARD, 5, (SHARD,), parents).to_bytes()
    made = batch(("m:x", told), ("m:x", marker()))
    assert made.marker is not None
    assert made.marker.parents == parents
    assert batch(("m:x", marker())).marker.parents is None


def test_a_marker_of_another_incarnation_is_noticed() -> None:
    raw = {
        "Records": [
            {
                "eventID": f"{SHARD}:1",
                "kinesis": {
                    "sequenceNumber": "1",
                    "partitionKey": "m:x",
                    "data": base64.b64encode(marker(incarnation="99")).decode(),
                },
            }
        ]
    }
    assert incarnations_named(stream_records(raw, NOW)) == {"99"}


def test_a_record_without_an_arrival_is_judged_by_the_time_that_is_given() -> None:
    told = {"sequenceNumber": "1", "partitionKey": "e:p", "data": ""}
    five = datetime(1970, 1, 1, 0, 0, 5, 500_000, tzinfo=UTC)
    for arrival, expected in ({}, NOW), ({"approximateArrivalTimestamp": 5.5}, five):
        raw = {"Records": [{"eventID": f"{SHARD}:1", "kinesis": {**told, **arrival}}]}
        (found,) = stream_records(raw, NOW)
        assert (found.arrived_at, found.shard, found.sequence) == (expected, SHARD, 1)


def event(sender: str = "integrator") -> bytes:
    body = {
        "eventId": "0190f2a1-0000-4000-8000-000000000001",
        "eventType": "ObservationRecordedEvent",
        "aggregateId": "patient-1",
        "aggregateType": "Patient",
        "occurredOn": "2026-11-21T11:59:00Z",
        "version": 1,
        "sequence": 1,
        "payload": {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
            "subject": {"reference": "Patient/patient-1"},
            "effectiveDateTime": "2026-11-21T11:59:00Z",
            "valueQuantity": {"value": 61, "system": "http://unitsofmeasure.org", "code": "/min"},
        },
        "metadata": {"correlationId": "c", "userId": sender},
    }
    return json.dumps(body).encode()


def test_an_event_lies_in_its_patients_partition_with_its_receipt() -> None:
    made = batch(("e:patient-1", event()))
    (record,) = made.records
    assert (record.topic, record.key, record.value) == (PARTITIONS[0][0], b"patient-1", event())
    assert record.headers == [
        ("origin", b"ca-central-1"),
        ("incarnation", b"100"),
        ("shard", SHARD.encode()),
        ("sequence", b"1"),
    ]
    (counted,) = made.counted
    assert (counted.sequence, counted.place) == (1, (record.topic, record.partition))
    assert counted.digest == digest_of(b"1", event())
    assert (made.rejected, made.defects, made.outcomes) == ({}, {}, [])


def test_an_event_whose_topic_is_not_listed_is_a_defect_of_ours() -> None:
    """The environment lists too few topics: set aside, and counted as ours (B23)."""
    made = batch(("e:patient-1", event("one")), ("e:q", b"{"), partitions=(("error.dlq", 1),))
    assert [one.topic for one in made.records] == ["error.dlq"] * 2
    assert made.records[0].key == b"patient-1"
    assert made.rejected == {"defect": 1, "malformed": 1}
    assert made.defects == {"Topics": 1}
    assert made.outcomes == [("one", True), ("", False)]


def test_a_marker_that_cannot_be_used_says_why() -> None:
    other = batch(("m:x", marker(incarnation="99")), ("m:x", b"["))
    assert [dict(one.headers)["reason"] for one in other.records] == [b"malformed"] * 2
    assert len({dict(one.headers)["detail"] for one in other.records}) == 2
    assert other.outcomes == []
