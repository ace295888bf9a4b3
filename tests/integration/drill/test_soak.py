"""The long runs at the default load, ten kills of the event applier in one run, and a load that is too much.

A part of a region that is lost by itself: `test_partial_losses.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from drill import evidence
from drill.arguments import MOST_EVENTS_PER_SECOND
from drill.run import Options, Run
from drill.scenarios import SCENARIOS
from drill.targets.local import LocalTarget
from drill.verdict import FAIL, PASS

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(1200)]


WHOLE = ("control-plane-hang", "hang", "link-cut", "noop", "region-loss")
TOO_MUCH_SHOWS_AS = {
    "clients_were_served", "no_outage_without_a_failover", "asked_rate_was_sent", "every_event_answered",
}  # fmt: skip


@pytest.mark.parametrize(("scenario", "kills"), [*((name, 0) for name in WHOLE), ("noop", 10)])
def test_scenario(
    scenario: str, kills: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "ROOT", tmp_path / "drill")
    options = Options(kill_apply=kills, bad_events=kills > 0)
    with LocalTarget(workdir=tmp_path / "lab") as target:
        found = Run(SCENARIOS[scenario], options, target, print).go().evidence
    unmet = [name for name, met in found["objectives_met"].items() if not met]
    assert found["verdict"] == PASS, (unmet, found["events"], found["failures"])
    assert sum(one["kind"] == "kill-9" for one in found["faults"]) == kills


def test_a_noop_at_a_rate_that_no_machine_carries_does_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R11: at 4,000 events/s nothing came back for 80 s, and the run passed."""
    monkeypatch.setattr(evidence, "ROOT", tmp_path / "drill")
    options = Options(events_per_second=MOST_EVENTS_PER_SECOND, before_seconds=20.0)
    with LocalTarget(workdir=tmp_path / "lab") as target:
        found = Run(SCENARIOS["noop"], options, target, print).go().evidence
    unmet = {name for name, met in found["objectives_met"].items() if not met}
    print(unmet, found["events"], found["availability"])
    assert found["verdict"] == FAIL
    assert unmet & TOO_MUCH_SHOWS_AS
