"""The promotion is asked for once, by whoever holds the lease at that very moment (D1)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from lifeline.lambdas.failover.decision import DatabaseView
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease
from lifeline.lambdas.failover.replication_signal import ReplicationSource
from lifeline.lambdas.failover_step.context import Aborted, NotMine, StepContext
from lifeline.lambdas.failover_step.database_steps import (
    assess,
    open_database,
    report,
    start_promotion,
)
from tests.support.step_runs import (
    EPOCH,
    OWN,
    OWN_ARN,
    PEER,
    global_cluster,
    lease_of,
    move_lease,
    step_run,
    with_lease,
)
from tests.unit.failover_step.test_store_steps import credentials

__all__ = ["credentials"]

FAILOVER = {
    "GlobalClusterIdentifier": "global-test",
    "TargetDbClusterIdentifier": OWN_ARN,
    "AllowDataLoss": True,
}


@pytest.fixture(autouse=True)
def tables(credentials: None) -> Iterator[None]:
    with mock_aws():
        yield


def writer_in_lease(run: StepContext) -> str:
    lease = run.lease.read()
    assert lease is not None
    return lease.writer


def during(run: StepContext, operation: str, act: Callable[[], Any]) -> None:
    """Do `act` while `operation` is on its way to the database service, once."""
    left = [act]

    def happen(**_: Any) -> None:
        if left:
            left.pop()()

    run.rds.meta.events.register(f"before-parameter-build.rds.{operation}", happen)


def test_the_promotion_is_asked_for_and_recorded() -> None:
    run = with_lease(step_run(), lease_of())
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("failover_global_cluster", {"GlobalCluster": {}}, FAILOVER)
        assert start_promotion(run) == "the database service accepted the failover"
        rds.assert_no_pending_responses()
    assert writer_in_lease(run) == OWN
    assert run.local.plan_runs(EPOCH).accepted_at == run.clock.now(), "what D11 counts from"


@pytest.mark.parametrize(
    "found", [global_cluster(writer=OWN_ARN), global_cluster(moving_to=OWN_ARN)]
)
def test_a_promotion_under_way_is_recorded_and_not_asked_for_again(found: dict[str, Any]) -> None:
    run = with_lease(step_run(), lease_of())
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", found)
        assert start_promotion(run) == "the writer is here, or on its way, already"
    assert writer_in_lease(run) == OWN


@pytest.mark.parametrize(
    "lease", [None, lease_of(PEER), lease_of(NO_HOLDER), lease_of(epoch=EPOCH + 1)]
)
def test_without_the_lease_no_promotion_is_asked_for(lease: Lease | None) -> None:
    run = with_lease(step_run(), lease)
    with Stubber(run.rds) as rds:  # a call that was not promised raises another exception
        rds.add_response("describe_global_clusters", global_cluster())
        with pytest.raises(NotMine, match="before the promotion was asked for"):
            start_promotion(run)


def test_the_lease_is_looked_at_right_before_the_promotion() -> None:
    """It moves while the database service still answers the look before."""
    run = with_lease(step_run(), lease_of())
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        during(run, "DescribeGlobalClusters", lambda: move_lease(run))
        with pytest.raises(NotMine, match="before the promotion was asked for"):
            start_promotion(run)
    assert writer_in_lease(run) == PEER


def abort(run: StepContext) -> None:
    """A person aborts the epoch (D9)."""
    assert run.lease.abort(epoch=EPOCH)


def test_an_aborted_epoch_asks_for_no_promotion() -> None:
    """A17: the mark is read right before the call; it comes while the service answers the look before."""
    run = with_lease(step_run(), lease_of())
    with Stubber(run.rds) as rds:  # a call that was not promised raises another exception
        rds.add_response("describe_global_clusters", global_cluster())
        during(run, "DescribeGlobalClusters", lambda: abort(run))
        with pytest.raises(Aborted, match="aborted epoch 2"):
            start_promotion(run)
    assert writer_in_lease(run) == PEER


def test_an_abort_that_comes_during_the_call_is_too_late() -> None:
    """The point of no return is the service's acceptance: the plan goes forward."""
    run = with_lease(step_run(), lease_of())
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("failover_global_cluster", {"GlobalCluster": {}}, FAILOVER)
        during(run, "FailoverGlobalCluster", lambda: abort(run))
        assert start_promotion(run) == "the database service accepted the failover"
    assert writer_in_lease(run) == OWN
    assert run.lease.abort(epoch=EPOCH) is None


def test_a_promotion_under_way_is_not_stopped_by_the_mark() -> None:
    """An earlier run of the epoch asked, and died before it recorded the acceptance (A17)."""
    run = with_lease(step_run(), lease_of())
    abort(run)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster(moving_to=OWN_ARN))
        assert start_promotion(run) == "the writer is here, or on its way, already"
    assert writer_in_lease(run) == OWN


def test_the_mark_of_an_older_epoch_stops_nothing() -> None:
    run = with_lease(step_run(), replace(lease_of(), aborted_epoch=EPOCH - 1))
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("failover_global_cluster", {"GlobalCluster": {}}, FAILOVER)
        assert start_promotion(run) == "the database service accepted the failover"


def test_a_lease_that_moved_during_the_call_ends_the_plan() -> None:
    run = with_lease(step_run(), lease_of())
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("failover_global_cluster", {"GlobalCluster": {}}, FAILOVER)
        during(run, "FailoverGlobalCluster", lambda: move_lease(run))
        with pytest.raises(NotMine, match="while the promotion was asked for"):
            start_promotion(run)
    assert writer_in_lease(run) == PEER


def test_a_refused_promotion_records_nothing() -> None:
    run = with_lease(step_run(), lease_of())
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_client_error("failover_global_cluster", "InvalidGlobalClusterStateFault")
        with pytest.raises(ClientError):
            start_promotion(run)
    assert writer_in_lease(run) == PEER
    assert not run.local.plan_runs(EPOCH).accepted_at


class Server:
    """The region's own database: what it was asked, in order, and the epoch at which it is."""

    def __init__(self, run: StepContext, epoch: int = EPOCH) -> None:
        self.run, self.epoch = run, epoch
        self.renewals: list[int] = []
        self.opened: list[dict[str, Any]] = []

    def clock(self) -> str:
        self.renewals.append(self._renewals())
        return "a stamp"

    def open_epoch(self, **words: Any) -> int:
        self.renewals.append(self._renewals())
        self.opened.append(words)
        return self.epoch

    def _renewals(self) -> int:
        lease = self.run.lease.read()
        return -1 if lease is None else lease.renewals


def opening(lease: Lease | None, epoch: int = EPOCH) -> tuple[StepContext, Server]:
    run = with_lease(step_run(), lease)
    server = Server(run, epoch)
    run.__dict__["database"] = server
    return run, server


def test_the_database_is_opened_by_a_stamp_that_is_older_than_the_leases_renewal() -> None:
    """A1: else the region could serve for longer than its lease."""
    run, server = opening(lease_of())
    assert open_database(run) == f"the database is open at epoch {EPOCH}"
    before, after = server.renewals
    assert after == before + 1
    assert server.opened == [{"region": OWN, "epoch": EPOCH, "renewed_from": "a stamp"}]


@pytest.mark.parametrize(
    "lease", [None, lease_of(PEER), lease_of(NO_HOLDER), lease_of(epoch=EPOCH + 1)]
)
def test_whose_lease_cannot_be_renewed_opens_no_database(lease: Lease | None) -> None:
    run, server = opening(lease)
    with pytest.raises(NotMine, match="before the database was opened"):
        open_database(run)
    assert server.opened == []


def test_a_database_at_a_newer_epoch_is_anothers() -> None:
    run, _ = opening(lease_of(), epoch=EPOCH + 1)
    with pytest.raises(NotMine, match="newer than"):
        open_database(run)


class Replica:
    """What the replica knows of the other side, 4 and 2.5 s old."""

    def __init__(self, run: StepContext, known: bool) -> None:
        self.now, self.known = run.clock.now(), known

    def view(self) -> DatabaseView:
        return DatabaseView(epoch=EPOCH - 1, holder=PEER, in_recovery=True)

    def newest_applied_born(self, origin: str) -> float | None:
        assert origin == PEER
        return self.now - 4.0 if self.known else None

    def newest_heartbeat(self, region: str) -> float | None:
        assert region == PEER
        return self.now - 2.5 if self.known else None


@pytest.mark.parametrize(
    ("source", "known", "said"),
    [
        (ReplicationSource.MARKERS, True, "newest applied marker 4.0 s old"),
        (ReplicationSource.HEARTBEAT, True, "newest heartbeat 2.5 s old"),
        (ReplicationSource.MARKERS, False, "newest applied marker unknown"),
        (ReplicationSource.HEARTBEAT, False, "newest heartbeat unknown"),
    ],
)
def test_the_replica_is_read_before_anything_changes(
    source: ReplicationSource, known: bool, said: str
) -> None:
    """The evidence says how old it was, by what this environment goes by."""
    run = step_run(replication_signal=source)
    run.__dict__["database"] = Replica(run, known)
    assert assess(run) == f"epoch {EPOCH - 1}, replica True, {said}"


def test_the_row_is_reported_as_it_is() -> None:
    """A10: `lifeline authority init` takes the greatest epoch of both databases from it."""
    run = step_run()
    run.__dict__["database"] = Replica(run, known=True)
    assert json.loads(report(run)) == {"epoch": EPOCH - 1, "holder": PEER, "in_recovery": True}
