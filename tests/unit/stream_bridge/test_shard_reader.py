"""A shard is read again from a moment on, in pages, against moto's stream."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from lifeline.lambdas.stream_bridge.shard_reader import ShardReader
from tests.support.clocks import ManualClock

REGION, STREAM, SHARD = "ca-central-1", "edge-test", "shardId-000000000000"


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("kinesis", region_name=REGION)
        client.create_stream(StreamName=STREAM, ShardCount=1)
        yield client


def reader(client: Any) -> ShardReader:
    return ShardReader(STREAM, REGION, client, ManualClock())


def test_it_reads_to_the_newest_record_and_ends(stream: Any) -> None:
    for number in range(3):
        stream.put_record(StreamName=STREAM, PartitionKey=f"e:{number}", Data=b"%d" % number)
    since_ms = int(datetime.now(UTC).timestamp() * 1000)
    found = [one for page in reader(stream).records(SHARD, since_ms) for one in page]
    assert [(one.partition_key, one.data) for one in found] == [
        (f"e:{number}", b"%d" % number) for number in range(3)
    ]
    assert [one.sequence for one in found] == sorted(one.sequence for one in found)
    assert all(one.arrived_at.tzinfo is UTC for one in found)


def test_what_lies_more_than_a_minute_before_is_not_read(stream: Any) -> None:
    stream.put_record(StreamName=STREAM, PartitionKey="e:1", Data=b"1")
    later_ms = int(datetime.now(UTC).timestamp() * 1000) + 62_000
    assert [page for page in reader(stream).records(SHARD, later_ms) if page] == []


def test_it_goes_on_at_a_record(stream: Any) -> None:
    put = [
        stream.put_record(StreamName=STREAM, PartitionKey="e:1", Data=b"%d" % number)
        for number in range(3)
    ]
    pages = reader(stream).records(SHARD, 0, int(put[1]["SequenceNumber"]))
    assert [one.data for page in pages for one in page] == [b"1", b"2"]


def test_a_shard_that_is_read_too_fast_is_asked_again(stream: Any) -> None:
    stream.put_record(StreamName=STREAM, PartitionKey="e:1", Data=b"1")
    real, refusals = stream.get_records, [2]

    def throttled(**given: Any) -> Any:
        if refusals[0]:
            refusals[0] -= 1
            told: Any = {
                "Error": {"Code": "ProvisionedThroughputExceededException", "Message": "slow"}
            }
            raise ClientError(told, "GetRecords")
        return real(**given)

    stream.get_records = throttled
    found = [one for page in reader(stream).records(SHARD, 0) for one in page]
    assert [one.data for one in found] == [b"1"]


def test_any_other_refusal_is_raised(stream: Any) -> None:
    with pytest.raises(ClientError):
        list(reader(stream).records("shardId-000000000009", 0))
