"""Scenarios that must FAIL (E2): each part of the path lies or loses, in the real lab, and the drill says so.

The replicator that copies no event at all is in `test_lab_drill.py`. Here what it should copy has been
purged in one partition; the bridge skips events and does not count them, so that its markers agree; an edge's
journal leaves out what was sent, and calls safe whatever was accepted.
"""

from __future__ import annotations

import io
import json
import signal
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from drill import edge, evidence
from drill.journal import Journal
from drill.run import Options, Run
from drill.scenarios import SCENARIOS
from drill.targets import Deployed
from drill.targets.local import LocalTarget
from drill.verdict import FAIL

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(900)]

QUIET = replace(SCENARIOS["noop"], watch_seconds=20.0)
OPTIONS = Options(events_per_second=300.0, before_seconds=15.0, seed=3)
TOPIC = "clinical.observation.recorded"
PURGED_SECONDS = 5.0
SKIPS = """

_every_record = stream_records


def stream_records(event, now):
    return [one for one in _every_record(event, now) if one.sequence % 97 or one.partition_key[0] == "m"]
"""
"""Put behind the bridge's code: one event in a hundred is neither written nor counted."""


@pytest.fixture
def evidence_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """From a kind of run, its scenario and its target to the evidence."""
    monkeypatch.setattr(evidence, "ROOT", tmp_path / "drill")

    def ran(
        kind: type[Run], scenario: Any = QUIET, target: type[LocalTarget] = LocalTarget
    ) -> dict[str, Any]:
        with target(workdir=tmp_path / "lab") as entered:
            return kind(scenario, OPTIONS, entered, print).go().evidence

    return ran


def unmet(found: dict[str, Any]) -> set[str]:
    """The objectives that say so; so short a run has not a whole minute of each alarm's figures."""
    missed = {name for name, met in found["objectives_met"].items() if not met}
    return missed - {"no_alarm_without_a_fault", "alarms_fired_as_they_should"}


class OnePartitionPurged(Run):
    """The standby's replicator stands still, and one partition's records go before it copies them."""

    def _break(self) -> None:
        assert isinstance(self._target, LocalTarget)
        processes = self._target._lab.processes
        (mirror,) = [one for one in processes.named("mirrormaker") if "caw1" in one.name]
        processes.signal(mirror.name, signal.SIGSTOP)
        self._wait(PURGED_SECONDS)
        bootstrap = self._target.endpoints()[self._target.home].kafka_bootstrap
        assert bootstrap is not None
        reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "purge"})
        place = TopicPartition(TOPIC, 0)
        _, place.offset = reader.get_watermark_offsets(place, timeout=10)
        reader.close()
        self._wait(PURGED_SECONDS)  # the home region itself applies them
        admin = AdminClient({"bootstrap.servers": bootstrap})
        for done in admin.delete_records([place]).values():
            done.result(30)
        processes.signal(mirror.name, signal.SIGCONT)


def test_one_partition_of_one_short_time_is_missed(
    evidence_of: Callable[..., dict[str, Any]],
) -> None:
    """Every row is in both databases: only the logs differ."""
    found = evidence_of(OnePartitionPurged)
    assert found["verdict"] == FAIL
    assert found["events"]["lost"] == found["events"]["not_in_the_log"] == 0
    assert unmet(found) == {"everything_became_safe", "both_logs_hold_the_same"}


class FaultyRelease(LocalTarget):
    """After the deployment, a release of the bridge that skips events goes to the home region."""

    def deploy(self) -> Deployed:
        deployed = super().deploy()
        self._lab.client("lambda", self.home).update_function_code(
            FunctionName=f"stream-bridge-{self.suffix}", ZipFile=self._faulty()
        )
        return deployed

    def _faulty(self) -> bytes:
        folder = self._workdir / "synthesized"
        template = json.loads((folder / "Streaming-cac1.template.json").read_text())
        (key,) = [
            one["Properties"]["Code"]["S3Key"]
            for one in template["Resources"].values()
            if one["Type"] == "AWS::Lambda::Function"
            and one["Properties"].get("FunctionName") == f"stream-bridge-{self.suffix}"
        ]
        packed, source = io.BytesIO(), folder / f"asset.{key.removesuffix('.zip')}"
        with zipfile.ZipFile(packed, "w") as archive:
            for path in sorted(one for one in source.rglob("*") if one.is_file()):
                text = path.read_bytes()
                if path.match("stream_bridge/batch.py"):
                    text += SKIPS.encode()
                archive.writestr(str(path.relative_to(source)), text)
        return packed.getvalue()


def test_a_bridge_that_skips_is_seen_though_its_markers_agree(
    evidence_of: Callable[..., dict[str, Any]],
) -> None:
    """The platform cannot know: what was never counted is missed by nobody but the journals."""
    found = evidence_of(Run, target=FaultyRelease)
    assert found["verdict"] == FAIL
    events = found["events"]
    assert events["safe"] == events["accepted"], "it was called safe"
    assert events["lost"] > 0
    assert events["not_in_the_log"] >= events["lost"]
    assert unmet(found) >= {"no_accepted_event_lost", "what_was_called_safe_is_in_the_other_log"}


class LyingJournal(Journal):
    """Leaves out one event in 200 that was sent; calls safe, and forgets, whatever was accepted."""

    def accepted(self, receipts: Any) -> None:
        super().accepted(receipts)
        self.safe([number for number, _ in receipts])

    def _write(self, entry: list[Any]) -> None:
        if entry[0] == "s":
            entry = [*entry[:2], [row for row in entry[2] if row[0] % 200]]
        super()._write(entry)


def test_a_lying_journal_is_seen(
    evidence_of: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "Journal", LyingJournal)
    found = evidence_of(Run, SCENARIOS["region-loss"])
    assert found["verdict"] == FAIL
    events = found["events"]
    assert events["unexpected"] > 0, "sent, stored, and not in the journal"
    assert events["not_in_the_log"] > 0, "called safe, and not copied when the region was lost"
    assert unmet(found) >= {"nothing_unexpected", "what_was_called_safe_is_in_the_other_log"}
