"""A quarter of an hour of kills and cuts by a seed's schedule, and every accepted event exactly once."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from drill import evidence
from drill.run import Options, Run
from drill.scenarios import SCENARIOS
from drill.targets import BrokenThing
from drill.targets.local import LocalTarget
from lab.chaos import KILLED, LINKS, schedule, strike
from lab.waiting import LabError

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(2400)]

SEED = 11
SECONDS = 900.0
DATA = (
    "events_flowed", "no_accepted_event_lost", "nothing_unexpected", "order_kept", "every_event_answered",
    "epochs_as_expected", "nobody_took_the_lease", "everything_became_safe", "both_logs_hold_the_same",
    "what_was_called_safe_is_in_the_other_log", "nothing_rejected",
)  # fmt: skip
"""The objectives that hold however much is broken; clients are served badly meanwhile, and alarms fire."""


class Chaos(Run):
    """Nothing else is broken: the scenario is a `noop`, so nobody may take the lease."""

    def _watch(self) -> None:
        assert isinstance(self._target, LocalTarget)
        lab, began = self._target._lab, time.monotonic()
        for blow in schedule(SEED, SECONDS):
            self._wait(began + blow.at - time.monotonic())
            try:
                said = strike(lab, blow)
            except LabError as error:
                said = f"{blow.fault} in {blow.region}: {error}"
                self._failures.append(said)
            self._say(f"chaos: {time.monotonic() - began:.0f} s: {said}")
            self._faults.append(BrokenThing(time.time(), blow.fault, blow.region, said))
            if blow.lasts:
                self._wait(blow.lasts)
                lab.heal()
        self._wait(began + SECONDS - time.monotonic())
        super()._watch()


def test_every_accepted_event_is_stored_exactly_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "ROOT", tmp_path / "drill")
    options = Options(events_per_second=600.0, before_seconds=20.0, seed=SEED)
    with LocalTarget(workdir=tmp_path / "lab") as target:
        found = Chaos(SCENARIOS["noop"], options, target, print).go().evidence
    print(found["events"], Counter(one["kind"] for one in found["faults"]))
    assert {one["kind"] for one in found["faults"]} >= {*KILLED, *LINKS}
    assert [name for name in DATA if not found["objectives_met"][name]] == []
    assert found["failures"] == []
