"""Letters of a real log sent again: through the stream and the bridge, and stored once however often."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from confluent_kafka import Producer
from moto import mock_aws

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
from lifeline.lambdas.failover.dead_letters import Letter, Request
from lifeline.lambdas.stream_bridge.batch import BridgedBatch, bridged, stream_records
from lifeline.lambdas.stream_bridge.event_schemas import EventSchemas, load_schemas, schemas_folder
from lifeline.lambdas.stream_bridge.log_writer import LogWriter, producer_settings
from lifeline.services.event_applier.batch import LogRecord, batch_of
from lifeline.services.event_applier.store import Store
from lifeline.services.query_api.dead_letter_reader import letters
from lifeline.services.query_api.dead_letters import answered
from lifeline.services.query_api.stream_client import StreamClient
from lifeline.services.shared.serving_guard import ServingGuard
from tests.integration.conftest import NewLog
from tests.integration.datapath.applying import HOME, PARTITIONS, log_settings
from tests.integration.datapath.log_records import TOPIC
from tests.support.clocks import ManualClock
from tests.unit.stream_bridge.test_validation import event

Sql = Callable[..., list[Any]]
SCHEMAS = load_schemas(schemas_folder())
NOW_MS = int(SYSTEM_CLOCK.now() * 1_000)


@pytest.fixture
def bootstrap(new_log: NewLog) -> str:
    return new_log(PARTITIONS)


@pytest.fixture
def stream() -> Iterator[StreamClient]:
    with mock_aws():
        made: Any = boto3.client("kinesis", region_name=HOME)
        made.create_stream(StreamName="edge", ShardCount=1)
        yield StreamClient("edge", HOME)


def in_stream() -> list[dict[str, Any]]:
    client: Any = boto3.client("kinesis", region_name=HOME)
    [shard] = client.list_shards(StreamName="edge")["Shards"]
    iterator = client.get_shard_iterator(
        StreamName="edge", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found: list[dict[str, Any]] = client.get_records(ShardIterator=iterator)["Records"]
    return found


def bridge(bootstrap: str, bodies: list[tuple[str, bytes]], schemas: EventSchemas) -> BridgedBatch:
    """What the bridge's function does with a batch, but for markers."""
    raw = [
        {
            "eventID": f"shardId-0:{number}",
            "kinesis": {
                "sequenceNumber": str(number),
                "partitionKey": key,
                "data": base64.b64encode(body).decode(),
            },
        }
        for number, (key, body) in enumerate(bodies)
    ]
    batch = bridged(
        stream_records({"Records": raw}, datetime.now(UTC)),
        region=HOME,
        incarnation="100",
        partitions=tuple(PARTITIONS.items()),
        schemas=schemas,
    )
    writer = LogWriter(producer_settings(bootstrap=bootstrap, auth="none", region=HOME))
    writer.write(batch.records, int(SYSTEM_CLOCK.now() * 1_000))
    return batch


def read(bootstrap: str, since_ms: int = NOW_MS - 60_000) -> list[Letter]:
    return list(letters(log_settings(bootstrap), "watermark-test", since_ms))


def ask(bootstrap: str, stream: StreamClient, **given: Any) -> dict[str, Any]:
    request = Request(
        run="r", do="replay", since_ms=NOW_MS - 60_000, until_ms=NOW_MS + 600_000, **given
    )
    found = letters(log_settings(bootstrap), "watermark-test", request.since_ms)
    return answered(request, found, stream.put_each, ManualClock())


def body(sequence: int) -> bytes:
    when = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    ident = f"0f8fad5b-d9cb-469f-a165-{sequence:012d}"
    return json.dumps(event(eventId=ident, sequence=sequence, occurredOn=when)).encode()


def test_what_a_release_refused_by_mistake_is_stored_once_though_replayed_twice(
    bootstrap: str,
    stream: StreamClient,
    connection: psycopg.Connection[Any],
    serve_here: Callable[..., None],
    sql: Sql,
    tmp_path: Path,
) -> None:
    serve_here()
    guard = ServingGuard(HOME, 20.0)
    guard.epoch = 1
    store = Store(connection, HOME, guard)
    sent = [("e:p-1", body(n)) for n in range(3)]
    lacking = EventSchemas(SCHEMAS.envelope, {}, {})  # the release without its schemas
    assert bridge(bootstrap, sent, lacking).rejected == {"unknown-type": 3}
    assert ask(bootstrap, stream, reasons=("unknown-type",)) == {
        "total": 3, "reasons": {"unknown-type": 3}, "replayed": 0,
    }  # fmt: skip
    assert in_stream() == []
    for times in (1, 2):
        answer = ask(bootstrap, stream, reasons=("unknown-type",), expect=3)
        assert answer["replayed"] == 3
        assert len(in_stream()) == 3 * times
    again = [(one["PartitionKey"], one["Data"]) for one in in_stream()]
    assert again == sent * 2, "the same bytes under the same key, in their order"
    batch = bridge(bootstrap, again, SCHEMAS)
    assert batch.rejected == {}
    records = [
        LogRecord(TOPIC, 0, n, NOW_MS, one.value, [(k, v) for k, v in one.headers])  # type: ignore[misc]
        for n, one in enumerate(batch.records)
    ]
    done = store.apply(batch_of(records), heartbeat=False)
    assert (done.inserted, done.duplicates, done.unexpected) == (3, 3, 0)
    assert sql("SELECT count(*), count(DISTINCT event_id) FROM event") == [(3, 3)]


def test_a_letter_that_came_twice_is_one_and_a_marker_is_none(bootstrap: str) -> None:
    bridge(bootstrap, [("e:p-1", b"{poison")], SCHEMAS)
    bridge(bootstrap, [("e:p-1", b"{poison")], SCHEMAS)  # the batch retried
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 2})
    producer.produce("error.dlq", b"{}", partition=0, headers=[("kind", b"marker")])
    assert producer.flush(10) == 0
    [letter] = read(bootstrap)
    assert (letter.reason, letter.key, letter.value) == ("malformed", b"p-1", b"{poison")


def test_reading_ends_with_an_empty_topic_and_with_nothing_that_young(bootstrap: str) -> None:
    assert read(bootstrap) == []
    bridge(bootstrap, [("e:p-1", b"{poison")], SCHEMAS)
    assert len(read(bootstrap)) == 1
    assert read(bootstrap, NOW_MS + 600_000) == []
