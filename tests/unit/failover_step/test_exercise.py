"""D12, N14: each step's reads are done every few minutes; nothing is changed, and what fails is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.contracts.failover_step import ApiClient
from lifeline.lambdas.failover.plan import EVERY_STEP
from lifeline.lambdas.failover_step import cache_step, capacity_steps, files_step, secrets_step
from lifeline.lambdas.failover_step import handler as function
from lifeline.lambdas.failover_step.exercise import (
    NO_READS_OF_ITS_OWN,
    READS,
    UNKNOWN_EVENT,
    ExerciseFailed,
    exercise,
)
from lifeline.lambdas.failover_step.service_steps import HEARTBEAT_WITHIN_SECONDS
from tests.support.http_server import closed_port, http_server
from tests.support.step_runs import (
    OWN,
    OWN_ARN,
    PEER,
    PEER_ARN,
    global_cluster,
    lease_of,
    step_run,
    with_lease,
)
from tests.support.token_server import TokenServer
from tests.unit.failover_step.test_service_steps import tokens
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

__all__ = ["credentials", "tokens"]


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
    lease = "there is no lease yet" if before is None else "the lease is at epoch 1"
    assert READS["acquire"](run) == lease
    assert READS["fence"](run) == "the directory names no database"


def test_each_read_says_what_it_found() -> None:
    """What an alarm's reader needs first: where the writer, the switch and the other side's database are."""
    run = with_lease(step_run(), lease_of())
    run.lease.publish_region(PEER, {"database_host": "writer.there", "database_port": "5432"})
    assert READS["fence"](run) == "the directory names writer.there"
    assert READS["raise_capacity"](run) == "there is no event applier"
    run.local.shift_traffic(3)
    assert READS["shift_traffic"](run) == "the switch stands at epoch 3"
    for writer, said in ((OWN_ARN, "the writer is here"), (PEER_ARN, "the writer is elsewhere")):
        with Stubber(run.rds) as rds:
            rds.add_response("describe_global_clusters", global_cluster(writer=writer))
            assert READS["start_promotion"](run) == said


def test_without_a_witness_no_lease_is_looked_for() -> None:
    run = step_run(witness_region="")
    assert READS["acquire"](run) == READS["fence"](run) == "there is no witness"


class Server:
    """This region's server: its clock, and the epoch that its event appliers are at."""

    closed = 0

    def clock(self) -> str:
        return "2026-11-21 12:00:00+00"

    def heartbeat_epoch(self, region: str, within_seconds: float) -> int:
        assert (region, within_seconds) == (OWN, HEARTBEAT_WITHIN_SECONDS)
        return 4

    def close(self) -> None:
        self.closed += 1


def test_the_server_is_asked_what_the_steps_ask_first() -> None:
    run = step_run()
    run.__dict__["database"] = Server()
    assert READS["open_database"](run) == "the server says 2026-11-21 12:00:00+00"
    assert READS["resume_processing"](run) == "heartbeats of epoch 4"


def test_every_read_that_succeeds_is_counted_and_the_connection_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = step_run()
    run.__dict__["database"] = server = Server()
    for name in READS:
        monkeypatch.setitem(READS, name, lambda context: context.region)
    assert exercise(run) == f"the reads of {len(READS)} steps succeed"
    assert server.closed == 1


@pytest.mark.parametrize("status", [200, 503])
def test_the_own_health_is_asked_by_the_public_path_whatever_it_says(status: int) -> None:
    with http_server(lambda _request: (status, {"region": OWN})) as api:
        assert READS["open_api"](step_run(own_api_url=api.url)) == f"/health answered {status}"
        assert [(one.method, one.path) for one in api.seen] == [("GET", "/health")]


@pytest.mark.parametrize("body", [{"region": PEER}, {}])
def test_an_answer_of_another_region_fails_the_read(body: dict[str, str]) -> None:
    """A name that leads elsewhere: in a failover the plan would ask the wrong region."""
    with (
        http_server(lambda _request: (200, body)) as api,
        pytest.raises(ExerciseFailed, match=f"answered 200, and not as {OWN}"),
    ):
        READS["open_api"](step_run(own_api_url=api.url))


def test_without_a_client_of_the_api_no_token_is_asked_for() -> None:
    assert READS["verify"](step_run()) == "there is no client of the API"


@pytest.mark.parametrize(
    ("resting", "path"), [(False, f"/v1/events/{UNKNOWN_EVENT}"), (True, "/v1/watermark")]
)
@pytest.mark.parametrize("status", [404, 503, 401, 403])
def test_the_token_is_tried_where_it_is_looked_at(
    tokens: TokenServer, resting: bool, path: str, status: int
) -> None:
    """A query API that rests cannot even refuse: then the token is for the watermark."""
    settings: dict[str, Any] = {"query_api_service": "query-api-test"} if resting else {}
    with http_server(lambda _request: (status, {})) as api:
        run = step_run(own_api_url=api.url, api_client=ApiClient.from_env(), **settings)
        if status in (401, 403):
            with pytest.raises(ExerciseFailed, match=f"refused the plan's token: {status}"):
                READS["verify"](run)
        else:
            assert READS["verify"](run) == f"the API took the token and answered {status}"
        assert [(one.method, one.path) for one in api.seen] == [("GET", path)]
        assert api.seen[0].headers["Authorization"] == "Bearer token-1"
        # One that was refused is not shown again.
        with suppress(ExerciseFailed):
            READS["verify"](run)
        again = "token-2" if status in (401, 403) else "token-1"
        assert api.seen[1].headers["Authorization"] == f"Bearer {again}"
