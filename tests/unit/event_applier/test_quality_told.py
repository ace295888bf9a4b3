"""The rates of data quality: counted over a minute, told once, and not told of nothing."""

from __future__ import annotations

import json

import pytest

from lifeline.services.event_applier.quality_told import EVERY_SECONDS, QualityTold
from lifeline.services.event_applier.store import Applied
from tests.support.clocks import ManualClock


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    lines = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    names = [one["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] for one in lines]
    assert all(one["Suffix"] == "test" for one in lines)
    return {name: one[name] for name, one in zip(names, lines, strict=True)}


def test_counts_are_told_each_minute_and_begin_anew(capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock()
    quality = QualityTold("test", clock)
    for _ in range(2):
        quality.count(Applied(5, 0, 1, vital_signs=10, incomplete=2, implausible=1))
        quality.tell()
    assert told(capsys) == {}
    clock.sleep(EVERY_SECONDS)
    quality.tell()
    assert told(capsys) == {
        "VitalSigns": 20, "IncompleteVitalSigns": 4, "ImplausibleVitalSigns": 2,
    }  # fmt: skip
    clock.sleep(EVERY_SECONDS)
    quality.tell()
    assert told(capsys) == {}, "a rate of nothing is none"
