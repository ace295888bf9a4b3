"""A replicator that copies each marker and not one event, in the real lab (P1, B8).

Every marker is there, and the database's own replication brings every row across. The manifests tell: nothing
is called safe, the query API names the holes, and the drill fails. That the drill's own reading of the logs
would see it without them (E1) is shown by `test_run.py`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from drill import evidence
from drill.run import Options, Run
from drill.scenarios import SCENARIOS
from drill.targets.local import LocalTarget
from drill.verdict import FAIL
from lab.kafka import replicator_settings

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

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


def test_nothing_is_called_safe_that_a_replicator_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "ROOT", tmp_path / "drill")
    quiet = replace(SCENARIOS["noop"], watch_seconds=10.0)
    options = Options(events_per_second=300.0, before_seconds=15.0, seed=3)
    settings = replicator_settings() + MARKERS_ONLY
    with LocalTarget(workdir=tmp_path / "lab", replicator=settings) as target:
        found = Run(quiet, options, target, print).go().evidence
        said = (tmp_path / "lab" / "logs" / "query-api-caw1-0.log").read_text()
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
    holes = [json.loads(line) for line in said.splitlines() if "the log has a hole" in line]
    assert {one["why"] for one in holes} == {"missing"}
