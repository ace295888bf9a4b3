"""B6 in the bridge's function: every event acknowledged before the first marker, or none is written.

The function's own code runs whole. Stand-ins are its edges only: moto's stream, and librdkafka's producer.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from confluent_kafka import KafkaError, KafkaException
from moto import mock_aws

from lifeline.lambdas.adapters import aws
from lifeline.lambdas.failover.manifests import Manifest, digest_of
from lifeline.lambdas.failover.markers import AGAIN, Marker, StreamMarker
from lifeline.lambdas.stream_bridge import handler as function
from lifeline.lambdas.stream_bridge import log_writer
from lifeline.lambdas.stream_bridge.log_writer import DeliveryFailed
from lifeline.services.event_applier.batch import LogRecord, batch_of
from tests.support.tables import made_table

REGION, STREAM, SHARD = "ca-central-1", "edge-test", "shardId-000000000000"
COUNTS = "bridge-counts-test"
EVENTS, DEAD = "clinical.observation.recorded", "error.dlq"
PARTITIONS = {EVENTS: 2, DEAD: 1}


class Broker:
    """What every producer of the test did, in order; `refuses` and `loses` count down per record."""

    def __init__(self) -> None:
        self.journal: list[str] = []
        self.records: list[dict[str, Any]] = []
        self.refuses: Callable[[dict[str, Any]], bool] = lambda _record: False
        self.loses: Callable[[dict[str, Any]], bool] = lambda _record: False
        self.full: Callable[[dict[str, Any]], bool] = lambda _record: False
        self.producers = 0

    def producer(self, _settings: dict[str, Any]) -> Producer:
        self.producers += 1
        return Producer(self)


class Producer:
    """librdkafka's, as far as the bridge uses it: reports come in `flush`, which counts what is left."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._waiting: list[tuple[dict[str, Any], Callable[..., None]]] = []

    def produce(self, topic: str, value: bytes, *, on_delivery: Any, **rest: Any) -> None:
        record = {"topic": topic, "value": value, **rest}
        if self._broker.full(record):
            raise BufferError("Local: Queue full")
        self._broker.journal.append("marker" if is_marker(record) else "event")
        self._waiting.append((record, on_delivery))

    def flush(self, _timeout: float) -> int:
        self._broker.journal.append("flush")
        left = []
        for record, report in self._waiting:
            if self._broker.loses(record):
                left.append((record, report))
            elif self._broker.refuses(record):
                report(KafkaError(KafkaError._MSG_TIMED_OUT), None)
            else:
                self._broker.records.append(record)
                report(None, object())
        self._waiting = left
        return len(left)

    def purge(self) -> None:
        self._broker.journal.append("purge")
        self._waiting = []


def is_marker(record: dict[str, Any]) -> bool:
    return ("kind", b"marker") in record["headers"]


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """The function in its environment, cold."""
    made = Broker()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "STREAM_NAME": STREAM,
        "COUNTS_TABLE": COUNTS,
        "KAFKA_BOOTSTRAP": "nowhere:9092",
        "KAFKA_AUTH": "none",
        "KAFKA_PARTITIONS": json.dumps(PARTITIONS),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(log_writer, "Producer", made.producer)
    function._parts.cache_clear()
    with mock_aws():
        boto3.client("kinesis", region_name=REGION).create_stream(StreamName=STREAM, ShardCount=1)
        aws.client.cache_clear()
        made_table(REGION, COUNTS)
        yield made
    function._parts.cache_clear()


def incarnation() -> str:
    stream = boto3.client("kinesis", region_name=REGION).describe_stream_summary(StreamName=STREAM)
    created = stream["StreamDescriptionSummary"]["StreamCreationTimestamp"]
    return str(int(created.timestamp()))


def event(number: int) -> tuple[str, bytes]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    body = {
        "eventId": f"0190f2a1-0000-4000-8000-{number:012d}",
        "eventType": "ObservationRecordedEvent",
        "aggregateId": f"patient-{number}",
        "aggregateType": "Patient",
        "occurredOn": now,
        "version": 1,
        "sequence": number,
        "payload": {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
            "subject": {"reference": f"Patient/patient-{number}"},
            "effectiveDateTime": now,
            "valueQuantity": {"value": 61, "system": "http://unitsofmeasure.org", "code": "/min"},
        },
        "metadata": {name: "x" for name in ("correlationId", "causationId", "traceId", "userId")},
    }
    return f"e:patient-{number}", json.dumps(body).encode()


def marker() -> tuple[str, bytes]:
    born = int(datetime.now(UTC).timestamp() * 1000)
    return "m:x", StreamMarker(REGION, incarnation(), SHARD, born, (SHARD,)).to_bytes()


def batch(*records: tuple[str, bytes], shard: str = SHARD, first: int = 100) -> dict[str, Any]:
    """As the event source mapping delivers it; sequence numbers from `first` on."""
    return {
        "Records": [
            {
                "eventID": f"{shard}:{number}",
                "kinesis": {
                    "sequenceNumber": str(number),
                    "partitionKey": key,
                    "data": base64.b64encode(data).decode(),
                    "approximateArrivalTimestamp": datetime.now(UTC).timestamp(),
                },
            }
            for number, (key, data) in enumerate(records, start=first)
        ]
    }


def markers(broker: Broker) -> list[tuple[str, int]]:
    return [(one["topic"], one["partition"]) for one in broker.records if is_marker(one)]


def test_a_shards_last_records_are_marked_by_the_first_batch_of_its_child(broker: Broker) -> None:
    """B10: a closed shard takes no marker, and what it held behind its last one must become safe."""
    function.handler(batch(event(1), marker(), event(2)), None)
    child = "shardId-000000000001"
    told = StreamMarker(
        *(REGION, incarnation(), child, 1, (child,)), parents={SHARD: (), child: (SHARD,)}
    )
    broker.records.clear()
    answer = function.handler(batch(("m:x", told.to_bytes()), shard=child, first=200), None)
    assert answer == {"written": 0, "markers": 2}
    found = [Marker.from_bytes(one["value"]) for one in broker.records]
    assert [(one.pair.shard, one.sequence) for one in found] == [(SHARD, 102)] * 3 + [
        (child, 200)
    ] * 3
    assert {one.previous for one in found[:3]} == {101}
    assert sum(one.manifest.count for one in found[:3] if one.manifest) == 1


def test_every_event_is_flushed_before_the_first_marker_and_the_markers_too(
    broker: Broker,
) -> None:
    """The marker lies in the middle of the batch; what it proves must be there when it is read."""
    answer = function.handler(batch(event(1), marker(), event(2), ("e:p", b"{poison")), None)
    assert answer == {"written": 3, "markers": 1}
    assert broker.journal == ["event"] * 3 + ["flush"] + ["marker"] * 3 + ["flush"]
    assert [one["topic"] for one in broker.records[:3]] == [EVENTS, EVENTS, DEAD]
    assert markers(broker) == [(EVENTS, 0), (EVENTS, 1), (DEAD, 0)]


def test_the_markers_claim_is_its_own_place_in_the_stream(broker: Broker) -> None:
    function.handler(batch(event(1), marker(), event(2)), None)
    claimed = [Marker.from_bytes(one["value"]) for one in broker.records if is_marker(one)]
    assert {
        (one.pair.origin, one.pair.incarnation, one.pair.shard, one.sequence, one.previous)
        for one in claimed
    } == {(REGION, incarnation(), SHARD, 101, 99)}
    counts = [one.manifest.count for one in claimed if one.manifest]
    assert sum(counts) == 1, "the event behind the marker belongs to the next one"


def test_a_marker_that_was_counted_and_not_written_comes_first_unchanged(broker: Broker) -> None:
    """B8: the process died, or the log refused, between the count and the marker."""
    broker.refuses = is_marker
    with pytest.raises(DeliveryFailed):
        function.handler(batch(event(1), marker()), None)
    function._parts.cache_clear()
    broker.refuses = lambda _record: False
    broker.records.clear()
    again = batch(event(1), marker(), event(2), marker())
    assert function.handler(again, None) == {"written": 2, "markers": 2}
    found = [Marker.from_bytes(one["value"]) for one in broker.records if is_marker(one)]
    assert [(one.previous, one.sequence) for one in found] == [(99, 101)] * 3 + [(101, 103)] * 3
    assert sum(one.manifest.count for one in found[3:] if one.manifest) == 1
    said = [(AGAIN, b"1") in one["headers"] for one in broker.records if is_marker(one)]
    assert said == [True] * 3 + [False] * 3, "only the first may have been written before"


def test_a_batch_whose_count_is_not_kept_comes_again(broker: Broker) -> None:
    """Its events are in the log; a marker that another process would count from is not (B8)."""
    assert function.handler(batch(event(0)), None) == {"written": 1, "markers": 0}
    broker.journal.clear()
    tables = boto3.client("dynamodb", region_name=REGION)
    tables.delete_table(TableName=COUNTS)
    with pytest.raises(Exception, match="ResourceNotFoundException"):
        function.handler(batch(event(1), marker(), first=101), None)
    assert broker.journal == ["event", "flush"]
    made_table(REGION, COUNTS)
    assert function.handler(batch(event(1), marker(), event(2), first=101), None) == {
        "written": 2,
        "markers": 1,
    }
    found = [Marker.from_bytes(one["value"]) for one in broker.records if is_marker(one)]
    assert {(one.previous, one.sequence) for one in found} == {(100, 102)}
    assert sum(one.manifest.count for one in found if one.manifest) == 1


def test_a_stored_marker_is_written_without_the_partitions_that_are_listed_no_more(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list was raised before the log had the partition, and is taken back: the shard goes on."""
    monkeypatch.setenv("KAFKA_PARTITIONS", json.dumps({EVENTS: 3, DEAD: 1}))
    broker.refuses = lambda record: record["partition"] == 2
    with pytest.raises(DeliveryFailed):
        function.handler(batch(marker()), None)
    monkeypatch.setenv("KAFKA_PARTITIONS", json.dumps(PARTITIONS))
    function._parts.cache_clear()
    assert function.handler(batch(marker(), event(1), marker()), None)["markers"] == 2
    said = [(AGAIN, b"1") in one["headers"] for one in broker.records if is_marker(one)]
    assert said[-6:] == [True] * 3 + [False] * 3


def test_a_batch_that_comes_again_is_placed_as_it_was_although_the_list_grew_since(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a partition has records that no manifest counts, and a planned growth freezes a shard (B27)."""
    events = [event(number) for number in range(20)]
    broker.refuses = is_marker
    with pytest.raises(DeliveryFailed):
        function.handler(batch(*events, marker()), None)
    broker.refuses = lambda _record: False
    first = [(one["topic"], one["partition"]) for one in broker.records if not is_marker(one)]
    grown = {EVENTS: 3, DEAD: 1}
    monkeypatch.setenv("KAFKA_PARTITIONS", json.dumps(grown))
    for again in range(2):
        function._parts.cache_clear()
        broker.records.clear()
        function.handler(batch(*events, marker()), None)
        found = [one for one in broker.records if not is_marker(one)]
        assert [(one["topic"], one["partition"]) for one in found] == first, again
        declared = {one["partition"] for one in broker.records if is_marker(one)}
        assert declared == {0, 1}, "nothing of its stretch lies in what was added"
    for first_sequence in (121, 142):
        broker.records.clear()
        function.handler(batch(*events, marker(), first=first_sequence), None)
    assert {one["partition"] for one in broker.records if not is_marker(one)} == {0, 1, 2}
    assert {one["partition"] for one in broker.records if is_marker(one)} == {0, 1, 2}


def test_the_first_batch_of_a_shard_that_comes_again_is_placed_as_it_was(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is kept before the first record is written."""
    events = [event(number) for number in range(20)]
    broker.loses = lambda record: bool(record["key"] == b"patient-19")
    with pytest.raises(DeliveryFailed):
        function.handler(batch(*events), None)
    broker.loses = lambda _record: False
    first = [one["partition"] for one in broker.records]
    assert len(first) == 19
    monkeypatch.setenv("KAFKA_PARTITIONS", json.dumps({EVENTS: 3, DEAD: 1}))
    function._parts.cache_clear()
    broker.records.clear()
    function.handler(batch(*events), None)
    assert [one["partition"] for one in broker.records][:19] == first


def test_an_item_that_this_release_cannot_read_begins_the_chain_anew(broker: Broker) -> None:
    """Readers see it as a hole; a shard does not stop for it (B23)."""
    tables = boto3.client("dynamodb", region_name=REGION)
    name = f"{incarnation()}#{SHARD}"
    tables.put_item(
        TableName=COUNTS, Item={"id": {"S": name}, "version": {"N": "7"}, "marker": {"S": "?"}}
    )
    assert function.handler(batch(event(1), marker()), None)["markers"] == 1
    version = tables.get_item(TableName=COUNTS, Key={"id": {"S": name}})["Item"]["version"]
    assert int(version["N"]) > 7


def test_a_record_lies_in_the_partition_that_its_manifest_counts(broker: Broker) -> None:
    """B27: from the listed count, whatever the broker says."""
    function.handler(batch(*(event(number) for number in range(20)), marker()), None)
    held = {place: Manifest() for place in [(EVENTS, 0), (EVENTS, 1), (DEAD, 0)]}
    for one in broker.records:
        if not is_marker(one):
            sequence = dict(one["headers"])["sequence"]
            place = (one["topic"], one["partition"])
            held[place] = held[place].and_one(digest_of(sequence, one["value"]))
    told = {
        (one["topic"], one["partition"]): Marker.from_bytes(one["value"]).manifest
        for one in broker.records
        if is_marker(one)
    }
    assert told == held
    assert held[EVENTS, 0].count > 0
    assert held[EVENTS, 1].count > 0


def test_a_batch_without_a_marker_writes_none(broker: Broker) -> None:
    assert function.handler(batch(event(1)), None) == {"written": 1, "markers": 0}
    assert broker.journal == ["event", "flush"]


@pytest.mark.parametrize("fault", ["refuses", "loses", "full"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_event_that_is_not_acknowledged_fails_the_batch_and_writes_no_marker(
    broker: Broker, fault: str, place: int
) -> None:
    events = [event(number) for number in range(3)]
    setattr(broker, fault, lambda record: record["value"] == events[place][1])
    with pytest.raises(DeliveryFailed):
        function.handler(batch(*events, marker()), None)
    assert "marker" not in broker.journal
    assert markers(broker) == []


@pytest.mark.parametrize("fault", ["refuses", "loses"])
def test_a_marker_that_is_not_acknowledged_fails_the_batch(broker: Broker, fault: str) -> None:
    setattr(broker, fault, lambda record: is_marker(record) and record["topic"] == DEAD)
    with pytest.raises(DeliveryFailed):
        function.handler(batch(event(1), marker()), None)


def test_a_failed_producer_is_emptied_and_never_used_again(broker: Broker) -> None:
    """What it still holds would arrive behind the retried batch's, out of order."""
    events = [event(number) for number in range(3)]
    broker.loses = lambda record: record["value"] == events[1][1]
    with pytest.raises(DeliveryFailed):
        function.handler(batch(*events, marker()), None)
    assert "purge" in broker.journal
    broker.loses = lambda _record: False
    broker.records.clear()
    assert function.handler(batch(*events, marker()), None)["markers"]
    assert broker.producers == 2
    assert [one["value"] for one in broker.records[:3]] == [body for _, body in events]
    assert len(markers(broker)) == 3
    function.handler(batch(event(4)), None)
    assert broker.producers == 2, "a producer that works is kept"


def test_a_client_that_fails_outright_fails_the_batch(broker: Broker) -> None:
    def failing(_record: dict[str, Any]) -> bool:
        raise KafkaException(KafkaError(KafkaError._FATAL))

    broker.full = failing
    with pytest.raises(DeliveryFailed):
        function.handler(batch(event(1), marker()), None)
    assert markers(broker) == []


def test_a_stream_that_does_not_say_who_it_is_writes_nothing(broker: Broker) -> None:
    """Without the incarnation a receipt cannot be told from an older stream's (B2)."""
    whole = batch(event(1), marker())
    boto3.client("kinesis", region_name=REGION).delete_stream(StreamName=STREAM)
    with pytest.raises(Exception, match="ResourceNotFoundException"):
        function.handler(whole, None)
    assert broker.journal == []


def test_a_marker_of_another_incarnation_is_refused_as_poison(broker: Broker) -> None:
    old = StreamMarker(REGION, "1", SHARD, 1, (SHARD,)).to_bytes()
    assert function.handler(batch(event(1), ("m:x", old)), None) == {"written": 2, "markers": 0}
    assert [one["topic"] for one in broker.records] == [EVENTS, DEAD]


def test_the_applier_can_read_what_the_bridge_wrote(broker: Broker) -> None:
    function.handler(batch(event(1), marker()), None)
    records = [
        LogRecord(one["topic"], 0, n, one["timestamp"], one["value"], one["headers"])
        for n, one in enumerate(broker.records)
    ]
    read = batch_of(records)
    assert (len(read.lines), len(read.markers), read.unreadable) == (1, 3, [])


def put_into_the_stream(*records: tuple[str, bytes]) -> list[int]:
    """The sequences that moto's stream gives them."""
    stream = boto3.client("kinesis", region_name=REGION)
    return [
        int(stream.put_record(StreamName=STREAM, PartitionKey=key, Data=data)["SequenceNumber"])
        for key, data in records
    ]


def test_a_person_has_a_stretch_of_the_stream_judged_and_written_again(broker: Broker) -> None:
    """B11: the same bytes as the first time, under the run's name, and a marker that counts them."""
    records = (marker(), event(1), ("e:p", b"{poison"), marker(), event(2))
    first, *_, last, _ = put_into_the_stream(*records)
    stretch = {
        "region": REGION, "incarnation": incarnation(), "shard": SHARD, "topic": DEAD, "partition": 0,
        "after": str(first), "until": str(last), "born_ms": 0,
    }  # fmt: skip
    request = {"source": "stream", "run": "run-1", "stretches": [stretch]}
    dry = function.handler({"repair": {**request, "dry_run": True}}, None)
    assert (dry["records"], broker.records) == (2, [])
    answer = function.handler({"repair": request}, None)
    assert answer == {"records": 2, "markers": 1, "left": [], "gaps": []}
    *events, made = broker.records
    assert [one["value"] for one in events] == [records[1][1], b"{poison"]
    assert all(one["headers"][-1] == ("repair", b"run-1") for one in broker.records)
    told = Marker.from_bytes(made["value"])
    assert (made["topic"], told.previous, told.sequence) == (DEAD, first, last)
    assert told.partitions == (), "which partitions there were then, it does not know"
    assert told.manifest is not None
    assert told.manifest.count == 1, "one of the two lies in this partition"


def test_a_repair_that_the_log_refuses_raises(broker: Broker) -> None:
    first, _, last = put_into_the_stream(marker(), event(1), marker())
    stretch = {
        "region": REGION, "incarnation": incarnation(), "shard": SHARD, "topic": EVENTS,
        "partition": 0, "after": str(first), "until": str(last), "born_ms": 0,
    }  # fmt: skip
    broker.refuses = lambda _record: True
    with pytest.raises(DeliveryFailed):
        function.handler(
            {"repair": {"source": "stream", "run": "run-1", "stretches": [stretch]}}, None
        )


def test_a_stretch_that_a_person_gives_up_is_written_down_with_who_and_why(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit stands in the function's log before the marker is written (decision 25)."""
    stretch = {
        "region": "ca-west-1", "incarnation": "100", "shard": SHARD, "topic": EVENTS, "partition": 1,
        "after": "5", "until": "9", "born_ms": 3,
    }  # fmt: skip
    request = {"who": "arn:person", "why": "purged", "stretches": [stretch]}
    kept: list[tuple[str, dict[str, Any]]] = []

    def warning(said: str, *, extra: dict[str, Any]) -> None:
        assert broker.records == []
        kept.append((said, extra))

    monkeypatch.setattr(function.logger, "warning", warning)
    assert function.handler({"giveUp": request}, None) == {"markers": 1}
    assert kept == [("given up", request)]
    (record,) = broker.records
    assert (record["topic"], record["partition"]) == (EVENTS, 1)
    told = Marker.from_bytes(record["value"]).given_up
    assert told is not None
    assert (told.until, told.who, told.why) == (9, "arn:person", "purged")
    now_ms = datetime.now(UTC).timestamp() * 1_000
    assert abs(told.at_ms - now_ms) < 60_000


def test_each_record_is_stamped_with_the_bridges_time_and_keyed_by_its_patient(
    broker: Broker,
) -> None:
    """B15: the time of the log's records is the bridge's, in every partition."""
    answer = function.handler(batch(event(1), marker()), None)
    assert answer == {"written": 1, "markers": 1}
    now_ms = datetime.now(UTC).timestamp() * 1_000
    assert all(abs(one["timestamp"] - now_ms) < 60_000 for one in broker.records)
    assert {one.get("key") for one in broker.records} == {b"patient-1", None}


def test_an_event_without_a_time_of_arrival_arrived_now(broker: Broker) -> None:
    told = batch(event(1))
    del told["Records"][0]["kinesis"]["approximateArrivalTimestamp"]
    assert function.handler(told, None)["written"] == 1
    assert [one["topic"] for one in broker.records] == [EVENTS]
