"""Steps about who may be active: acquire, fence, release, page."""

from __future__ import annotations

from dataclasses import replace

from lifeline.lambdas.adapters.region_database import RegionDatabase
from lifeline.lambdas.failover.pages import STEP_FAILS
from lifeline.lambdas.failover.plan import Outcome
from lifeline.lambdas.failover_step.context import (
    Aborted,
    NotMine,
    NotReady,
    StepAnswer,
    StepContext,
)
from lifeline.lambdas.failover_step.database_steps import promotion_accepted

FENCE_TIMEOUT_SECONDS = 3.0
"""Source: rule D7."""


def acquire(context: StepContext) -> str:
    """Read the lease again. Raises NotMine when it is not this region's at this epoch, Aborted if marked."""
    lease = context.lease.read()
    if lease is None:
        raise NotMine("the lease item is missing: run `lifeline authority init`")
    if (lease.holder, lease.epoch) != (context.region, context.epoch):
        raise NotMine(f"the lease is {lease.holder!r} at epoch {lease.epoch}")
    if lease.is_aborted:
        raise Aborted(f"a person aborted epoch {lease.epoch}: its runs only give the lease back")
    context.require_other_region()
    return f"holder at epoch {lease.epoch}"


def fence(context: StepContext) -> str:
    """Write the new epoch, held by nobody, into the old side's database, if it can be reached (A8, A16).

    A courtesy: what fences in any case is A1, by itself. Not reaching it is the expected outcome when a
    region is lost, and is said, not raised.
    """
    settings = context.settings
    host, port = settings.peer_database_host, settings.peer_database_port
    if not host:
        facts = context.lease.region_facts(settings.peer_region)
        host, port = facts.get("database_host", ""), facts.get("database_port", "")
    if not host or not port:
        return "not reached: the other side's database is not in the directory"
    # Only the writer can be fenced, and each further host would wait for a connect timeout of its own (D7).
    writer = host.partition(",")[0]
    address = replace(settings.database, host=writer, port=int(port), region=settings.peer_region)
    old = RegionDatabase(address, timeout_seconds=FENCE_TIMEOUT_SECONDS, clock=context.clock)
    try:
        if old.view().in_recovery:
            return "nothing to fence: the other side's database is a replica"
        epoch = old.fence_epoch(epoch=context.epoch)
    except Exception as error:
        return f"not reached: {type(error).__name__}"
    finally:
        old.close()
    return f"the other side's database is at epoch {epoch}"


def release(context: StepContext) -> str | StepAnswer:
    """Let the lease go, unless the promotion turns out to have been accepted after all (D1).

    A promotion that the lease says was accepted stays accepted, even if the service took it back or does
    not answer: the plan only goes forward, and the wait for the database leaves the global cluster when
    its budget is over (decision 11). Else the answer to the last promotion call may have been lost, so the
    database service is asked; when it does not answer, nothing is known and nothing is released yet.
    """
    lease = context.lease.read()
    if lease is None or (lease.holder, lease.epoch) != (context.region, context.epoch):
        return "not the holder any more"
    if lease.writer == context.region:
        # The table would refuse the release at every attempt and in every run.
        return StepAnswer(Outcome.PROMOTION_ACCEPTED, "the lease says that it was accepted before")
    if promotion_accepted(context):
        if context.lease.record_writer(region=context.region, epoch=context.epoch) is None:
            raise NotReady("the lease moved while the service was asked; looking again")
        return StepAnswer(Outcome.PROMOTION_ACCEPTED, "the database service had accepted it")
    # Before it, so that a release whose answer is lost counts; each epoch counts once (A17).
    context.local.count_release(epoch=context.epoch, now=context.clock.now())
    if context.lease.release(region=context.region, epoch=context.epoch) is None:
        raise NotReady("the release was refused; looking again")
    return "released"


def page(context: StepContext) -> str:
    """Tell a person that a step keeps failing; the plan goes on trying."""
    failed = str(context.event.get("failed_step", "a step"))
    where = (
        "Nothing irrevocable has happened, but the lease cannot be released: nobody else can take over "
        "until it is. Look at it now."
        if failed == "release"
        else "It is past the point of no return and goes on by itself."
    )
    told = context.sender.of_plan(
        STEP_FAILS.format(step=failed),
        f"Its plan for epoch {context.epoch} repeats {failed}. {where}",
        lease=context.lease_if_known(),
        execution=str(context.event.get("execution", "")),
    )
    context.pager.page(told.subject, told.text)
    return f"paged for {failed}"
