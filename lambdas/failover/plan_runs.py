"""Which run of an epoch's recovery plan must exist now (A17): pure; the table's item, status and time in.

A run can end without completing: aborted, timed out, at the service's event limit, failed. Its name is then
used up, so a name carries epoch and run, and the holder's keeper starts the next run. The DynamoDB adapter
spells the transitions' conditions again; a property test holds the two against each other.

Invariant: run numbers of an epoch only grow, by one a claim, and each is claimed once. Two keepers may start
the same claimed run: the service makes one execution of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from lifeline.lambdas.failover.plan import LONGEST_STEP_SECONDS

BACKOFF_FIRST_SECONDS = 30.0
"""From the moment a run was seen closed. Longer than a step lives: no step of that run acts any more."""
BACKOFF_LONGEST_SECONDS = 300.0

if BACKOFF_FIRST_SECONDS <= LONGEST_STEP_SECONDS:
    raise ValueError(
        f"the next run must start after the longest step's life ({LONGEST_STEP_SECONDS} s), "
        f"got {BACKOFF_FIRST_SECONDS} s"
    )

_NAME = re.compile(r"recover-e(\d+)-r(\d+)")


class RunStatus(StrEnum):
    """What the service says of an execution."""

    RUNNING = "running"
    CLOSED = "closed"
    MISSING = "missing"
    """It knows no execution of that name."""


class Step(StrEnum):
    """What a keeper does about the plan in this cycle."""

    NOTHING = "nothing"
    FORGET_END = "forget-end"
    """An end was noted that does not matter any more: the next one counts from its own moment."""
    NOTE_END = "note-end"
    CLAIM = "claim"
    START = "start"
    """The newest claim's execution does not exist: its keeper died between claim and start."""


@dataclass(frozen=True)
class PlanRuns:
    """The runs of one epoch, as the region's table has them. Times are epoch seconds of the own clock."""

    epoch: int
    run: int = 0
    """The newest run claimed; 0 for none."""
    claimed_at: float = 0.0
    ended_at: float = 0.0
    """When a keeper first saw the newest run closed; 0 for not yet."""
    completed: int = 0
    """The newest run that recorded its completion; 0 for none."""
    accepted_at: float = 0.0
    """When the database service had accepted the epoch's promotion; 0 for not yet (D11)."""
    asked_again_at: float = 0.0
    """When the promotion was asked for once more; 0 for never (D11)."""
    late_since: float = 0.0
    """When the promotion was first seen past its ceiling; 0 for never (D11)."""


class Moment(StrEnum):
    """What is recorded once for an epoch, whichever of its runs comes to it."""

    ACCEPTED = "accepted_at"
    ASKED_AGAIN = "asked_again_at"
    LATE = "late_since"


def run_name(epoch: int, run: int) -> str:
    """The name of the execution: its idempotency key."""
    return f"recover-e{epoch}-r{run}"


def run_of(execution: str) -> int:
    """The run's number from an execution's ARN or name; 0 for a name that is not a keeper's."""
    found = _NAME.fullmatch(execution.rpartition(":")[2])
    return int(found[2]) if found else 0


def claim(runs: PlanRuns, *, run: int, now: float) -> PlanRuns | None:
    """Take the next run's number; refused when another keeper took it."""
    if runs.run != run - 1:
        return None
    return replace(runs, run=run, claimed_at=now, ended_at=0.0)


def note_end(runs: PlanRuns, *, run: int, now: float) -> PlanRuns | None:
    """The newest run was seen closed; the first to see it says when."""
    if runs.run != run or runs.ended_at:
        return None
    return replace(runs, ended_at=now)


def forget_end(runs: PlanRuns, *, run: int) -> PlanRuns | None:
    """Take back what `note_end` noted of the same run."""
    if runs.run != run:
        return None
    return replace(runs, ended_at=0.0)


def complete(runs: PlanRuns, *, run: int) -> PlanRuns | None:
    """The run's last step was reached; only for a run that was claimed.

    Its moments end with it: a later run of the epoch asks anew, as the writer was moved away since (D11).
    """
    if not 0 < run <= runs.run or runs.completed >= run:
        return None
    return replace(runs, completed=run, accepted_at=0.0, asked_again_at=0.0, late_since=0.0)


def note_moment(runs: PlanRuns, moment: Moment, *, now: float) -> PlanRuns | None:
    """Record the moment; the first to come says when, so that a run that replaces another counts on."""
    if getattr(runs, moment):
        return None
    noted: dict[str, float] = {moment.value: now}
    return replace(runs, **noted)  # type: ignore[arg-type]


def backoff_seconds(runs: PlanRuns) -> float:
    """How long after its end the newest run is replaced.

    Doubles with each run of the epoch, up to five minutes; a run that lived for longer than those failed
    slowly enough, so it is replaced as soon as a first one.
    """
    if runs.ended_at - runs.claimed_at > BACKOFF_LONGEST_SECONDS:
        return BACKOFF_FIRST_SECONDS
    return doubled_seconds(runs.run)


def doubled_seconds(times: int) -> float:
    """The back-off after something ended that often: doubles each time, and is bounded."""
    doubled = BACKOFF_FIRST_SECONDS * 2.0 ** min(max(0, times - 1), 16)
    return min(BACKOFF_LONGEST_SECONDS, doubled)


def next_step(runs: PlanRuns, status: RunStatus, *, completion_counts: bool, now: float) -> Step:
    """What to do about the plan of the lease's epoch.

    `status` is the newest run's. `completion_counts`: the database's row says this epoch, this holder, and
    is no replica's; a row that says otherwise makes a completed plan an ended one.
    """
    if runs.completed and completion_counts:
        return Step.FORGET_END if runs.ended_at else Step.NOTHING
    if not runs.run:
        return Step.CLAIM
    if status is RunStatus.RUNNING:
        return Step.FORGET_END if runs.ended_at else Step.NOTHING
    if status is RunStatus.MISSING and runs.completed < runs.run:
        return Step.START
    if not runs.ended_at:
        return Step.NOTE_END
    return Step.CLAIM if now - runs.ended_at >= backoff_seconds(runs) else Step.NOTHING
