"""The long runs: every scenario at the default load, and ten kills of the event applier in one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from drill import evidence
from drill.run import Options, Run
from drill.scenarios import SCENARIOS
from drill.targets.local import LocalTarget
from drill.verdict import PASS

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(1200)]


@pytest.mark.parametrize(
    ("scenario", "kills"), [*((name, 0) for name in sorted(SCENARIOS)), ("noop", 10)]
)
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
