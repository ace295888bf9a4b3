"""Whether the fault was one: a run whose fault shows nowhere has tested nothing (E2)."""

from __future__ import annotations

from dataclasses import dataclass

from drill.scenarios import STRUCK_AGAIN, Break

MOST_OF_THE_TIME = 0.8
"""A standby that hears nothing knows nothing newer than the cut: its lag is nearly the time since."""
BROKEN_PARTS = {
    Break.HANG_HOME_CONTROL_PLANE: "An API call to {region}",
    Break.KILL_KEEPER: "The keeper of {region}",
    Break.CLOSE_WAY_OUT: "The witness, called from {region},",
    Break.KILL_DATABASE: "The database of {region}",
    Break.KILL_API: "The API of {region}",
    Break.KILL_LOG: "The log of {region}",
}
"""What is asked, where one part of the region is broken and the rest lives."""


@dataclass(frozen=True)
class Effect:
    """`how`: what was looked at, and what it said."""

    measured: bool
    how: str


@dataclass(frozen=True)
class Looks:
    """What was seen while the fault was in force.

    `door_status`: of `GET /health` of the broken region, 0 without an answer; `door_open`: what answered
    shows more than that something answers. `lag_seconds`: the standby's, `since_seconds` after the fault.
    `part_answers`: what `BROKEN_PARTS` asks. `struck_again`: what the fault's second part did, if it did.
    """

    since_seconds: float
    door_status: int
    door_open: bool
    lag_seconds: float | None
    part_answers: bool
    struck_again: str = ""


def measure(what: Break, looks: Looks, *, region: str) -> Effect | None:
    """What the fault did, by what was seen; None when nothing was broken."""
    if what is Break.NOTHING:
        return None
    if what in BROKEN_PARTS:
        said = "answered" if looks.part_answers else "did not answer"
        return Effect(not looks.part_answers, f"{BROKEN_PARTS[what].format(region=region)} {said}")
    if what is Break.CUT_LINK:
        lag, since = looks.lag_seconds, looks.since_seconds
        behind = "unknown" if lag is None else f"{lag:.0f} s"
        return Effect(
            lag is not None and lag >= MOST_OF_THE_TIME * since,
            f"{since:.0f} s after the cut the standby's lag was {behind}",
        )
    said = "had no answer" if looks.door_status == 0 else f"said {looks.door_status}"
    how = f"GET /health of {region} {said}"
    if what not in STRUCK_AGAIN:
        return Effect(not looks.door_open, how)
    further = looks.struck_again or "the second part of the fault did not come to be"
    return Effect(not looks.door_open and bool(looks.struck_again), f"{how}; {further}")
