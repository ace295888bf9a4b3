"""The failover steps that write or read a database, against a real server (A1, A8, A16, D7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.plan import Outcome
from lifeline.lambdas.failover.protocol import APPLY_LOCK
from lifeline.lambdas.failover.replication_signal import ReplicationSource
from lifeline.lambdas.failover_step import authority_steps
from lifeline.lambdas.failover_step.authority_steps import FENCE_TIMEOUT_SECONDS, fence, release
from lifeline.lambdas.failover_step.context import NotMine, NotReady, StepAnswer, StepContext
from lifeline.lambdas.failover_step.database_steps import assess, open_database, report
from lifeline.lambdas.failover_step.service_steps import resume_processing
from lifeline.services.shared.database import connect
from tests.integration.datapath.engines import until
from tests.support.clocks import ManualClock
from tests.support.http_server import closed_port, silent_port
from tests.support.step_runs import (
    EPOCH,
    OWN,
    PEER,
    global_cluster,
    lease_of,
    loopback_database,
    step_run,
    with_lease,
)
from tests.unit.failover_step.test_store_steps import credentials

__all__ = ["credentials"]

Sql = Callable[..., list[Any]]
Renewed = Callable[..., None]


@pytest.fixture(autouse=True)
def tables(credentials: None) -> Iterator[None]:
    with mock_aws():
        yield


def authority(sql: Sql) -> tuple[int, str]:
    epoch, holder = sql("SELECT epoch, holder FROM authority")[0]
    return int(epoch), str(holder)


def fencing(port: int, **settings: Any) -> StepContext:
    """A run that finds the other side's database at this port of loopback."""
    return step_run(peer_database_host="127.0.0.1", peer_database_port=str(port), **settings)


def test_the_other_sides_database_is_fenced(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed
) -> None:
    serve_here(1, PEER)
    run = fencing(database.port, database=loopback_database(closed_port()))
    assert fence(run) == "the other side's database is at epoch 2"
    assert authority(sql) == (EPOCH, ""), "held by nobody: the row replicates (A16)"


def test_the_fence_finds_the_other_side_in_the_directory(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed
) -> None:
    serve_here(1, PEER)
    run = with_lease(step_run(database=loopback_database(closed_port())), lease_of())
    facts = {"database_host": "127.0.0.1", "database_port": str(database.port)}
    run.lease.publish_region(PEER, facts)
    assert fence(run) == "the other side's database is at epoch 2"
    assert authority(sql) == (EPOCH, "")


def test_a_fence_leaves_no_connection_behind(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed
) -> None:
    def clients() -> int:
        return int(
            sql(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )[0][0]
        )

    serve_here(1, PEER)
    before = clients()
    fence(fencing(database.port))
    until("the fence's connection closed", lambda: clients() == before, 3)


def test_a_database_that_refuses_connections_is_said_not_raised() -> None:
    assert fence(fencing(closed_port())).startswith("not reached: ")


def test_a_database_that_hangs_holds_the_fence_up_for_its_timeout_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """D7: a lost region's database takes the connection, or nothing at all, and never answers."""
    assert FENCE_TIMEOUT_SECONDS == 3.0
    monkeypatch.setattr(authority_steps, "FENCE_TIMEOUT_SECONDS", 0.3)
    with silent_port() as port:
        began = time.monotonic()
        said = fence(fencing(port))
        lasted = time.monotonic() - began
    assert said.startswith("not reached: ")
    assert lasted < 1.5


def test_a_fence_that_an_applier_holds_up_gives_up_and_changes_nothing(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hung applier keeps the shared lock: the plan goes on, and the row stays what it was (A8)."""
    monkeypatch.setattr(authority_steps, "FENCE_TIMEOUT_SECONDS", 0.3)
    serve_here(1, PEER)
    with connect(database, purpose="applier") as applier:
        with applier.transaction():
            applier.execute("SELECT pg_advisory_xact_lock_shared(%s)", (APPLY_LOCK,))
            assert fence(fencing(database.port)).startswith("not reached: ")
        until("the fence's own wait over", lambda: not waiting_for_lock(sql))
    assert authority(sql) == (1, PEER)


def waiting_for_lock(sql: Sql) -> bool:
    return bool(sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' LIMIT 1"))


def opening(database: DatabaseAddress, lease: Lease | None) -> StepContext:
    return with_lease(step_run(server_port=database.port), lease)


def test_the_database_is_opened_under_a_renewed_lease(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed
) -> None:
    serve_here(1, PEER)
    run = opening(database, lease_of())
    assert open_database(run) == f"the database is open at epoch {EPOCH}"
    lease = run.lease.read()
    assert lease is not None
    assert (lease.renewals, dict(lease.health)) == (8, {OWN: "recovering"})
    assert authority(sql) == (EPOCH, OWN)


def test_the_stamp_is_older_than_the_renewal(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed
) -> None:
    """A1: counted from before the renewal was sent, so the region never outlives its lease."""
    serve_here(1, PEER)
    run = opening(database, lease_of())
    sent: list[object] = []

    def happen(**_: Any) -> None:
        sent.append(sql("SELECT clock_timestamp()")[0][0])

    tables = run.lease._client
    tables.meta.events.register("before-parameter-build.dynamodb.UpdateItem", happen)
    open_database(run)
    assert len(sent) == 1
    assert sql("SELECT renewed_from < %s FROM authority", sent[0]) == [(True,)]
    assert sql(
        "SELECT renewed_from > %s::timestamptz - interval '5 s' FROM authority", sent[0]
    ) == [(True,)]


@pytest.mark.parametrize("lease", [None, lease_of(PEER), lease_of(epoch=EPOCH + 1)])
def test_without_the_lease_the_database_stays_shut(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed, lease: Lease | None
) -> None:
    """The plan renews before it opens: a region that lost the lease while it promoted serves nothing."""
    serve_here(1, PEER)
    run = opening(database, lease)
    with pytest.raises(NotMine, match="the lease moved before the database was opened"):
        open_database(run)
    assert authority(sql) == (1, PEER)


def test_a_newer_database_ends_the_plan(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed
) -> None:
    serve_here(EPOCH + 1, PEER)
    with pytest.raises(NotMine, match=f"newer than {EPOCH}"):
        open_database(opening(database, lease_of()))
    assert authority(sql) == (EPOCH + 1, PEER)


def test_opening_twice_changes_nothing(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed
) -> None:
    serve_here(1, PEER)
    run = opening(database, lease_of())
    open_database(run)
    opened = sql("SELECT epoch, holder, opened_at FROM authority")
    assert open_database(run) == f"the database is open at epoch {EPOCH}"
    assert sql("SELECT epoch, holder, opened_at FROM authority") == opened


def beat(sql: Sql, epoch: int, seconds_ago: float = 0.0, region: str = OWN) -> None:
    sql(
        "INSERT INTO heartbeat (region, role, epoch, at) "
        "VALUES (%s, 'event-applier', %s, clock_timestamp() - make_interval(secs => %s))",
        region,
        epoch,
        seconds_ago,
    )


def test_processing_goes_on_when_a_processor_applies_at_this_epoch(
    database: DatabaseAddress, sql: Sql
) -> None:
    beat(sql, EPOCH)
    run = step_run(server_port=database.port)
    assert resume_processing(run) == f"event appliers apply at epoch {EPOCH}"


@pytest.mark.parametrize(
    ("epoch", "seconds_ago", "region"),
    [(EPOCH - 1, 0.0, OWN), (EPOCH, 6.0, OWN), (EPOCH, 0.0, PEER)],
)
def test_an_older_epoch_an_old_heartbeat_or_the_other_regions_prove_nothing(
    database: DatabaseAddress, sql: Sql, epoch: int, seconds_ago: float, region: str
) -> None:
    beat(sql, epoch, seconds_ago, region)
    with pytest.raises(NotReady, match="the newest heartbeat is of epoch"):
        resume_processing(step_run(server_port=database.port))


def test_a_heartbeat_is_waited_for(database: DatabaseAddress, sql: Sql) -> None:
    class FirstWait(ManualClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.slept) == 2:
                beat(sql, EPOCH)

    clock = FirstWait()
    assert resume_processing(step_run(server_port=database.port, clock=clock)).endswith("2")
    assert len(clock.slept) == 2


def test_a_database_that_is_not_there_is_waited_for() -> None:
    with pytest.raises(NotReady, match="cannot tell yet"):
        resume_processing(step_run(server_port=closed_port()))


def test_a_cluster_on_its_own_that_takes_writes_keeps_the_lease(
    database: DatabaseAddress, sql: Sql
) -> None:
    """It left the global cluster while it was promoted (decision 11): releasing would make two writers."""
    run = opening(database, lease_of())
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster(own=False))
        assert release(run) == StepAnswer(
            Outcome.PROMOTION_ACCEPTED, "the database service had accepted it"
        )
    lease = run.lease.read()
    assert lease is not None
    assert (lease.holder, lease.writer) == (OWN, OWN)


def test_what_the_replica_knows_is_said_before_anything_changes(
    database: DatabaseAddress, sql: Sql, serve_here: Renewed
) -> None:
    serve_here(1, PEER)
    clock = ManualClock()
    run = replace(step_run(server_port=database.port), clock=clock)
    assert assess(run) == "epoch 1, replica False, newest applied marker unknown"
    sql(
        "INSERT INTO applied_marker "
        "(origin, incarnation, shard, topic, partition, sequence, born, record_time) "
        "VALUES (%s, '1', 's', 't', 0, 1, to_timestamp(%s), now())",
        PEER,
        clock.now() - 12.5,
    )
    assert assess(run) == "epoch 1, replica False, newest applied marker 12.5 s old"
    assert report(run) == '{"epoch": 1, "holder": "ca-central-1", "in_recovery": false}'


def test_without_markers_the_heartbeat_is_assessed(database: DatabaseAddress, sql: Sql) -> None:
    clock = ManualClock()
    run = replace(
        step_run(server_port=database.port, replication_signal=ReplicationSource.HEARTBEAT),
        clock=clock,
    )
    assert assess(run).endswith("newest heartbeat unknown")
    sql(
        "UPDATE authority SET epoch = 1, holder = %s, renewed_from = to_timestamp(%s)",
        PEER,
        clock.now() - 7.5,
    )
    assert assess(run).endswith("newest heartbeat 7.5 s old")
