"""A cache leaves its global datastore; every request is checked against the service's own model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lifeline.lambdas.cache_membership.member import (
    LOOK_SECONDS,
    PrimaryMember,
    ask_for_zones,
    leave,
)

GROUP, DATASTORE = "cache-test", "ldgnf-cache-test"
NAMED = {"ReplicationGroupId": GROUP}
OUT = {
    "GlobalReplicationGroupId": DATASTORE,
    "ReplicationGroupId": GROUP,
    "ReplicationGroupRegion": "ca-west-1",
}


class Clock:
    """Moves only by waiting."""

    time = 1_000.0

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def service() -> Iterator[tuple[Any, Stubber]]:
    make: Any = boto3.client
    cache = make(
        "elasticache", region_name="ca-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with Stubber(cache) as stub:
        yield cache, stub
        stub.assert_no_pending_responses()


def _is(stub: Stubber, role: str = "", status: str = "available", zones: str = "disabled") -> None:
    info = {"GlobalReplicationGroupId": DATASTORE, "GlobalReplicationGroupMemberRole": role}
    group = {"ReplicationGroupId": GROUP, "Status": status, "MultiAZ": zones}
    found = {**group, "GlobalReplicationGroupInfo": info} if role else group
    stub.add_response("describe_replication_groups", {"ReplicationGroups": [found]}, NAMED)


def _leave(cache: Any, *, seconds: float = 600) -> bool:
    clock = Clock()
    return leave(cache, GROUP, until=clock.time + seconds, now=clock.now, wait=clock.wait)


def test_a_secondary_is_disassociated_and_waited_for(service: tuple[Any, Stubber]) -> None:
    cache, stub = service
    _is(stub, "SECONDARY")
    stub.add_response("disassociate_global_replication_group", {}, OUT)
    _is(stub, "SECONDARY", "modifying")
    _is(stub, status="modifying")
    _is(stub)
    assert _leave(cache)


def test_a_datastore_that_changes_is_asked_again(service: tuple[Any, Stubber]) -> None:
    cache, stub = service
    _is(stub, "SECONDARY")
    stub.add_client_error(
        "disassociate_global_replication_group", "InvalidGlobalReplicationGroupState"
    )
    _is(stub, "SECONDARY")
    stub.add_response("disassociate_global_replication_group", {}, OUT)
    _is(stub)
    assert _leave(cache)


def test_one_that_takes_the_writes_stays(service: tuple[Any, Stubber]) -> None:
    cache, stub = service
    _is(stub, "PRIMARY")
    with pytest.raises(PrimaryMember, match="switch back before deleting"):
        _leave(cache)


def test_one_on_its_own_and_one_that_is_gone_have_left(service: tuple[Any, Stubber]) -> None:
    cache, stub = service
    _is(stub)
    assert _leave(cache)
    stub.add_client_error("describe_replication_groups", "ReplicationGroupNotFoundFault")
    assert _leave(cache)


def test_a_run_ends_before_the_function_must(service: tuple[Any, Stubber]) -> None:
    cache, stub = service
    _is(stub, "SECONDARY", "modifying")
    _is(stub, "SECONDARY", "modifying")
    assert not _leave(cache, seconds=2 * LOOK_SECONDS)


def test_a_member_gets_multi_az_once(service: tuple[Any, Stubber]) -> None:
    cache, stub = service
    _is(stub, "SECONDARY")
    asked = {**NAMED, "MultiAZEnabled": True, "ApplyImmediately": True}
    stub.add_response("modify_replication_group", {}, asked)
    ask_for_zones(cache, GROUP)
    _is(stub, "SECONDARY", zones="enabled")
    ask_for_zones(cache, GROUP)


def test_a_member_that_gets_no_multi_az_stands(service: tuple[Any, Stubber]) -> None:
    cache, stub = service
    _is(stub, "SECONDARY")
    stub.add_client_error("modify_replication_group", "InvalidParameterCombination")
    ask_for_zones(cache, GROUP)
