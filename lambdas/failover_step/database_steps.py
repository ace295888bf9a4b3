"""Steps about the database: assess, start_promotion, await_database, open_database."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.pages import PROMOTION_LATE
from lifeline.lambdas.failover.plan_runs import Moment
from lifeline.lambdas.failover.promotion import BUDGET_SECONDS, CEILING_SECONDS, Move, next_move
from lifeline.lambdas.failover.replication_signal import ReplicationSource
from lifeline.lambdas.failover_step.context import Aborted, NotMine, NotReady, StepContext
from lifeline.lambdas.failover_step.service_errors import CALL_ERRORS, code_of, is_final

POLL_SECONDS = 0.5
POLL_BUDGET_SECONDS = 12.0

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
    """Whether a promotion was accepted in this epoch, or this region's cluster is the writer, is being made
    it, or left and writes on its own.

    Raises what a service or the server raises: not knowing is not a no.
    """
    if context.local.plan_runs(context.epoch).accepted_at:
        # Should the service cancel it afterwards: the point of no return was passed all the same (D1).
        return True
    own = context.settings.own_cluster_arn
    cluster = _global_cluster(context)
    moving = _failover_status(cluster) in {"pending", "failing-over", "switching-over"}
    to_own = (cluster.get("FailoverState") or {}).get("ToDbClusterArn") == own
    if writer_arn(cluster) == own or (moving and to_own):
        return True
    # A promotion that was stuck left the global cluster (decision 11): there is none to ask for again.
    return own not in _members(cluster) and not context.database.view().in_recovery


def start_promotion(context: StepContext) -> str:
    """Ask for the promotion, once: accepted is the point of no return (D1).

    The lease, and with it a person's abort (A17), is read right before the call. An attempt that was slow
    until then asks no more: its task may have timed out and the lease been released, while this run goes on.
    """
    began = context.clock.monotonic()
    accepted = promotion_accepted(context)
    lease = _still_mine(context, "before the promotion was asked for")
    if accepted:
        said = "the writer is here, or on its way, already"
    elif lease.is_aborted:
        raise Aborted(f"a person aborted epoch {context.epoch}: no promotion is asked for")
    elif context.clock.monotonic() - began > ASK_WITHIN_SECONDS:
        raise NotReady("the looks before it took too long to ask for the promotion in this attempt")
    else:
        _ask_for_promotion(context)
        said = "the database service accepted the failover"
    if context.lease.record_writer(region=context.region, epoch=context.epoch) is None:
        raise NotMine("the lease moved while the promotion was asked for")
    _note_acceptance(context)
    return said


def _ask_for_promotion(context: StepContext) -> None:
    context.rds.failover_global_cluster(
        GlobalClusterIdentifier=context.settings.global_cluster,
        TargetDbClusterIdentifier=context.settings.own_cluster_arn,
        AllowDataLoss=True,
    )


def await_database(context: StepContext) -> str:
    """Wait until this region's cluster takes writes, as the writer or, if that is stuck, on its own.

    A promotion past its budget that no failover is in progress for is asked for once more, and then leaves
    the global cluster (D11, decision 11): slower to make good again, since the other member must be rebuilt,
    but a service that does not finish cannot hold a recovery up.
    """
    # Who comes here without a record of the acceptance counts from now.
    with suppress(*CALL_ERRORS):
        _note_acceptance(context)
    deadline = context.clock.monotonic() + POLL_BUDGET_SECONDS
    while True:
        said = _not_writable_because(context)
        if not said:
            return "this region's cluster is the writer and takes writes"
        if context.clock.monotonic() >= deadline:
            raise NotReady(said + _move_on(context))
        context.clock.sleep(POLL_SECONDS)


def _move_on(context: StepContext) -> str:
    """What the promotion needs next, past its budget (D11). Words for the log."""
    try:
        runs = context.local.plan_runs(context.epoch)
    except CALL_ERRORS as error:
        return f"; since when is not known ({code_of(error)}), so nothing leaves"
    waited = context.clock.now() - runs.accepted_at
    if not runs.accepted_at or waited < BUDGET_SECONDS:
        return ""
    own = context.settings.own_cluster_arn
    cluster = _global_cluster(context)
    if writer_arn(cluster) == own:
        # Promoted: leaving would help nothing and cost the standby.
        return "; the service has made it the writer: the server, or the way to it, is at fault"
    if own not in _members(cluster):
        return "; it is on its own already"
    status = _failover_status(cluster)
    if waited >= CEILING_SECONDS:
        _page_once(context, status, waited)
    move = next_move(
        status=status,
        accepted_at=runs.accepted_at,
        asked_again_at=runs.asked_again_at,
        now=context.clock.now(),
    )
    match move:
        case Move.ASK_AGAIN:
            return _ask_again(context)
        case Move.LEAVE:
            return _leave(context)
        case Move.WAIT if status:
            return f"; past its budget, and the failover is {status}: waiting for it"
        case Move.WAIT:
            return "; past its budget: waiting for the second request to show"


def _ask_again(context: StepContext) -> str:
    """Ask for the promotion once more; an answer that is final is recorded, so it is the last request."""
    _still_mine(context, "before the promotion was asked for once more")
    said = "; past its budget, and no failover is in progress: asked for the promotion once more"
    try:
        _ask_for_promotion(context)
    except ClientError as error:
        if not is_final(error):
            raise
        said += f", and the service refused it: {code_of(error)}"
    context.local.note_moment(context.epoch, Moment.ASKED_AGAIN, now=context.clock.now())
    return said


def _leave(context: StepContext) -> str:
    """Take this region's cluster out of the global one: the last resort, which costs the standby."""
    _still_mine(context, "before the region left the global cluster")
    try:
        context.rds.remove_from_global_cluster(
            GlobalClusterIdentifier=context.settings.global_cluster,
            DbClusterIdentifier=context.settings.own_cluster_arn,
        )
    except ClientError as error:
        code = code_of(error)
        if code not in NOT_NOW:
            raise
        return f"; past its budget, and the service does not let it leave yet ({code})"
    return "; past its budget: asked to leave the global cluster"


def _page_once(context: StepContext, status: str, waited: float) -> None:
    """Tell a person that the ceiling was passed; the step's own pages repeat afterwards."""
    now = context.clock.now()
    if not context.local.note_moment(context.epoch, Moment.LATE, now=now):
        return
    told = context.sender.of_plan(
        PROMOTION_LATE,
        f"The database service accepted the promotion for epoch {context.epoch} {waited:.0f} s ago; its "
        f"failover is {status or 'not in progress'}. The plan now tries to take this region's cluster out of "
        f"the global cluster, whatever that says, and goes on by itself. The other member must be rebuilt "
        f"afterwards.",
        lease=context.lease_if_known(),
        execution=str(context.event.get("execution", "")),
    )
    context.pager.page(told.subject, told.text)


def _still_mine(context: StepContext, when: str) -> Lease:
    """The lease, read now. Raises NotMine unless it is this region's at this epoch."""
    lease = context.lease.read()
    if lease is None or (lease.holder, lease.epoch) != (context.region, context.epoch):
        raise NotMine(f"the lease moved {when}")
    context.require_other_region()
    return lease


def _note_acceptance(context: StepContext) -> None:
    """Record when the promotion was accepted, once for the epoch; by this region's own clock (D11)."""
    context.local.note_moment(context.epoch, Moment.ACCEPTED, now=context.clock.now())


def open_database(context: StepContext) -> str:
    """Write epoch and holder under the exclusive lock; appliers of this epoch start by themselves.

    The stamp is read before the lease is renewed (A1), so the region serves no longer than its lease.
    """
    stamp = context.database.clock()
    context.require_other_region()
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


def _failover_status(cluster: dict[str, Any]) -> str:
    """FailoverState's status; empty when no failover or switchover is in progress."""
    return str((cluster.get("FailoverState") or {}).get("Status") or "")


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
