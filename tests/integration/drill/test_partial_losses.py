"""Each partial loss in the lab: it shows, it is decided within 120 s, and nothing that was accepted is lost.

One deployment; each run after the first begins with a reset.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drill import evidence
from drill.run import Options, Run
from drill.scenarios import DECIDED_SECONDS, SCENARIOS
from drill.targets.local import LocalTarget
from drill.verdict import PASS

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.alone, pytest.mark.timeout(900)]

RATE = 300.0
PLAN_STEPS = ("start_promotion", "resume_processing", "shift_traffic")
"""Before the point of no return's answer, in the middle, at the end."""
LOSSES = (
    "keeper-dead", "promotion-refused", "nat-gone", "keepers-killed", "log-dead", "api-dead", "database-dead",
)  # fmt: skip


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTarget]:
    with LocalTarget(workdir=tmp_path_factory.mktemp("partial") / "lab", resets=True) as entered:
        yield entered


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "ROOT", tmp_path / "drill")


def lost(name: str, target: LocalTarget, **options: Any) -> dict[str, Any]:
    """The evidence of one run, which must have passed."""
    given = Options(events_per_second=RATE, before_seconds=15.0, seed=5, **options)
    found = Run(SCENARIOS[name], given, target, print).go().evidence
    unmet = [name for name, met in found["objectives_met"].items() if not met]
    assert found["verdict"] == PASS, (unmet, found["events"], found["failures"], found["decided"])
    assert found["effect"]["measured"]
    assert 0 < found["decided"]["seconds"] <= DECIDED_SECONDS
    return found


@pytest.mark.parametrize("name", LOSSES)
def test_a_partial_loss_is_decided(name: str, target: LocalTarget) -> None:
    found = lost(name, target)
    page = found["decided"]["page"]
    assert (page is not None) == SCENARIOS[name].repaired
    assert found["events"]["lost"] == 0


@pytest.mark.parametrize("step", PLAN_STEPS)
def test_a_plan_that_is_killed_is_run_again(step: str, target: LocalTarget) -> None:
    found = lost("plan-killed", target, plan_step=step)
    (struck,) = [one["detail"] for one in found["faults"] if one["kind"] == "struck-again"]
    assert struck.startswith("recover-e2-r1 stopped at ")


def test_every_partial_loss_of_the_drill_is_run_here() -> None:
    partial = {one.name for one in SCENARIOS.values() if one.decided} - {"region-loss", "hang"}
    assert partial == {*LOSSES, "plan-killed"}
