"""Turning on the log's private links; every request is checked against the service's own model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from lifeline.lambdas.kafka_links.handler import LOOK_SECONDS, turn_on

CLUSTER = "arn:aws:kafka:ca-central-1:123456789012:cluster/log-test/8f1c-5"
ASKED = {
    "ClusterArn": CLUSTER,
    "CurrentVersion": "K1",
    "ConnectivityInfo": {
        "VpcConnectivity": {"ClientAuthentication": {"Sasl": {"Iam": {"Enabled": True}}}}
    },
}


class Clock:
    """Moves only by waiting."""

    def __init__(self) -> None:
        self.time = 1_000.0
        self.waits = 0

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += seconds
        self.waits += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def msk() -> Iterator[tuple[Any, Stubber]]:
    make: Any = boto3.client
    kafka = make(
        "kafka", region_name="ca-central-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with Stubber(kafka) as stub:
        yield kafka, stub
        stub.assert_no_pending_responses()


def _is(stub: Stubber, state: str, *, on: bool, version: str = "K1") -> None:
    iam = {"VpcConnectivity": {"ClientAuthentication": {"Sasl": {"Iam": {"Enabled": on}}}}}
    brokers: dict[str, Any] = {"ClientSubnets": ["subnet-1"], "InstanceType": "kafka.m5.large"}
    stub.add_response(
        "describe_cluster_v2",
        {
            "ClusterInfo": {
                "State": state,
                "CurrentVersion": version,
                "Provisioned": {
                    "NumberOfBrokerNodes": 3,
                    "BrokerNodeGroupInfo": {**brokers, "ConnectivityInfo": iam},
                },
            }
        },
        {"ClusterArn": CLUSTER},
    )


def test_links_that_are_on_are_not_asked_for_again(msk: tuple[Any, Stubber], clock: Clock) -> None:
    kafka, stub = msk
    _is(stub, "ACTIVE", on=True)
    assert turn_on(kafka, CLUSTER, until=2_000, now=clock.now, wait=clock.wait)
    assert clock.waits == 0


def test_asked_for_once_and_waited_for(msk: tuple[Any, Stubber], clock: Clock) -> None:
    kafka, stub = msk
    _is(stub, "ACTIVE", on=False)
    stub.add_response("update_connectivity", {"ClusterArn": CLUSTER}, ASKED)
    _is(stub, "UPDATING", on=False)
    _is(stub, "UPDATING", on=True)
    _is(stub, "ACTIVE", on=True, version="K2")
    assert turn_on(kafka, CLUSTER, until=2_000, now=clock.now, wait=clock.wait)
    assert clock.waits == 3


def test_another_update_that_comes_first_is_waited_for(
    msk: tuple[Any, Stubber], clock: Clock
) -> None:
    kafka, stub = msk
    _is(stub, "ACTIVE", on=False)
    stub.add_client_error(
        "update_connectivity",
        "BadRequestException",
        "This operation cannot be performed with the current cluster version.",
        expected_params=ASKED,
    )
    _is(stub, "ACTIVE", on=True)
    assert turn_on(kafka, CLUSTER, until=2_000, now=clock.now, wait=clock.wait)


def test_what_msk_refuses_fails_at_once(msk: tuple[Any, Stubber], clock: Clock) -> None:
    kafka, stub = msk
    _is(stub, "ACTIVE", on=False)
    stub.add_client_error(
        "update_connectivity", "BadRequestException", "Unsupported instance type: kafka.t3.small"
    )
    with pytest.raises(ClientError, match="Unsupported instance type"):
        turn_on(kafka, CLUSTER, until=2_000, now=clock.now, wait=clock.wait)


def test_a_run_ends_before_its_time_is_over(msk: tuple[Any, Stubber], clock: Clock) -> None:
    kafka, stub = msk
    looks = 3
    for _ in range(looks):
        _is(stub, "UPDATING", on=False)
    ends = clock.time + looks * LOOK_SECONDS
    assert not turn_on(kafka, CLUSTER, until=ends, now=clock.now, wait=clock.wait)
    assert clock.time < ends
