"""Ten region losses in one lab, keepers killed in every second takeover: how long clients were not served."""

from __future__ import annotations

from pathlib import Path

import pytest

from drill import evidence, series
from drill.run import Options
from drill.targets.local import LocalTarget

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.alone, pytest.mark.timeout(3600)]

MEDIAN_SECONDS, WORST_SECONDS = 60.0, 120.0


def test_ten_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "ROOT", tmp_path / "drill")
    options = Options(events_per_second=300.0, before_seconds=20.0, seed=1)
    with LocalTarget(workdir=tmp_path / "lab", resets=True) as target:
        losses = list(series.run(10, options, target, print))
    print("\n".join(series.lines(losses)))
    median, worst = series.median_and_worst(losses)
    assert median < MEDIAN_SECONDS
    assert worst < WORST_SECONDS
    assert [one for one in losses if one.unmet] == []
