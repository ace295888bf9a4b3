"""The watermark reader's checkpoint, against DynamoDB's emulation (B25)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from confluent_kafka import OFFSET_BEGINNING
from moto import mock_aws

from lifeline.lambdas.adapters import aws
from lifeline.lambdas.failover.log_proof import LogProof
from lifeline.lambdas.failover.manifests import Manifest
from lifeline.lambdas.failover.markers import Marker, Pair, Place
from lifeline.services.query_api.reader_checkpoint import ReaderCheckpoint
from tests.support.tables import made_table

REGION, TABLE = "ca-west-1", "log-checkpoints-test"
PAIR = Pair("ca-central-1", "17", "shardId-0")
P, Q = ("a", 0), ("a", 1)
TOPICS = {"a": "id-1"}
FOLLOWING = {P: 8, Q: 5}


def link(previous: int, sequence: int, *counted: int, places: tuple[Place, ...] = (P, Q)) -> Marker:
    manifest = Manifest()
    for one in counted:
        manifest = manifest.and_one(one)
    return Marker(PAIR, sequence, 5, ("s",), places, previous=previous, manifest=manifest)


@pytest.fixture
def proof() -> LogProof:
    """Proven to 2 in both partitions; in P two records lie open, in Q one is missing."""
    made = LogProof()
    for place in (P, Q):
        made.marker(link(0, 2), place, now=0.0)
    made.record(PAIR, P, 3, 3, offset=6, now=0.0)
    made.record(PAIR, P, 4, 4, offset=7, now=0.0)
    made.marker(link(2, 6, 5), Q, now=0.0)
    return made


@pytest.fixture
def checkpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReaderCheckpoint]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    aws.client.cache_clear()
    with mock_aws():
        made_table(REGION, TABLE)
        yield ReaderCheckpoint(TABLE, REGION)
    aws.client.cache_clear()


def test_what_is_loaded_goes_on_where_it_was_saved(
    checkpoint: ReaderCheckpoint, proof: LogProof
) -> None:
    assert checkpoint.load(TOPICS, FOLLOWING, 0.0) is None, "never saved"
    checkpoint.save(proof, FOLLOWING, TOPICS, 1.0, [{"region": "x"}])
    resumed = checkpoint.load(TOPICS, FOLLOWING, 900.0)
    assert resumed is not None
    assert resumed.offsets == FOLLOWING, "so little lies open that it is saved itself"
    assert resumed.peers == [{"region": "x"}]
    again = resumed.proof
    assert again.entries() == proof.entries()
    assert [one.after for one in again.unproven()] == [2]
    again.marker(link(2, 6, 3, 4), P, now=900.0)
    assert again.entries()[PAIR].sequence == 2
    again.record(PAIR, Q, 5, 5, offset=5, now=900.0)
    assert again.entries()[PAIR].sequence == 6


def test_what_was_given_up_outlives_every_checkpoint(
    checkpoint: ReaderCheckpoint, proof: LogProof
) -> None:
    assert checkpoint.given_up() == []
    rows = [{"shard": "s", "after": "3"}]
    checkpoint.save_given_up(rows)
    checkpoint.save(proof, FOLLOWING, TOPICS, 1.0)
    assert checkpoint.load({"a": "id-2"}, FOLLOWING, 2.0) is None
    assert checkpoint.given_up() == rows


def test_a_topic_that_was_made_anew_has_no_checkpoint(
    checkpoint: ReaderCheckpoint, proof: LogProof
) -> None:
    checkpoint.save(proof, FOLLOWING, TOPICS, 1.0)
    assert checkpoint.load({"a": "id-2"}, FOLLOWING, 2.0) is None


def test_a_partition_that_was_added_is_read_from_its_beginning(
    checkpoint: ReaderCheckpoint, proof: LogProof
) -> None:
    checkpoint.save(proof, {P: 8}, TOPICS, 1.0)
    resumed = checkpoint.load(TOPICS, FOLLOWING, 2.0)
    assert resumed is not None
    assert resumed.offsets == {P: 8, Q: OFFSET_BEGINNING}


@pytest.mark.parametrize("body", ["?", "[]", '{"format": 1}', '{"format": 1, "topic_id": "id-1"}'])
def test_an_item_that_cannot_be_read_is_no_checkpoint(
    checkpoint: ReaderCheckpoint, proof: LogProof, body: str
) -> None:
    checkpoint.save(proof, FOLLOWING, TOPICS, 1.0)
    table: Any = boto3.client("dynamodb", region_name=REGION)
    table.put_item(TableName=TABLE, Item={"id": {"S": "a#0"}, "body": {"S": body}})
    assert checkpoint.load(TOPICS, FOLLOWING, 2.0) is None


def test_declarations_older_than_a_partition_are_not_used(
    checkpoint: ReaderCheckpoint, proof: LogProof
) -> None:
    """Two tasks save beside each other: a partition that the older one did not know would be passed over."""
    table: Any = boto3.client("dynamodb", region_name=REGION)
    checkpoint.save(proof, FOLLOWING, TOPICS, 1.0)
    older = table.get_item(TableName=TABLE, Key={"id": {"S": "declared"}})["Item"]
    proof.marker(link(2, 6, 3, 4, places=(P, Q, ("a", 2))), P, now=1.0)
    checkpoint.save(proof, FOLLOWING, TOPICS, 1.0)
    table.put_item(TableName=TABLE, Item=older)
    assert checkpoint.load(TOPICS, FOLLOWING, 2.0) is None


def test_what_would_be_too_large_is_read_again_instead(checkpoint: ReaderCheckpoint) -> None:
    """An item holds 400 KB."""
    proof = LogProof()
    for shard in range(40):
        pair = Pair("ca-central-1", "1" * 10, f"shardId-{shard:012}")
        for number in range(190):
            proof.record(pair, P, 10**55 + number, 2**63 + number, offset=100 + number, now=0.0)
    checkpoint.save(proof, {P: 7_000}, TOPICS, 1.0)
    resumed = checkpoint.load(TOPICS, [P], 2.0)
    assert resumed is not None
    assert resumed.offsets == {P: 100}


def test_a_refusal_is_raised_for_the_reader_to_tell(proof: LogProof) -> None:
    with mock_aws(), pytest.raises(ClientError):
        ReaderCheckpoint("not-there", REGION).save(proof, FOLLOWING, TOPICS, 1.0)


def test_what_was_given_up_outgrows_no_item(checkpoint: ReaderCheckpoint) -> None:
    """It is counted for ever: a row for each stretch, in as many items as it takes."""
    rows = [{"after": str(10**55 + number), "why": "x" * 200} for number in range(3_500)]
    checkpoint.save_given_up(rows[:900])
    assert checkpoint.given_up() == rows[:900]
    checkpoint.save_given_up(rows)
    assert checkpoint.given_up() == rows


def stretch(number: int, topic: str = "a") -> dict[str, Any]:
    """A row as the reader makes it."""
    place = {"region": "ca-central-1", "incarnation": "17", "shard": "shardId-0", "topic": topic}
    ends = {"after": str(10**55 + number), "until": str(10**55 + number + 1)}
    return {**place, "partition": 0, **ends, "missing": 1}


def named(rows: Any) -> set[str]:
    return {row["after"] for row in rows}


def test_long_rows_outgrow_no_item(checkpoint: ReaderCheckpoint) -> None:
    """A topic's name may have 249 characters: 1,000 rows are larger than an item may be."""
    rows = [stretch(number, "t" * 249) for number in range(2_100)]
    checkpoint.save_given_up(rows)
    assert checkpoint.given_up() == rows


def test_two_tasks_that_met_the_same_in_another_order_drop_nothing(
    checkpoint: ReaderCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each writes several items, and the other one writes in between."""
    rows = [stretch(number) for number in range(2_500)]
    other = ReaderCheckpoint(TABLE, REGION)
    put = checkpoint._put
    writes = 0

    def overtaken(*given: Any, **condition: Any) -> None:
        nonlocal writes
        writes += 1
        if writes == 2:
            other.save_given_up(rows[::-1])
        put(*given, **condition)

    monkeypatch.setattr(checkpoint, "_put", overtaken)
    try:
        checkpoint.save_given_up(rows)
    except ClientError:  # told, and done again a minute later
        assert named(checkpoint.given_up()) == named(rows)
        checkpoint.save_given_up(rows)
    assert named(checkpoint.given_up()) == named(rows)


def test_a_task_that_knows_less_takes_nothing_away(checkpoint: ReaderCheckpoint) -> None:
    rows = [stretch(number) for number in range(1_200)]
    checkpoint.save_given_up(rows)
    ReaderCheckpoint(TABLE, REGION).save_given_up([stretch(5), stretch(9_999)])
    assert checkpoint.given_up() == [*rows, stretch(9_999)], "what is new stands behind the others"


def test_an_item_of_another_release_is_passed_over_and_never_written_over(
    checkpoint: ReaderCheckpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [stretch(number) for number in range(2_200)]
    checkpoint.save_given_up(rows)
    table: Any = boto3.client("dynamodb", region_name=REGION)
    theirs = {"id": {"S": "given-up#1"}, "body": {"S": '{"format": 2, "lines": []}'}}
    table.put_item(TableName=TABLE, Item=theirs)
    left = [*rows[:1_000], *rows[2_000:]]
    assert checkpoint.given_up() == left, "those behind it are read"
    assert '"a part of what was given up cannot be read", "part": "given-up#1"' in (
        capsys.readouterr().out
    )
    checkpoint.save_given_up([*left, stretch(9_999)])
    assert checkpoint.given_up() == [*left, stretch(9_999)]
    assert table.get_item(TableName=TABLE, Key={"id": theirs["id"]})["Item"] == theirs
