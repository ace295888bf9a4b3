"""Keep a run of the recovery plan alive until one has completed (A17)."""

from __future__ import annotations

from lifeline.lambdas.failover.plan_runs import PlanRuns, RunStatus, Step, next_step, run_name
from lifeline.lambdas.keeper.ports import PlanPort, PromisePort

NAMES_PER_CYCLE = 5
"""How many used-up names (an environment that was deployed again) one cycle passes over."""


def ensure_running(
    local: PromisePort, plan: PlanPort, *, epoch: int, completion_counts: bool, now: float
) -> int | None:
    """One cycle's care for the plan of `epoch`. Answers the run's number if it replaces an ended one.

    Raises what the table or the service raises: the next cycle looks again.
    """
    runs = local.plan_runs(epoch)
    status = RunStatus.MISSING
    if runs.run and not (runs.completed and completion_counts):
        status = plan.status(run_name(epoch, runs.run))
    match next_step(runs, status, completion_counts=completion_counts, now=now):
        case Step.FORGET_END:
            local.forget_run_end(epoch, run=runs.run)
        case Step.NOTE_END:
            local.note_run_end(epoch, run=runs.run, now=now)
        case Step.START:
            _start(local, plan, runs, now)
        case Step.CLAIM:
            claimed = local.claim_run(epoch, run=runs.run + 1, now=now)
            if claimed is not None:
                _start(local, plan, claimed, now)
                return claimed.run if runs.run else None
        case Step.NOTHING:
            pass
    return None


def _start(local: PromisePort, plan: PlanPort, claimed: PlanRuns, now: float) -> None:
    """Start the claimed run. A name that exists is a running twin, or used up: look which."""
    for _ in range(NAMES_PER_CYCLE):
        name = run_name(claimed.epoch, claimed.run)
        if plan.start(name, epoch=claimed.epoch) or plan.status(name) is not RunStatus.CLOSED:
            return
        following = local.claim_run(claimed.epoch, run=claimed.run + 1, now=now)
        if following is None:
            return  # another keeper goes on from here
        claimed = following
