"""A lab that is reset knows what it knew when it was told to remember, and nothing that came after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import Lab, LabError
from lab.places import ACCOUNT, HOME, RECOVERY, WITNESS
from tests.integration.lab.test_emulator_additions import fail_over, role

SUFFIX = "caches"
GROUP = f"cache-{SUFFIX}"
MACHINE = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("reset")
    with Lab(suffix=SUFFIX, workdir=folder, control_plane_only=True, resets=True) as started:
        yield started


def lease(lab: Lab) -> str:
    item = lab.observer("dynamodb", WITNESS).get_item(TableName="lease", Key={"id": {"S": "lease"}})
    return str(item["Item"]["holder"]["S"])


def hold(lab: Lab, region: str) -> None:
    lab.observer("dynamodb", WITNESS).put_item(
        TableName="lease", Item={"id": {"S": "lease"}, "holder": {"S": region}}
    )


def executions(lab: Lab, machine: str) -> list[str]:
    found = lab.observer("stepfunctions", RECOVERY).list_executions(stateMachineArn=machine)
    return [one["name"] for one in found["executions"]]


def records(lab: Lab) -> list[Any]:
    stream = lab.observer("kinesis", HOME)
    (shard,) = stream.list_shards(StreamName="events")["Shards"]
    at = stream.get_shard_iterator(
        StreamName="events", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    return list(stream.get_records(ShardIterator=at["ShardIterator"])["Records"])


def test_what_came_after_is_gone_and_what_was_there_is_there(lab: Lab) -> None:
    """An item, an execution's name, a stream's records, and who is the primary of a global cache."""
    lab.observer("dynamodb", WITNESS).create_table(
        TableName="lease", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    hold(lab, HOME)
    states, stream = lab.observer("stepfunctions", RECOVERY), lab.observer("kinesis", HOME)
    machine = states.create_state_machine(
        name="plan", definition=json.dumps(MACHINE), roleArn=f"arn:aws:iam::{ACCOUNT}:role/plan"
    )["stateMachineArn"]
    stream.create_stream(StreamName="events", ShardCount=1)
    home, recovery = lab.observer("elasticache", HOME), lab.observer("elasticache", RECOVERY)
    home.create_replication_group(
        ReplicationGroupId=GROUP, ReplicationGroupDescription="primary", Engine="valkey"
    )
    made = home.create_global_replication_group(
        GlobalReplicationGroupIdSuffix=GROUP, PrimaryReplicationGroupId=GROUP
    )
    identifier = str(made["GlobalReplicationGroup"]["GlobalReplicationGroupId"])
    recovery.create_replication_group(
        ReplicationGroupId=GROUP, ReplicationGroupDescription="secondary",
        GlobalReplicationGroupId=identifier,
    )  # fmt: skip
    lab.remember()
    for _ in range(2):
        hold(lab, RECOVERY)
        states.start_execution(stateMachineArn=machine, name="recover-e2-r1")
        stream.put_record(StreamName="events", Data=b"an event", PartitionKey="p")
        fail_over(lab, identifier, RECOVERY)
        assert (lease(lab), executions(lab, machine)) == (RECOVERY, ["recover-e2-r1"])
        assert (len(records(lab)), role(lab, RECOVERY)) == (1, "PRIMARY")
        lab.reset()
        assert (lease(lab), executions(lab, machine)) == (HOME, [])
        assert (records(lab), role(lab, RECOVERY)) == ([], "SECONDARY")


def test_a_lab_that_remembers_nothing_is_not_reset(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="remembers no deployment"):
        Lab(workdir=tmp_path).reset()
