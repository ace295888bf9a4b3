"""What the survivor called to recover, beside what the static-stability ledger says that it may need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drill.targets import MadeCall, NeededCall

OK, WITHOUT, NEEDED_THE_LOST_REGION, UNKNOWN = "ok", "does without", "FAILS", "not in the ledger"
"""`UNKNOWN`: a call that no contract declares, so that nobody has proved that it needs no lost region."""


@dataclass(frozen=True)
class RecoveryCall:
    """One action of one region's functions and services towards a region, between fault and recovery."""

    caller_region: str
    action: str
    region: str
    times: int
    verdict: str
    callers: tuple[str, ...] = ()
    """Who makes it, by the ledger."""
    instead: str = ""
    """How a caller does without it, where it needs what is lost."""


def recovery_calls(made: Iterable[MadeCall], ledger: Sequence[NeededCall]) -> list[RecoveryCall]:
    """Each call that was made, once, judged by the ledger; by region and action."""
    counted = Counter((one.caller_region, one.action, one.region) for one in made)
    return [_judged(*call, times, ledger) for call, times in sorted(counted.items())]


def _judged(
    caller_region: str, action: str, region: str, times: int, ledger: Sequence[NeededCall]
) -> RecoveryCall:
    call = (caller_region, action, region)
    rows = [one for one in ledger if (one.caller_region, one.call, one.region) == call]
    verdicts = {one.verdict for one in rows} or {UNKNOWN}
    # Several callers may make the same call: the worst of their verdicts counts.
    order = (UNKNOWN, NEEDED_THE_LOST_REGION, WITHOUT, OK)
    worst = min(verdicts, key=order.index)
    callers = tuple(sorted({one.caller for one in rows}))
    return RecoveryCall(
        *call, times, worst, callers, "; ".join(sorted({one.instead for one in rows} - {""}))
    )


def stable(calls: Sequence[RecoveryCall]) -> bool:
    """Whether the recovery needed nothing of the lost region, and nothing that nobody has judged.

    No call at all is no proof: somebody took over.
    """
    return bool(calls) and all(one.verdict in (OK, WITHOUT) for one in calls)
