"""A promotion that was accepted and does not happen: the region's cluster leaves the global one.

The service's answers are checked against its own model (botocore's stubber).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.adapters.lease_table import LeaseTable
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover_step import database_steps
from lifeline.lambdas.failover_step.context import NotReady, StepContext
from lifeline.lambdas.failover_step.database_steps import STUCK_SECONDS
from tests.unit.failover_step.test_store_steps import context, credentials

__all__ = ["credentials"]

OWN_ARN = "arn:aws:rds:ca-west-1:123456789012:cluster:database-caw1-test"
PEER_ARN = "arn:aws:rds:ca-central-1:123456789012:cluster:database-cac1-test"


def world(*, own: bool) -> dict[str, Any]:
    """The global cluster: the lost region's member writes; ours reads, or left."""
    members = [{"DBClusterArn": PEER_ARN, "IsWriter": True}]
    members += [{"DBClusterArn": OWN_ARN, "IsWriter": False}] if own else []
    return {"GlobalClusters": [{"GlobalClusterMembers": members}]}


def waiting(seconds: float) -> StepContext:
    """A run that came to the step `seconds` ago."""
    entered = datetime.now(UTC) - timedelta(seconds=seconds)
    made = context()
    return StepContext(
        settings=_with_arn(made),
        event={**made.event, "entered_at": entered.isoformat().replace("+00:00", "Z")},
    )


def _with_arn(made: StepContext) -> Any:
    return replace(made.settings, own_cluster_arn=OWN_ARN)


@pytest.fixture(autouse=True)
def one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_steps, "POLL_BUDGET_SECONDS", 0.0)


def test_within_its_budget_nothing_leaves() -> None:
    run = waiting(STUCK_SECONDS - 10)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", world(own=True))
        with pytest.raises(NotReady, match=f"the writer is {PEER_ARN}$"):
            database_steps.await_database(run)
        rds.assert_no_pending_responses()


def test_past_its_budget_the_cluster_leaves() -> None:
    run = waiting(STUCK_SECONDS + 10)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", world(own=True))
        rds.add_response("describe_global_clusters", world(own=True))
        rds.add_response(
            "remove_from_global_cluster",
            {"GlobalCluster": {}},
            {"GlobalClusterIdentifier": "global-test", "DbClusterIdentifier": OWN_ARN},
        )
        with pytest.raises(NotReady, match="asked to leave the global cluster"):
            database_steps.await_database(run)
        rds.assert_no_pending_responses()


def test_a_service_that_still_moves_the_writer_is_waited_for() -> None:
    run = waiting(STUCK_SECONDS + 10)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", world(own=True))
        rds.add_response("describe_global_clusters", world(own=True))
        rds.add_client_error("remove_from_global_cluster", "InvalidGlobalClusterStateFault")
        with pytest.raises(NotReady, match="does not let it leave yet"):
            database_steps.await_database(run)


def test_a_cluster_on_its_own_is_asked_by_its_server_alone() -> None:
    """It left before: not asked to leave again; whether it takes writes its server says."""
    run = waiting(STUCK_SECONDS + 10)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", world(own=False))
        rds.add_response("describe_global_clusters", world(own=False))
        with pytest.raises(NotReady, match=r"cannot tell yet.*on its own already"):
            database_steps.await_database(run)
        rds.assert_no_pending_responses()


def test_a_run_that_does_not_say_when_it_came_leaves_nothing() -> None:
    run = StepContext(settings=_with_arn(context()), event={"epoch": 2, "region": "ca-west-1"})
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", world(own=True))
        with pytest.raises(NotReady):
            database_steps.await_database(run)
        rds.assert_no_pending_responses()


def test_a_writer_whose_server_cannot_be_asked_does_not_leave() -> None:
    """Unknown is not stuck: the service did its part."""
    run = waiting(STUCK_SECONDS + 10)
    here = {
        "GlobalClusters": [{"GlobalClusterMembers": [{"DBClusterArn": OWN_ARN, "IsWriter": True}]}]
    }
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", here)
        rds.add_response("describe_global_clusters", here)
        with pytest.raises(NotReady, match="the server, or the way to it, is at fault"):
            database_steps.await_database(run)
        rds.assert_no_pending_responses()


class Server:
    """This region's server, on its own: it takes writes."""

    in_recovery = False

    def view(self) -> Server:
        return self


def test_a_run_after_the_stuck_one_takes_its_cluster_as_promoted() -> None:
    run = waiting(0)
    run.__dict__["database"] = Server()
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", world(own=False))
        assert database_steps.promotion_accepted(run)


@mock_aws
def test_a_slow_attempt_asks_for_no_promotion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its task may have timed out, and the lease been released, while it looked."""
    monkeypatch.setattr(database_steps, "ASK_WITHIN_SECONDS", -1.0)
    run = waiting(0)
    monkeypatch.setenv("AWS_REGION", "ca-west-1")
    tables = client("dynamodb", "us-east-2")
    tables.create_table(
        TableName="lease-test",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    lease = Lease(holder="ca-west-1", epoch=2, renewals=0, writer="ca-central-1")
    assert LeaseTable(tables, "lease-test").create(lease)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", world(own=True))
        with pytest.raises(NotReady, match="took too long to ask"):
            database_steps.start_promotion(run)
        rds.assert_no_pending_responses()
