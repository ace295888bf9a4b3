"""Whether the fault was one: a run whose fault shows nowhere has tested nothing (E2)."""

from __future__ import annotations

from dataclasses import dataclass

from drill.scenarios import Break

MOST_OF_THE_TIME = 0.8
"""A standby that hears nothing knows nothing newer than the cut: its lag is nearly the time since."""


@dataclass(frozen=True)
class Effect:
    """`how`: what was looked at, and what it said."""

    measured: bool
    how: str


def measure(
    what: Break,
    *,
    region: str,
    since_seconds: float,
    door_status: int,
    door_open: bool,
    lag_seconds: float | None,
    control_plane_answers: bool,
) -> Effect | None:
    """What the fault did, by what was seen while it was in force; None when nothing was broken.

    `door_status`: of `GET /health` of the broken region, 0 without an answer; `door_open`: what answered
    shows more than that something answers. `lag_seconds`: the standby's,
    `since_seconds` after the fault.
    """
    match what:
        case Break.NOTHING:
            return None
        case Break.LOSE_HOME | Break.HANG_HOME:
            said = "had no answer" if door_status == 0 else f"said {door_status}"
            return Effect(not door_open, f"GET /health of {region} {said}")
        case Break.CUT_LINK:
            behind = "unknown" if lag_seconds is None else f"{lag_seconds:.0f} s"
            return Effect(
                lag_seconds is not None and lag_seconds >= MOST_OF_THE_TIME * since_seconds,
                f"{since_seconds:.0f} s after the cut the standby's lag was {behind}",
            )
        case Break.HANG_HOME_CONTROL_PLANE:
            said = "answered" if control_plane_answers else "did not answer"
            return Effect(not control_plane_answers, f"An API call to {region} {said}")
