"""A replicator that copies each marker and not one event, in the real lab: the drill must fail (P1, E1).

The watermark believes the markers, edges let their events go, and the database's own replication brings
every row across: nothing but the log itself shows it.
"""

from __future__ import annotations

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


def test_a_replicator_that_drops_every_event_fails_the_drill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "ROOT", tmp_path / "drill")
    quiet = replace(SCENARIOS["noop"], watch_seconds=5.0)
    options = Options(events_per_second=300.0, before_seconds=15.0, seed=3)
    settings = replicator_settings() + MARKERS_ONLY
    with LocalTarget(workdir=tmp_path / "lab", replicator=settings) as target:
        found = Run(quiet, options, target, print).go().evidence
    assert found["verdict"] == FAIL
    assert found["events"]["not_in_the_log"] == found["events"]["safe"] > 1_000
    assert found["events"]["lost"] == found["events"]["unexpected"] == 0
    unmet = {name for name, met in found["objectives_met"].items() if not met}
    # So short a run has not a whole minute of each alarm's figures.
    assert unmet - {"no_alarm_without_a_fault"} == {
        "what_was_called_safe_is_in_the_other_log",
        "both_logs_hold_the_same",
    }
