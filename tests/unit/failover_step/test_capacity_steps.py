"""Tasks: the plan raises and never lowers; only `rest` lowers, and only the standby's (pilot light)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from lifeline.lambdas.adapters import aws
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover_step.capacity_steps import (
    ECS_SECONDS,
    REST_AFTER_SECONDS,
    await_capacity,
    raise_again,
    raise_capacity,
    rest,
)
from lifeline.lambdas.failover_step.context import NotReady, StepContext
from tests.support.step_runs import OWN, PEER, lease_of, step_run, with_lease
from tests.unit.failover_step.test_store_steps import credentials

__all__ = ["credentials"]

CLUSTER, APPLIER, QUERY_API = "services-test", "event-applier-test", "query-api-test"
ServicesOf = Callable[..., Any]


@pytest.fixture
def mocked(credentials: None) -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def services_of(mocked: None) -> ServicesOf:
    """Make services with a desired count each; the ECS client."""

    def made(**desired: int) -> Any:
        ecs = aws.client("ecs", OWN)
        ecs.create_cluster(clusterName=CLUSTER)
        ecs.register_task_definition(
            family="task", containerDefinitions=[{"name": "a", "image": "a", "memory": 64}]
        )
        for name, count in desired.items():
            ecs.create_service(
                cluster=CLUSTER,
                serviceName=name.replace("_", "-"),
                taskDefinition="task",
                desiredCount=count,
            )
        return ecs

    return made


def warm(tasks: int) -> StepContext:
    return step_run(ecs_cluster=CLUSTER, applier_service=APPLIER, applier_tasks=tasks)


def resting() -> StepContext:
    return step_run(
        ecs_cluster=CLUSTER,
        applier_service=APPLIER,
        applier_tasks=4,
        query_api_service=QUERY_API,
        query_api_tasks=2,
    )


def desired(ecs: Any) -> dict[str, int]:
    names = [arn.rsplit("/", 1)[-1] for arn in ecs.list_services(cluster=CLUSTER)["serviceArns"]]
    found = ecs.describe_services(cluster=CLUSTER, services=names)["services"]
    return {one["serviceName"]: int(one["desiredCount"]) for one in found}


def test_capacity_is_raised_to_what_an_active_region_needs(services_of: ServicesOf) -> None:
    ecs = services_of(event_applier_test=1)
    assert raise_capacity(warm(4)) == f"{APPLIER}: 4 tasks desired, 1 before"
    assert desired(ecs) == {APPLIER: 4}
    assert raise_capacity(warm(4)) == f"{APPLIER}: 4 tasks are desired already"


def test_capacity_is_never_lowered(services_of: ServicesOf) -> None:
    """Somebody, or the scaling, asked for more: a recovery takes no task away."""
    ecs = services_of(event_applier_test=9)
    assert raise_capacity(warm(4)) == f"{APPLIER}: 9 tasks are desired already"
    assert desired(ecs) == {APPLIER: 9}


def test_a_service_that_is_not_there_is_looked_for_again(services_of: ServicesOf) -> None:
    services_of()
    with pytest.raises(NotReady, match=f"there is no service {APPLIER}"):
        raise_capacity(warm(4))


def test_where_services_rest_both_are_raised(services_of: ServicesOf) -> None:
    ecs = services_of(event_applier_test=0, query_api_test=0)
    raise_capacity(resting())
    assert desired(ecs) == {APPLIER: 4, QUERY_API: 2}


def test_a_warm_standby_is_raised_once_and_not_by_every_step(services_of: ServicesOf) -> None:
    ecs = services_of(event_applier_test=1)
    raise_again(warm(4))
    assert desired(ecs) == {APPLIER: 1}


def described(name: str, running: int) -> dict[str, Any]:
    return {"services": [{"serviceName": name, "desiredCount": 9, "runningCount": running}]}


def test_it_waits_until_every_task_runs(credentials: None) -> None:
    with Stubber(aws.client("ecs", OWN, ECS_SECONDS)) as ecs:
        for applier, query_api in ((9, 9), (4, 1), (4, 2)):  # the first: what is desired
            ecs.add_response("describe_services", described(APPLIER, applier))
            ecs.add_response("describe_services", described(QUERY_API, query_api))
        assert await_capacity(resting()) == "the services' tasks run"
        ecs.assert_no_pending_responses()


def test_what_is_missing_is_said_and_tried_again(credentials: None) -> None:
    with Stubber(aws.client("ecs", OWN, ECS_SECONDS)) as ecs:
        for _look in range(20):
            ecs.add_response("describe_services", described(APPLIER, 3))
            ecs.add_response("describe_services", described(QUERY_API, 2))
        with pytest.raises(NotReady, match=f"^{APPLIER}: 3 of 4 tasks run$"):
            await_capacity(resting())


def test_a_count_that_a_late_rest_lowered_is_raised_again(services_of: ServicesOf) -> None:
    ecs = services_of(event_applier_test=0, query_api_test=0)
    await_capacity(resting())  # the emulator's tasks run at once
    assert desired(ecs) == {APPLIER: 4, QUERY_API: 2}


def test_the_standby_rests(services_of: ServicesOf) -> None:
    ecs = services_of(event_applier_test=1, query_api_test=1)
    rest(with_lease(resting(), lease_of(holder=PEER)))
    assert desired(ecs) == {APPLIER: 0, QUERY_API: 0}


@pytest.mark.parametrize(
    ("lease", "why"),
    [
        (lease_of(holder=OWN), "does not hold the lease"),
        (lease_of(holder=""), "does not hold the lease"),
        (None, "does not hold the lease"),
    ],
)
def test_in_any_other_case_nothing_is_lowered(
    services_of: ServicesOf, lease: Lease | None, why: str
) -> None:
    ecs = services_of(event_applier_test=1, query_api_test=1)
    assert why in rest(with_lease(resting(), lease))
    assert desired(ecs) == {APPLIER: 1, QUERY_API: 1}


@pytest.mark.parametrize(
    ("name", "ago", "why"),
    [("paused_until", -60.0, "paused"), ("moved_at", REST_AFTER_SECONDS - 60.0, "only")],
)
def test_nothing_is_lowered_while_the_table_says_that_it_is_early(
    services_of: ServicesOf, name: str, ago: float, why: str
) -> None:
    """A20: the table's clock is the real one here, the step's own is not."""
    ecs = services_of(event_applier_test=1, query_api_test=1)
    lease = replace(lease_of(holder=PEER), **{name: time.time() - ago})  # type: ignore[arg-type]
    assert why in rest(with_lease(resting(), lease))
    assert desired(ecs) == {APPLIER: 1, QUERY_API: 1}


def test_a_warm_standby_never_rests(services_of: ServicesOf) -> None:
    ecs = services_of(event_applier_test=1)
    assert "do not rest" in rest(with_lease(warm(4), lease_of(holder=PEER)))
    assert desired(ecs) == {APPLIER: 1}
