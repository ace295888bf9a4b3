"""One run of a failover step, with the settings that its test cares for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.clock import Clock
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover_step.context import StepContext
from tests.support.certificates import ca_file
from tests.support.clocks import ManualClock
from tests.support.tables import made_table
from tests.unit.failover_step.test_store_steps import context

OWN, PEER, WITNESS = "ca-west-1", "ca-central-1", "us-east-2"
EPOCH = 2
OWN_ARN = "arn:aws:rds:ca-west-1:123456789012:cluster:database-caw1-test"
PEER_ARN = "arn:aws:rds:ca-central-1:123456789012:cluster:database-cac1-test"
LEASE_TABLE, STATE_TABLE = "lease-test", "region-state-test"


def step_run(
    *,
    event: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
    server_port: int | None = None,
    **settings: Any,
) -> StepContext:
    """A run that makes `OWN` active at `EPOCH`; `server_port`: its database on loopback."""
    made = context()
    chosen: dict[str, Any] = {"own_cluster_arn": OWN_ARN, **settings}
    if server_port is not None:
        chosen["database"] = loopback_database(server_port)
    return StepContext(
        settings=replace(made.settings, **chosen),
        event={"epoch": EPOCH, "region": OWN, **(event or {})},
        clock=clock or ManualClock(),
    )


def loopback_database(port: int, region: str = OWN) -> DatabaseAddress:
    """The test's PostgreSQL, as a step reaches it."""
    return DatabaseAddress("127.0.0.1", port, "lifeline", "lifeline", "none", region, ca_file())


def lease_of(holder: str = OWN, epoch: int = EPOCH, writer: str = PEER) -> Lease:
    """As it stands when the plan of `OWN` begins; the other side is the database's writer still."""
    return Lease(holder=holder, epoch=epoch, renewals=7, writer=writer)


def with_lease(run: StepContext, lease: Lease | None) -> StepContext:
    """Make the two tables, and write `lease` into the first; call it inside `mock_aws`."""
    made_table(WITNESS, LEASE_TABLE)
    made_table(OWN, STATE_TABLE)
    if lease is not None:
        assert run.lease.create(lease)
    return run


def move_lease(run: StepContext) -> None:
    """The other region takes the lease while this run goes on."""
    seen = run.lease.read()
    assert seen is not None
    assert run.lease.take(region=PEER, seen=seen, now=run.clock.now())


def global_cluster(
    writer: str = PEER_ARN, *, own: bool = True, moving_to: str = "", status: str = "failing-over"
) -> dict[str, Any]:
    """The answer to DescribeGlobalClusters; `own`: this region's cluster is a member."""
    members = [{"DBClusterArn": PEER_ARN, "IsWriter": writer == PEER_ARN}]
    members += [{"DBClusterArn": OWN_ARN, "IsWriter": writer == OWN_ARN}] if own else []
    found: dict[str, Any] = {"GlobalClusterMembers": members}
    if moving_to:
        found["FailoverState"] = {"Status": status, "ToDbClusterArn": moving_to}
    return {"GlobalClusters": [found]}
