"""Steps about the database: assess, start_promotion, await_database, open_database."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from lifeline.lambdas.failover.plan import PLAN
from lifeline.lambdas.failover.replication_signal import ReplicationSource
from lifeline.lambdas.failover_step.context import NotMine, NotReady, StepContext
from lifeline.lambdas.failover_step.service_errors import code_of

POLL_SECONDS = 0.5
POLL_BUDGET_SECONDS = 12.0
STUCK_SECONDS = next(step.budget_seconds for step in PLAN if step.name == "await_database")
"""A promotion that was accepted and has not happened by the end of its budget is stuck."""

ASK_WITHIN_SECONDS = 5.0
"""A third of the step's time-out: what is asked then is answered, or lost, before the task is given up."""

NOT_NOW = frozenset({"InvalidGlobalClusterStateFault", "InvalidDBClusterStateFault"})
"""What the service answers while it is still moving the writer."""


def assess(context: StepContext) -> str:
    """Read the replica before anything changes: what the evidence says of its state."""
    view = context.database.view()
    peer, database = context.settings.peer_region, context.database
    if context.settings.replication_signal is ReplicationSource.HEARTBEAT:
        what, born = "heartbeat", database.newest_heartbeat(peer)
    else:
        what, born = "applied marker", database.newest_applied_born(peer)
    age = "unknown" if born is None else f"{context.clock.now() - born:.1f} s old"
    return f"epoch {view.epoch}, replica {view.in_recovery}, newest {what} {age}"


def report(context: StepContext) -> str:
    """The authority row of this region's database, for `lifeline authority init` (A10). Read only."""
    view = context.database.view()
    return json.dumps({"epoch": view.epoch, "holder": view.holder, "in_recovery": view.in_recovery})


def writer_arn(cluster: dict[str, Any]) -> str:
    """The ARN of the global cluster's writer; empty when it names none."""
    for member in cluster.get("GlobalClusterMembers", []):
        if member.get("IsWriter"):
            return str(member.get("DBClusterArn", ""))
    return ""


def promotion_accepted(context: StepContext) -> bool:
    """Whether this region's cluster is the writer, is being made it, or left and writes on its own.

    Raises what the service or the server raises: not knowing is not a no.
    """
    own = context.settings.own_cluster_arn
    cluster = _global_cluster(context)
    failover = cluster.get("FailoverState") or {}
    moving = failover.get("Status") in {"pending", "failing-over", "switching-over"}
    if writer_arn(cluster) == own or (moving and failover.get("ToDbClusterArn") == own):
        return True
    # A promotion that was stuck left the global cluster (decision 11): there is none to ask for again.
    return own not in _members(cluster) and not context.database.view().in_recovery


def start_promotion(context: StepContext) -> str:
    """Ask for the promotion, once: accepted is the point of no return (D1).

    The lease is read right before the call, and an attempt that was slow until then asks no more: its task
    may have timed out and the lease been released, while this run still goes on.
    """
    began = context.clock.monotonic()
    accepted = promotion_accepted(context)
    lease = context.lease.read()
    if lease is None or (lease.holder, lease.epoch) != (context.region, context.epoch):
        raise NotMine("the lease moved before the promotion was asked for")
    if accepted:
        said = "the writer is here, or on its way, already"
    elif context.clock.monotonic() - began > ASK_WITHIN_SECONDS:
        raise NotReady("the looks before it took too long to ask for the promotion in this attempt")
    else:
        context.rds.failover_global_cluster(
            GlobalClusterIdentifier=context.settings.global_cluster,
            TargetDbClusterIdentifier=context.settings.own_cluster_arn,
            AllowDataLoss=True,
        )
        said = "the database service accepted the failover"
    if context.lease.record_writer(region=context.region, epoch=context.epoch) is None:
        raise NotMine("the lease moved while the promotion was asked for")
    return said


def await_database(context: StepContext) -> str:
    """Wait until this region's cluster takes writes, as the writer or, if that is stuck, on its own.

    A promotion past its budget leaves the global cluster (decision 11): slower to make good again,
    since the other member must be rebuilt, but a service that does not finish cannot hold a recovery up.
    """
    deadline = context.clock.monotonic() + POLL_BUDGET_SECONDS
    while True:
        said = _not_writable_because(context)
        if not said:
            return "this region's cluster is the writer and takes writes"
        if context.clock.monotonic() >= deadline:
            raise NotReady(said + _leave_when_stuck(context))
        context.clock.sleep(POLL_SECONDS)


def _leave_when_stuck(context: StepContext) -> str:
    """Take this region's cluster out of the global one, if its promotion had its time. Words for the log."""
    if _waited_seconds(context) < STUCK_SECONDS:
        return ""
    own = context.settings.own_cluster_arn
    try:
        cluster = _global_cluster(context)
        if writer_arn(cluster) == own:
            # Promoted: leaving would help nothing and cost the standby.
            return "; the service has made it the writer: the server, or the way to it, is at fault"
        if own not in _members(cluster):
            return "; it is on its own already"
        context.rds.remove_from_global_cluster(
            GlobalClusterIdentifier=context.settings.global_cluster,
            DbClusterIdentifier=own,
        )
    except ClientError as error:
        code = code_of(error)
        if code not in NOT_NOW:
            raise
        return f"; past its budget, and the service does not let it leave yet ({code})"
    return "; past its budget: asked to leave the global cluster"


def _waited_seconds(context: StepContext) -> float:
    """Since the state machine came to this step; 0 when it does not say (then nothing leaves)."""
    try:
        entered = datetime.fromisoformat(str(context.event.get("entered_at", "")))
    except ValueError:
        return 0.0
    return context.clock.now() - entered.timestamp()


def open_database(context: StepContext) -> str:
    """Write epoch and holder under the exclusive lock; appliers of this epoch start by themselves.

    The stamp is read before the lease is renewed (A1), so the region serves no longer than its lease.
    """
    stamp = context.database.clock()
    renewed = context.lease.renew(region=context.region, epoch=context.epoch, health="recovering")
    if renewed is None:
        raise NotMine("the lease moved before the database was opened")
    epoch = context.database.open_epoch(
        region=context.region, epoch=context.epoch, renewed_from=stamp
    )
    if epoch != context.epoch:
        raise NotMine(f"the database is at epoch {epoch}, newer than {context.epoch}")
    return f"the database is open at epoch {epoch}"


def _global_cluster(context: StepContext) -> dict[str, Any]:
    answer = context.rds.describe_global_clusters(
        GlobalClusterIdentifier=context.settings.global_cluster
    )
    clusters: list[dict[str, Any]] = answer["GlobalClusters"]
    if not clusters:
        raise NotReady(f"there is no global cluster {context.settings.global_cluster}")
    return clusters[0]


def _members(cluster: dict[str, Any]) -> set[str]:
    return {str(one.get("DBClusterArn", "")) for one in cluster.get("GlobalClusterMembers", [])}


def _not_writable_because(context: StepContext) -> str:
    own = context.settings.own_cluster_arn
    try:
        cluster = _global_cluster(context)
        writer = writer_arn(cluster)
        if writer != own and own in _members(cluster):
            return f"the writer is {writer or 'nobody'}"
        if context.database.view().in_recovery:
            return "this region's server is still a replica"
    except Exception as error:
        return f"cannot tell yet: {error!r}"
    return ""
