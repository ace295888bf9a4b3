"""The main job on the real lab, once a session: link cut, kill -9, then the region is lost.

One deployment, one stream, one check at the end: the checker holds every stored row against the journals.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drill import evidence
from drill.run import Options, Run
from drill.scenarios import SCENARIOS, Break
from drill.targets.local import LocalTarget
from drill.verdict import PASS

LINK_CUT_SECONDS = 45.0
"""Longer than the earliest decision (about 35 s), so that a wrong failover would be seen."""
CAUGHT_UP_SECONDS = 5.0
CATCH_UP_DEADLINE_SECONDS = 60

pytestmark = [pytest.mark.lab, pytest.mark.alone, pytest.mark.timeout(900)]


class LinkCutThenKillThenLoss(Run):
    """The region-loss scenario, with the two lesser faults before it."""

    epochs_after_link_cut: tuple[int, ...] = ()

    def _break(self) -> None:
        assert isinstance(self._target, LocalTarget)
        self._faults += self._target.bring_about(Break.CUT_LINK)
        self._wait(LINK_CUT_SECONDS)
        self.epochs_after_link_cut = tuple(self._sampler.epochs)
        self._target.heal()
        for _ in range(CATCH_UP_DEADLINE_SECONDS):
            self._wait(1.0)
            lag = self._sampler.lag[-1].lag_seconds
            if lag is not None and lag < CAUGHT_UP_SECONDS:
                break
        self._kill_applier()
        self._wait(10.0)
        super()._break()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The run and its evidence."""
    folder = tmp_path_factory.mktemp("lab-drill")
    patch = pytest.MonkeyPatch()
    patch.setattr(evidence, "ROOT", folder / "drill")
    options = Options(events_per_second=800.0, before_seconds=20.0, seed=7, bad_events=True)
    try:
        with LocalTarget(workdir=folder / "lab") as target:
            run = LinkCutThenKillThenLoss(SCENARIOS["region-loss"], options, target, print)
            outcome = run.go()
    finally:
        patch.undo()
    return run, outcome


def test_a_cut_link_fails_nothing_over(finished: Any) -> None:
    assert finished[0].epochs_after_link_cut == (1,)


def test_the_lost_region_is_recovered_and_nothing_is_lost(finished: Any) -> None:
    found = finished[1].evidence
    unmet = [name for name, met in found["objectives_met"].items() if not met]
    assert unmet == [], (found["events"], found["failures"], found["rto_seconds"])
    assert found["verdict"] == PASS
    assert found["epochs"] == [1, 2]
    assert found["events"]["lost"] == found["events"]["unexpected"] == 0
    assert found["order_violations"] == 0


def test_the_decisions_show_a_hold_before_the_one_take(finished: Any) -> None:
    actions = [one["action"] for one in finished[1].evidence["decisions"]]
    assert actions.count("take") == 1
    assert "hold" in actions[: actions.index("take")]


def test_the_recovery_plan_ran_in_order(finished: Any) -> None:
    steps = [one["step"] for one in finished[1].evidence["timeline"]]
    assert steps[:2] == ["acquire", "assess"]
    assert steps[-1] == "shift_traffic"
    assert len(steps) == 14


def test_the_survivor_called_what_the_ledger_lists_and_nothing_of_the_lost_region(
    finished: Any,
) -> None:
    calls = finished[1].evidence["recovery_calls"]
    assert {one["verdict"] for one in calls} <= {"ok", "does without"}
    made = {(one["caller_region"], one["action"]) for one in calls}
    assert made >= {
        ("ca-west-1", "states:StartExecution"),
        ("ca-west-1", "rds:FailoverGlobalCluster"),
        ("ca-west-1", "ecs:UpdateService"),
        ("us-east-2", "dynamodb:GetItem"),
    }


def test_the_report_stands_beside_the_evidence(finished: Any) -> None:
    folder: Path = finished[1].folder
    assert (folder / "report.html").read_text().count("<svg") >= 2
