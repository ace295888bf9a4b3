"""D12, N14: each step's reads are done every few minutes; nothing is changed, and what fails is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.failover.plan import EVERY_STEP
from lifeline.lambdas.failover_step import cache_step, capacity_steps, files_step, secrets_step
from lifeline.lambdas.failover_step import handler as function
from lifeline.lambdas.failover_step.exercise import (
    NO_READS_OF_ITS_OWN,
    READS,
    ExerciseFailed,
    exercise,
)
from tests.support.http_server import closed_port
from tests.support.step_runs import OWN, OWN_ARN, global_cluster, lease_of, step_run, with_lease
from tests.unit.failover_step.test_store_steps import (
    ENVIRONMENT,
    FILES,
    GROUP,
    SECRET,
    SOURCE,
    WORLD,
    credentials,
    member,
    replication,
)

__all__ = ["credentials"]


@pytest.fixture(autouse=True)
def tables(credentials: None) -> Iterator[None]:
    with mock_aws():
        yield


def test_every_step_of_the_plan_is_exercised_or_says_why_not() -> None:
    assert set(READS) | set(NO_READS_OF_ITS_OWN) == {step.name for step in EVERY_STEP}
    assert not set(READS) & set(NO_READS_OF_ITS_OWN)


def test_each_store_is_looked_at_and_left_alone() -> None:
    """A stubbed client refuses every call that is not promised: a write would fail the exercise."""
    run = with_lease(
        step_run(
            server_port=closed_port(),
            cache_group=GROUP,
            file_system_id=FILES,
            admin_secret=SECRET,
            ecs_cluster="services-test",
            applier_service="event-applier-test",
        ),
        lease_of(),
    )
    with (
        Stubber(client("rds", OWN, 8.0)) as rds,
        Stubber(client("ecs", OWN, capacity_steps.ECS_SECONDS)) as ecs,
        Stubber(client("elasticache", OWN, cache_step.LOOK_SECONDS)) as cache,
        Stubber(client("efs", OWN, files_step.CALL_SECONDS)) as files,
        Stubber(client("secretsmanager", OWN, secrets_step.CALL_SECONDS)) as secrets,
    ):
        rds.add_response("describe_global_clusters", global_cluster())
        ecs.add_response("describe_services", {"services": [{"desiredCount": 1}]})
        cache.add_response("describe_replication_groups", member("SECONDARY"))
        cache.add_response(
            "describe_global_replication_groups",
            {"GlobalReplicationGroups": [{"Status": "available"}]},
            {"GlobalReplicationGroupId": WORLD},
        )
        files.add_response("describe_replication_configurations", replication(SOURCE, FILES))
        secrets.add_response("describe_secret", {"PrimaryRegion": "ca-central-1"})
        with pytest.raises(ExerciseFailed) as failed:
            exercise(run)
        for stub in (rds, ecs, cache, files, secrets):
            stub.assert_no_pending_responses()
    assert steps_of(failed.value) == NEED_THE_SERVER
    lease = run.lease.read()
    assert lease == lease_of()
    assert run.local.traffic_epoch() == 0


NEED_THE_SERVER = ["assess", "open_database", "resume_processing", "open_api"]


def steps_of(error: ExerciseFailed) -> list[str]:
    return [one.split(":")[0] for one in str(error).split("; ") if one.split(":")[0] in READS]


def test_a_permission_that_is_missing_is_named_with_its_step() -> None:
    run = with_lease(step_run(server_port=closed_port(), admin_secret=SECRET), lease_of())
    with (
        Stubber(client("rds", OWN, 8.0)) as rds,
        Stubber(client("secretsmanager", OWN, secrets_step.CALL_SECONDS)) as secrets,
    ):
        rds.add_response("describe_global_clusters", global_cluster())
        secrets.add_client_error("describe_secret", "AccessDeniedException")
        with pytest.raises(ExerciseFailed, match=r"secrets: .*AccessDeniedException"):
            exercise(run)


def test_an_exercise_that_fails_fails_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that Lambda counts an error, on which an alarm stands."""
    for name, value in {**ENVIRONMENT, "OWN_CLUSTER_ARN": OWN_ARN}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ExerciseFailed):
        function.handler({"step": "exercise", "region": OWN}, None)


@pytest.mark.parametrize("before", [None, lease_of("ca-central-1", epoch=1)])
def test_it_needs_no_lease_of_its_own(before: Any) -> None:
    """It runs in the standby, and before anybody was given the lease."""
    run = with_lease(step_run(), before)
    assert READS["acquire"](run) in ("there is no lease yet", "the lease is at epoch 1")
    assert READS["fence"](run) == "the directory names no database"
