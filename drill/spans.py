"""Where the time of a recovery went: the outage that clients saw, cut at what the platform did in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from drill.guards import TAKES
from drill.platform_records import seconds_of
from drill.synthetic import DEADLINE_SECONDS, Try, failing_run

Body = Mapping[str, Any]
WAITING = "lease-moves"
"""What a standby says while all is well: not yet a sign that it noticed anything."""
PAUSED = "paused"
NOT_BACK = "transactions were not answered yet when the stream ended"


@dataclass(frozen=True)
class Span:
    """A part of the outage, in seconds from the fault on (`begin` may lie a little before it)."""

    name: str
    meaning: str
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.end - self.begin


def outage(body: Body) -> tuple[float, float | None] | None:
    """The failing run that the RTO measures, in seconds from the fault; None without fault or failure."""
    if not body["fault_at"]:
        return None
    fault = seconds_of(body["fault_at"])
    tries = [Try(one["at"], one["green"], one["seconds"]) for one in body["synthetic_tries"]]
    found = failing_run(tries, fault - DEADLINE_SECONDS)
    if found is None:
        return None
    began, ended = found
    return began - fault, None if ended is None else ended - fault


def answered_before(body: Body) -> tuple[int, int] | None:
    """How many test transactions were answered before the fault, of how many; None without a fault."""
    if not body["fault_at"]:
        return None
    # One that begins later may fail because of the fault.
    until = seconds_of(body["fault_at"]) - DEADLINE_SECONDS
    tries = [one for one in body["synthetic_tries"] if one["at"] < until]
    return sum(one["green"] for one in tries), len(tries)


def spans(body: Body) -> list[Span]:
    """Detect, guards, plan, confirm; those that took no time are left out. Empty without a take."""
    clients = outage(body)
    took = take(body)
    if clients is None or took is None:
        return []
    fault = seconds_of(body["fault_at"])
    began = clients[0]
    # Who did not recover had no service until the stream ended; the checking is no part of it.
    last = max(one["at"] for one in body["synthetic_tries"]) - fault
    ended = last if clients[1] is None else clients[1]
    back = NOT_BACK if clients[1] is None else "until transactions were answered"
    taken = seconds_of(took["at"]) - fault
    noticed = min(taken, max(began, _noticed(body, took["region"]) - fault))
    planned = max(taken, _plan_end(body) - fault) if body["timeline"] else taken
    paused = holds(body, took["region"]).get(PAUSED, 0.0)
    while_paused = f"; failover was paused for {paused:.0f} s of it" if paused else ""
    cuts: Sequence[tuple[str, str, float]] = (
        ("detect", f"until the standby saw that the lease stands still{while_paused}", noticed),
        ("guards", "until every check before a takeover said yes", taken),
        ("plan", "until the failover plan had ended", planned),
        ("confirm", back, ended),
    )
    found, begin = [], began
    for name, meaning, end in cuts:
        if name == "plan" and end > ended:
            meaning = f"{back}, while the failover plan ran"
        end = min(end, ended)
        if end > begin:
            found.append(Span(name, meaning, begin, end))
            begin = end
    return found


def take(body: Body) -> Mapping[str, Any] | None:
    """The decision by which the standby became active, the first after the fault."""
    return next(
        (
            one
            for one in body["decisions"]
            if one["action"] in TAKES and body["fault_at"] and one["at"] >= body["fault_at"]
        ),
        None,
    )


def longest_hold(body: Body, standby: str) -> tuple[str, float] | None:
    """Reason and length of what held a takeover for longest; None where nothing did."""
    return max(holds(body, standby).items(), key=lambda one: one[1], default=None)


def holds(body: Body, standby: str) -> dict[str, float]:
    """For how many seconds each reason held the takeover, from the fault on; empty without a take."""
    taken = take(body)
    if taken is None or not body["fault_at"]:
        return {}
    fault, until = seconds_of(body["fault_at"]), seconds_of(taken["at"])
    mine = [one for one in body["decisions"] if one.get("region") == standby]
    found: dict[str, float] = {}
    for one, following in pairwise(mine):
        begin, end = seconds_of(one["at"]), min(until, seconds_of(following["at"]))
        if end > max(begin, fault):
            reason = str(one["reason"])
            found[reason] = found.get(reason, 0.0) + end - max(begin, fault)
    return found


def _noticed(body: Body, standby: str) -> float:
    signs = [
        seconds_of(one["at"])
        for one in body["decisions"]
        if one.get("region") == standby
        and one["at"] >= body["fault_at"]
        and one["reason"] != WAITING
    ]
    return min(signs)


def _plan_end(body: Body) -> float:
    ends = [seconds_of(one["ended_at"]) for one in body["timeline"] if one["ended_at"]]
    return max(ends, default=0.0)
