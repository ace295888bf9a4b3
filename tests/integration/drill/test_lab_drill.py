"""Two drills on the real lab, of one deployment: a replicator that drops, then the main job.

The main job: link cut, kill -9, then the region is lost. One stream, one check at the end: the checker holds
every stored row against the journals. Between the two the lab is reset: what the first one left would show in
the second one's verdict.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drill import evidence
from drill.run import Options, Outcome, Run
from drill.scenarios import SCENARIOS, Break
from drill.targets.local import LocalTarget
from drill.verdict import FAIL, PASS
from lab.kafka import replicator_settings

MARKERS_ONLY = """
peer->own.transforms = provenance,events
peer->own.transforms.events.type = org.apache.kafka.connect.transforms.Filter
peer->own.transforms.events.predicate = marker
peer->own.transforms.events.negate = true
peer->own.predicates = marker
peer->own.predicates.marker.type = org.apache.kafka.connect.transforms.predicates.HasHeaderKey
peer->own.predicates.marker.name = kind
"""
"""Java takes the last value of a key."""
LINK_CUT_SECONDS = 45.0
"""Longer than the earliest decision (about 35 s), so that a wrong failover would be seen."""
CAUGHT_UP_SECONDS = 5.0
CATCH_UP_DEADLINE_SECONDS = 60

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]


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
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab's."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def target(folder: Path) -> Iterator[LocalTarget]:
    """Deployed by the first run; each later one begins with a reset."""
    with LocalTarget(workdir=folder, resets=True) as entered:
        yield entered


@pytest.fixture(scope="module")
def finished(target: LocalTarget, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Outcome]:
    """The main job's run and its evidence. It is judged by seconds: whatever asks for it runs alone."""
    options = Options(events_per_second=800.0, before_seconds=20.0, seed=7, bad_events=True)
    target.run_replicator(None)
    run = LinkCutThenKillThenLoss(SCENARIOS["region-loss"], options, target, print)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "ROOT", tmp_path_factory.mktemp("drill"))
        return run, run.go()


def test_nothing_is_called_safe_that_a_replicator_dropped(
    target: LocalTarget, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replicator that copies each marker and not one event (P1, B8).

    Every marker is there, and the database's own replication brings every row across. The manifests tell:
    nothing is called safe, the query API names the holes, and the drill fails. That the drill's own reading
    of the logs would see it without them (E1) is shown by `test_run.py`.
    """
    monkeypatch.setattr(evidence, "ROOT", tmp_path)
    quiet = replace(SCENARIOS["noop"], watch_seconds=10.0)
    options = Options(events_per_second=300.0, before_seconds=15.0, seed=3)
    target.run_replicator(replicator_settings() + MARKERS_ONLY)
    found = Run(quiet, options, target, print).go().evidence
    assert found["verdict"] == FAIL
    assert found["events"]["safe"] == found["events"]["not_in_the_log"] == 0
    assert found["events"]["lost"] == found["events"]["unexpected"] == 0
    unmet = {name for name, met in found["objectives_met"].items() if not met}
    # So short a run has not a whole minute of each alarm's figures.
    assert unmet - {"no_alarm_without_a_fault"} == {
        "some_events_were_called_safe",
        "everything_became_safe",
        "both_logs_hold_the_same",
    }
    said = (folder / "logs" / "query-api-caw1-0.log").read_text()
    holes = [json.loads(line) for line in said.splitlines() if "the log has a hole" in line]
    assert {one["why"] for one in holes} == {"missing"}


@pytest.mark.alone
def test_a_cut_link_fails_nothing_over(finished: Any) -> None:
    assert finished[0].epochs_after_link_cut == (1,)


@pytest.mark.alone
def test_the_lost_region_is_recovered_and_nothing_is_lost(finished: Any) -> None:
    found = finished[1].evidence
    unmet = [name for name, met in found["objectives_met"].items() if not met]
    assert unmet == [], (found["events"], found["failures"], found["rto_seconds"])
    assert found["verdict"] == PASS
    assert found["epochs"] == [1, 2]
    assert found["events"]["lost"] == found["events"]["unexpected"] == 0
    assert found["order_violations"] == 0


@pytest.mark.alone
def test_the_decisions_show_a_hold_before_the_one_take(finished: Any) -> None:
    actions = [one["action"] for one in finished[1].evidence["decisions"]]
    assert actions.count("take") == 1
    assert "hold" in actions[: actions.index("take")]


@pytest.mark.alone
def test_the_recovery_plan_ran_in_order(finished: Any) -> None:
    steps = [one["step"] for one in finished[1].evidence["timeline"]]
    assert steps[:2] == ["acquire", "assess"]
    assert steps[-1] == "shift_traffic"
    assert len(steps) == 14


@pytest.mark.alone
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


@pytest.mark.alone
def test_the_report_stands_beside_the_evidence(finished: Any) -> None:
    written: Path = finished[1].folder
    assert (written / "report.html").read_text().count("<svg") >= 2
