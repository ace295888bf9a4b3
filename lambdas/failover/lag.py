"""What the standby can say about the active's data: estimated loss and the marker veto (A5, A6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Applied(NamedTuple):
    """The newest applied marker in the replicated database: read at `at`, born at `born` (seconds)."""

    at: float
    born: float


def estimated_loss_seconds(alive_at: float | None, watermark_born: float | None) -> float | None:
    """Seconds of accepted events the standby's log may lack; None is unknown, never zero (A5).

    Frozen at the last sign of life, a HEALTHY look or a renewal: waiting does not make it grow, and late
    arrivals shrink it.
    """
    if alive_at is None or watermark_born is None:
        return None
    return max(0.0, alive_at - watermark_born)


def advance_rate(history: Sequence[Applied], window_seconds: float, now: float) -> float | None:
    """Seconds of birth per second over the window; None when there is too little to say (A6)."""
    recent = [one for one in history if now - one.at <= window_seconds]
    if len(recent) < 2 or recent[-1].at - recent[0].at < window_seconds / 2:
        return None
    return (recent[-1].born - recent[0].born) / (recent[-1].at - recent[0].at)


def vetoes(
    history: Sequence[Applied],
    *,
    rate: float,
    window_seconds: float,
    moved_at: float,
    now: float,
) -> bool | None:
    """Whether applied markers of the active still advance; None is unknown (A6).

    Only markers born after the last lease move may veto: older ones belong to another active.
    """
    if not history:
        return None
    if history[-1].born <= moved_at:
        return False
    measured = advance_rate(history, window_seconds, now)
    return None if measured is None else measured >= rate
