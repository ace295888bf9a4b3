"""What a promotion that was accepted and has not happened yet needs next (D11): pure; state and time in.

Leaving the global cluster costs the standby, and a slow promotion is not a failed one. So the region leaves
last: after the budget, with no failover in progress, and after it asked once more.
"""

from __future__ import annotations

from enum import StrEnum

from lifeline.lambdas.failover.plan import PLAN

BUDGET_SECONDS = next(step.budget_seconds for step in PLAN if step.name == "await_database")
CEILING_SECONDS = 600
"""From here on the region tries to leave whatever the state says, and a person is told."""
ASKED_AGAIN_SECONDS = 30
"""How long the second request may take to show in the state."""

if BUDGET_SECONDS + ASKED_AGAIN_SECONDS >= CEILING_SECONDS:
    raise ValueError(
        f"the ceiling must lie after the budget ({BUDGET_SECONDS} s) and the second request "
        f"({ASKED_AGAIN_SECONDS} s), got {CEILING_SECONDS} s"
    )


class Move(StrEnum):
    """What the plan does about the promotion now."""

    WAIT = "wait"
    ASK_AGAIN = "ask-again"
    LEAVE = "leave"


def next_move(*, status: str, accepted_at: float, asked_again_at: float, now: float) -> Move:
    """What to do while this region's cluster is a member of the global cluster and not its writer.

    `status` is FailoverState's: pending, failing-over, switching-over or cancelling, and empty when no
    failover is in progress; any other word is one in progress. Times are epoch seconds of this region's
    own clock: `accepted_at` is recorded for the epoch, `asked_again_at` is 0 before the second request.
    """
    waited = now - accepted_at
    if waited >= CEILING_SECONDS:
        return Move.LEAVE
    if waited < BUDGET_SECONDS or status:
        return Move.WAIT
    if not asked_again_at:
        return Move.ASK_AGAIN
    return Move.WAIT if now - asked_again_at < ASKED_AGAIN_SECONDS else Move.LEAVE
