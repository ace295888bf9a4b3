"""The three moments of a lost region in which `lifeline status` is recorded, and what each look must show.

The look itself is a process of its own, as a person's is: `python -m scripts.pictures.moments SUFFIX HOME
RECOVERY WITNESS` prints the facts as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab.waiting import LabError
from lifeline.cli.places import Places
from lifeline.cli.status.facts import AlarmFacts, Facts, Unknown
from lifeline.cli.status.gather import gather
from lifeline.cli.status.recorded import to_json
from lifeline.cli.status.screen import State, screen
from lifeline.cli.status.serving import Verdict
from lifeline.lambdas.failover.lease import Lease

EVERY_SECONDS = 2.0
SILENT_LABELS = ("alarms", "last drill")
"""Rows that the lab leaves open: its CloudWatch evaluates nothing, and a new lab has no drill behind it."""


@dataclass(frozen=True)
class Moment:
    """`missing` says what a look does not show of it; nothing is missing from what is kept."""

    name: str
    claim: str
    missing: Callable[[Facts], str]


@dataclass(frozen=True)
class Look:
    """One look, and how long the whole command took."""

    facts: Facts
    seconds: float


def _calm(facts: Facts, region: str) -> str:
    """Who serves is `region`, with its own proof, and nothing else but the lab's own gaps is open."""
    found = screen(facts)
    if (found.serving.verdict, found.serving.region) != (Verdict.YES, region):
        return f"it does not say that {region} serves, but: {found.serving.sentence}"
    return _lab_alarms(facts)


def _all_well(facts: Facts) -> str:
    reason = _calm(facts, facts.home)
    if reason:
        return reason
    found = screen(facts)
    for row in (found.if_active_died, *found.rows):
        if row.state in (State.BAD, State.UNKNOWN) and not row.label.startswith(SILENT_LABELS):
            return f"the row {row.label!r} is {row.state}: {row.text}"
    return ""


def _active_dead(facts: Facts) -> str:
    serving = screen(facts).serving
    if serving.verdict is not Verdict.NO:
        return f"it does not say NO, but {serving.verdict}: {serving.sentence}"
    if not isinstance(facts.lease, Lease) or facts.lease.holder != facts.home:
        return f"{facts.home} does not have the lease any more"
    if not isinstance(facts.regions[0].keeper, Unknown):
        return f"{facts.home} still answers"
    return _lab_alarms(facts)


def _taken_over(facts: Facts) -> str:
    reason = _calm(facts, facts.recovery)
    if reason:
        return reason
    if facts.plan is None or isinstance(facts.plan, Unknown) or not facts.plan.completed:
        return "the plan has not completed"
    return ""


def _lab_alarms(facts: Facts) -> str:
    """A picture with alarms that say "none fires" would claim what no emulator can know."""
    asked = facts.witness_alarms
    if isinstance(asked, AlarmFacts) and asked.deployed:
        return "the witness's alarms are evaluated: this is no lab"
    return ""


MOMENTS = (
    Moment("status-serving", "all is well", _all_well),
    Moment("status-lost", "the active region is dead, nobody has taken over", _active_dead),
    Moment("status-taken", "the other region has taken over", _taken_over),
)


class Recorder:
    """Looks until a moment shows; nothing is looked at any more once `done` is set."""

    def __init__(
        self, look: Callable[[], Look], say: Callable[[str], None], done: threading.Event
    ) -> None:
        self._look = look
        self._say = say
        self._done = done
        self.kept: dict[str, Look] = {}
        self.last_missing: dict[str, str] = {}

    def take(self, moment: Moment, *, seconds: float, every: float = EVERY_SECONDS) -> bool:
        """Look until the moment shows, for so long at most. Whether it did."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = self._look()
            except (LabError, subprocess.TimeoutExpired) as error:
                missing = f"a look failed: {error}"
            else:
                missing = moment.missing(found.facts)
                if not missing:
                    self.kept[moment.name] = found
                    self._say(f"record: {moment.name}, by a look of {found.seconds:.1f} s")
                    return True
            self.last_missing[moment.name] = missing
            if time.monotonic() >= deadline or self._done.wait(every):
                return False

    def refusal(self) -> str:
        """Why the looks cannot be kept; empty when each moment was seen."""
        told = [
            f"{one.name} ({one.claim}): {self.last_missing.get(one.name, 'nobody looked')}"
            for one in MOMENTS
            if one.name not in self.kept
        ]
        return "; ".join(told)


def bodies(kept: Mapping[str, Look]) -> dict[str, str]:
    """The looks as files of scripts/pictures/recorded, by name."""
    return {
        f"{name}.json": json.dumps(to_json(one.facts), indent=1) + "\n"
        for name, one in kept.items()
    }


def main(arguments: list[str]) -> int:
    """Print one look."""
    suffix, home, recovery, witness = arguments
    print(json.dumps(to_json(gather(Places(suffix, home, recovery, witness)))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
