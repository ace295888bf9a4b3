"""The steps of cache, files and secrets: look, act once, repeat without harm, say what they could not.

The services' answers are checked against their own models (botocore's stubber): the test environment has
no service that knows global caches or the replication of files and secrets.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from botocore.stub import Stubber

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.contracts.failover_step import FailoverStepContract
from lifeline.lambdas.failover_step import cache_step, files_step, handler, secrets_step
from lifeline.lambdas.failover_step.context import Degraded, StepContext
from lifeline.lambdas.failover_step.service_errors import code_of, is_about_the_caller, is_final

OWN, PEER = "ca-west-1", "ca-central-1"
GROUP, WORLD = "cache-test", "sgaui-cache-test"
FILES, SOURCE = "fs-own", "fs-source"
SECRET = "database-admin-test"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client.cache_clear()
    yield
    client.cache_clear()


def context(**stores: Any) -> StepContext:
    database = DatabaseAddress(
        host="nowhere", port=5432, name="lifeline", user="lifeline", auth="none", region=OWN
    )
    settings = FailoverStepContract(
        region=OWN,
        suffix="test",
        peer_region=PEER,
        witness_region="us-east-2",
        lease_table="lease-test",
        region_state_table="region-state-test",
        database=database,
        own_api_url="",
        global_cluster="global-test",
        own_cluster_arn="",
        ecs_cluster="",
        applier_service="",
        applier_tasks=1,
        evidence_bucket="",
        page_topic_arn="",
        **stores,
    )
    return StepContext(settings, {"epoch": 2, "region": OWN})


@contextmanager
def answering(service: str, *timeouts: float) -> Iterator[list[Stubber]]:
    """Stubs on the very clients that the step will use; all that was promised must be asked."""
    stubs = [Stubber(client(service, OWN, seconds)) for seconds in timeouts]
    for stub in stubs:
        stub.activate()
    try:
        yield stubs
    finally:
        for stub in stubs:
            stub.deactivate()
    for stub in stubs:
        stub.assert_no_pending_responses()


def member(role: str) -> dict[str, Any]:
    info = {"GlobalReplicationGroupId": WORLD, "GlobalReplicationGroupMemberRole": role}
    group = {"ReplicationGroupId": GROUP, "GlobalReplicationGroupInfo": info if role else {}}
    return {"ReplicationGroups": [group]}


FAILOVER = {
    "GlobalReplicationGroupId": WORLD,
    "PrimaryRegion": OWN,
    "PrimaryReplicationGroupId": GROUP,
}
LEAVING = {
    "GlobalReplicationGroupId": WORLD,
    "ReplicationGroupId": GROUP,
    "ReplicationGroupRegion": OWN,
}


def cache_said(*acts: tuple[str, Any], role: str = "SECONDARY", status: str = "available") -> str:
    """Run the step; each act is (operation, error code or empty)."""
    with answering("elasticache", cache_step.LOOK_SECONDS, cache_step.ACT_SECONDS) as (look, act):
        look.add_response(
            "describe_replication_groups", member(role), {"ReplicationGroupId": GROUP}
        )
        for operation, code in acts:
            asked = FAILOVER if operation.startswith("failover") else LEAVING
            if code:
                act.add_client_error(operation, code, expected_params=asked)
            else:
                act.add_response(operation, {}, asked)
            if code and operation.startswith("failover") and code != "Throttling":
                found = {"GlobalReplicationGroupId": WORLD, "Status": status}
                look.add_response(
                    "describe_global_replication_groups", {"GlobalReplicationGroups": [found]}
                )
        return cache_step.promote_cache(context(cache_group=GROUP))


def test_a_copy_of_the_cache_is_asked_to_become_the_primary() -> None:
    said = cache_said(("failover_global_replication_group", ""))
    assert said == f"the failover of {WORLD} to {GROUP} was accepted"


@pytest.mark.parametrize("role", ["PRIMARY", ""])
def test_a_cache_that_takes_writes_already_is_left_alone(role: str) -> None:
    assert GROUP in cache_said(role=role)


def test_a_refused_failover_takes_the_cache_out_of_the_global_group() -> None:
    said = cache_said(
        ("failover_global_replication_group", "InvalidGlobalReplicationGroupState"),
        ("disassociate_global_replication_group", ""),
    )
    assert "left" in said
    assert "InvalidGlobalReplicationGroupState" in said


def test_a_failover_under_way_is_not_disturbed_by_a_repetition() -> None:
    said = cache_said(
        ("failover_global_replication_group", "InvalidGlobalReplicationGroupState"),
        status="modifying",
    )
    assert "under way" in said


def test_a_throttled_failover_does_not_break_up_the_global_group() -> None:
    with pytest.raises(ClientError, match="Throttling"):
        cache_said(("failover_global_replication_group", "Throttling"))


def test_a_cache_that_is_not_there_degrades_at_once() -> None:
    with answering("elasticache", cache_step.LOOK_SECONDS) as (look,):
        look.add_client_error("describe_replication_groups", "ReplicationGroupNotFoundFault")
        with pytest.raises(
            Degraded, match=f"{GROUP} stays as it is: ReplicationGroupNotFoundFault"
        ):
            cache_step.promote_cache(context(cache_group=GROUP))


def replication(source: str, destination: str, status: str = "ENABLED") -> dict[str, Any]:
    there = {"Status": status, "FileSystemId": destination, "Region": OWN}
    one = {
        "SourceFileSystemId": source,
        "SourceFileSystemRegion": PEER,
        "SourceFileSystemArn": "arn",
        "OriginalSourceFileSystemArn": "arn",
        "CreationTime": 0,
        "Destinations": [there],
    }
    return {"Replications": [one]}


def deletion(mode: str) -> dict[str, str]:
    return {"SourceFileSystemId": SOURCE, "DeletionMode": mode}


GONE = "ReplicationNotFound"
STOPPED_BY = ("TooManyRequestsException",)
"""After these no gentler or harder way is tried in the same attempt."""


def files_said(
    *codes: str, degrades: bool = False, at_first: str = "ENABLED", after: str = "ENABLED"
) -> str:
    """Run the step on a destination; `codes` answer the deletions (empty: accepted).

    `at_first` is the replication's status, `after` that after a first deletion that seemed to fail.
    """
    with answering("efs", files_step.CALL_SECONDS) as (efs,):
        efs.add_response(
            "describe_replication_configurations",
            replication(SOURCE, FILES, at_first),
            {"FileSystemId": FILES},
        )
        tag = {"Key": "lifeline:promoted", "Value": "2"}
        efs.add_response("tag_resource", {}, {"ResourceId": FILES, "Tags": [tag]})
        modes = ("ALL_CONFIGURATIONS", "LOCAL_CONFIGURATION_ONLY")
        for mode, code in zip(modes, codes, strict=False):
            if code:
                efs.add_client_error(
                    "delete_replication_configuration", code, expected_params=deletion(mode)
                )
            else:
                efs.add_response("delete_replication_configuration", {}, deletion(mode))
            if mode == modes[0] and code and code not in STOPPED_BY:
                look = {"FileSystemId": FILES}
                if after == GONE:
                    efs.add_client_error(
                        "describe_replication_configurations", GONE, expected_params=look
                    )
                else:
                    seen = replication(SOURCE, FILES, after)
                    efs.add_response("describe_replication_configurations", seen, look)
        if degrades:
            with pytest.raises(Degraded) as degraded:
                files_step.promote_files(context(file_system_id=FILES))
            return str(degraded.value)
        return files_step.promote_files(context(file_system_id=FILES))


def test_the_gate_is_closed_before_the_replication_ends() -> None:
    assert "deleted on both sides" in files_said("")


def test_a_lost_source_leaves_the_local_half_to_delete() -> None:
    assert "on this side only (InternalServerError)" in files_said("InternalServerError", "")


def test_a_permission_that_the_source_no_longer_grants_leaves_the_local_half_to_delete() -> None:
    """R8: EFS names it as a case for the local mode; who asks is known, what lies there is not."""
    assert "on this side only (AccessDeniedException)" in files_said("AccessDeniedException", "")


def test_a_deletion_whose_answer_was_lost_counts() -> None:
    said = files_said("InternalServerError", GONE)
    assert "by a request whose answer was lost (InternalServerError)" in said


@pytest.mark.parametrize("after", ["DELETING", GONE])
def test_an_accepted_deletion_is_not_followed_by_one_of_the_local_half(after: str) -> None:
    """That would leave the other side's half behind for good."""
    said = files_said("InternalServerError", after=after)
    assert "by a request whose answer was lost (InternalServerError)" in said


def test_a_deletion_under_way_is_left_to_itself() -> None:
    assert "is being deleted already" in files_said(at_first="DELETING")


def test_a_throttled_deletion_does_not_leave_half_a_configuration() -> None:
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        files_said("TooManyRequestsException")


def test_files_that_cannot_be_freed_are_said() -> None:
    said = files_said("BadRequest", "BadRequest", degrades=True)
    assert said == f"the files {FILES} stay read-only: BadRequest"


def test_files_that_take_writes_already_are_left_alone() -> None:
    with answering("efs", files_step.CALL_SECONDS) as (efs,):
        efs.add_response("describe_replication_configurations", replication(FILES, "fs-other"))
        assert "is the source" in files_step.promote_files(context(file_system_id=FILES))
    with answering("efs", files_step.CALL_SECONDS) as (efs,):
        efs.add_client_error("describe_replication_configurations", "ReplicationNotFound")
        assert "takes writes already" in files_step.promote_files(context(file_system_id=FILES))


def test_a_replica_of_the_secret_becomes_its_own() -> None:
    with answering("secretsmanager", secrets_step.CALL_SECONDS) as (secrets,):
        secrets.add_response("describe_secret", {"PrimaryRegion": PEER}, {"SecretId": SECRET})
        secrets.add_response("stop_replication_to_replica", {}, {"SecretId": SECRET})
        assert "any more" in secrets_step.promote_secrets(context(admin_secret=SECRET))


@pytest.mark.parametrize("described", [{}, {"PrimaryRegion": OWN}])
def test_a_secret_that_is_no_replica_is_left_alone(described: dict[str, str]) -> None:
    with answering("secretsmanager", secrets_step.CALL_SECONDS) as (secrets,):
        secrets.add_response("describe_secret", described)
        assert "already" in secrets_step.promote_secrets(context(admin_secret=SECRET))


def test_a_secret_that_is_not_there_degrades_at_once() -> None:
    with answering("secretsmanager", secrets_step.CALL_SECONDS) as (secrets,):
        secrets.add_client_error("describe_secret", "ResourceNotFoundException")
        with pytest.raises(Degraded, match="stays a replica: ResourceNotFoundException"):
            secrets_step.promote_secrets(context(admin_secret=SECRET))


ENVIRONMENT = {
    "AWS_REGION": OWN,
    "SUFFIX": "test",
    "PEER_REGION": PEER,
    "WITNESS_REGION": "us-east-2",
    "LEASE_TABLE": "lease-test",
    "REGION_STATE_TABLE": "region-state-test",
    "DATABASE_HOST": "nowhere",
    "DATABASE_PORT": "5432",
    "DATABASE_NAME": "lifeline",
    "DATABASE_USER": "lifeline",
    "DATABASE_AUTH": "none",
    "OWN_API_URL": "unused",
    "GLOBAL_CLUSTER": "global-test",
    "OWN_CLUSTER_ARN": "unused",
    "ECS_CLUSTER": "unused",
    "APPLIER_SERVICE": "unused",
    "APPLIER_TASKS": "1",
    "EVIDENCE_BUCKET": "unused",
    "PAGE_TOPIC_ARN": "unused",
    "TOKEN_URL": "unused",
    "TOKEN_CLIENT_ID": "unused",
    "USER_POOL_ID": "unused",
}


@pytest.mark.parametrize("step", ["cache", "files", "secrets"])
def test_an_environment_without_the_store_says_so(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    answer = handler.handler({"step": step, "epoch": 2, "region": OWN}, None)
    assert answer["outcome"] == "done"
    assert answer["detail"].startswith("this environment has no ")


def test_the_handler_answers_degraded_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ENVIRONMENT, "ADMIN_SECRET": SECRET}.items():
        monkeypatch.setenv(name, value)
    with answering("secretsmanager", secrets_step.CALL_SECONDS) as (secrets,):
        secrets.add_client_error("describe_secret", "ResourceNotFoundException")
        answer = handler.handler({"step": "secrets", "epoch": 2, "region": OWN}, None)
    assert (answer["step"], answer["outcome"]) == ("secrets", "degraded")
    assert "ResourceNotFoundException" in answer["detail"]


@pytest.mark.parametrize(
    ("role", "said"),
    [
        ("SECONDARY", f"the cache {GROUP} is SECONDARY of {WORLD}"),
        ("PRIMARY", f"the cache {GROUP} is PRIMARY of {WORLD}"),
        ("", f"the cache {GROUP} is in no global group"),
    ],
)
def test_the_cache_is_looked_at_by_its_own_reads(role: str, said: str) -> None:
    """D12: what the step reads, and nothing else."""
    with answering("elasticache", cache_step.LOOK_SECONDS) as (looks,):
        looks.add_response(
            "describe_replication_groups", member(role), {"ReplicationGroupId": GROUP}
        )
        if role:
            looks.add_response(
                "describe_global_replication_groups",
                {"GlobalReplicationGroups": []},
                {"GlobalReplicationGroupId": WORLD},
            )
        assert cache_step.look(context(cache_group=GROUP)) == said


def test_a_cache_whose_group_does_not_answer_leaves_it() -> None:
    """Its status is not known, so no change is known to be under way."""
    with answering("elasticache", cache_step.LOOK_SECONDS, cache_step.ACT_SECONDS) as (look, act):
        look.add_response("describe_replication_groups", member("SECONDARY"))
        act.add_client_error("failover_global_replication_group", "InvalidParameterValue")
        look.add_client_error("describe_global_replication_groups", "InternalFailure")
        act.add_response("disassociate_global_replication_group", {}, LEAVING)
        assert "left" in cache_step.promote_cache(context(cache_group=GROUP))


def test_a_cache_that_does_not_answer_is_asked_again() -> None:
    """No answer is no refusal: only what the service refuses for good degrades the run."""
    with answering("elasticache", cache_step.LOOK_SECONDS) as (looks,):
        looks.add_client_error("describe_replication_groups", "InternalFailure")
        with pytest.raises(ClientError, match="InternalFailure"):
            cache_step.promote_cache(context(cache_group=GROUP))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (replication(SOURCE, FILES), f"{SOURCE} replicates into {FILES}"),
        (replication(FILES, "fs-other"), f"{FILES} is a source"),
        (None, f"nothing replicates into {FILES}"),
    ],
)
def test_the_files_are_looked_at_by_their_own_reads(
    found: dict[str, Any] | None, said: str
) -> None:
    with answering("efs", files_step.CALL_SECONDS) as (efs,):
        if found is None:
            efs.add_client_error("describe_replication_configurations", GONE)
        else:
            efs.add_response("describe_replication_configurations", found, {"FileSystemId": FILES})
        assert files_step.look(context(file_system_id=FILES)) == said


@pytest.mark.parametrize(
    ("found", "said"), [({"PrimaryRegion": PEER}, f"is of {PEER}"), ({}, "is of this region")]
)
def test_the_secret_is_looked_at_by_its_own_read(found: dict[str, str], said: str) -> None:
    with answering("secretsmanager", secrets_step.CALL_SECONDS) as (secrets,):
        secrets.add_response("describe_secret", found, {"SecretId": SECRET})
        assert secrets_step.look(context(admin_secret=SECRET)) == f"the secret {SECRET} {said}"


def test_what_is_not_there_is_not_looked_for() -> None:
    for step in (cache_step, files_step, secrets_step):
        assert step.look(context()).startswith("this environment has no ")


@pytest.mark.parametrize(
    ("synced", "said"),
    [
        (datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC), "last sync 2026-11-21T12:00:05+0000"),
        (None, "last sync never"),
    ],
)
def test_how_old_the_files_are_is_said(synced: datetime | None, said: str) -> None:
    """The evidence's reader must know what the copy does not have."""
    for status in ("ENABLED", "DELETING"):
        found = replication(SOURCE, FILES, status)
        if synced is not None:
            found["Replications"][0]["Destinations"][0]["LastReplicatedTimestamp"] = synced
        with answering("efs", files_step.CALL_SECONDS) as (efs,):
            efs.add_response("describe_replication_configurations", found)
            efs.add_response("tag_resource", {})
            if status == "ENABLED":
                efs.add_response("delete_replication_configuration", {})
            assert files_step.promote_files(context(file_system_id=FILES)).endswith(said)


def test_another_destination_of_the_same_source_is_not_ours() -> None:
    both = replication(SOURCE, "fs-other", "DELETING")
    both["Replications"] += replication(SOURCE, FILES)["Replications"]
    with answering("efs", files_step.CALL_SECONDS) as (efs,):
        efs.add_response("describe_replication_configurations", both)
        assert files_step.look(context(file_system_id=FILES)) == f"{SOURCE} replicates into {FILES}"


@pytest.mark.parametrize("code", ["InternalServiceError", "ThrottlingException"])
def test_a_secret_whose_service_does_not_answer_is_asked_again(code: str) -> None:
    with answering("secretsmanager", secrets_step.CALL_SECONDS) as (secrets,):
        secrets.add_response("describe_secret", {"PrimaryRegion": PEER})
        secrets.add_client_error("stop_replication_to_replica", code)
        with pytest.raises(ClientError, match=code):
            secrets_step.promote_secrets(context(admin_secret=SECRET))


def test_what_an_error_says_of_the_store() -> None:
    """A refusal degrades the run; a service that is unwell, or slow, is asked again."""
    unanswered = ConnectTimeoutError(endpoint_url="https://nowhere")
    assert code_of(unanswered) == "ConnectTimeoutError"
    assert not is_final(unanswered)
    assert not is_about_the_caller(unanswered)
    for code, final, about_the_caller in (
        ("InvalidParameterValue", True, False),
        ("AccessDeniedException", True, True),
        ("Throttling", False, True),
        ("ServiceUnavailable", False, False),
    ):
        error = ClientError({"Error": {"Code": code}}, "Any")
        assert (code_of(error), is_final(error)) == (code, final)
        assert is_about_the_caller(error) == about_the_caller
