"""The bench's table of figures, what it says of them, and the page that explains them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench.figures import BY_NAME, FIGURES, table

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_names_every_figure_and_its_target() -> None:
    page = (ROOT / "docs" / "mechanisms" / "bench.md").read_text()
    for one in FIGURES:
        assert f"`{one.name}`" in page
        if one.target is not None:
            assert f"{one.target:,g}" in page


def test_a_figure_on_its_target_is_met_and_one_beyond_is_not() -> None:
    least, most = BY_NAME["store_path_ratio"], BY_NAME["processor_peak_mib"]
    assert [least.met(value) for value in (0.59, 0.6, 0.61)] == [False, True, True]
    assert [most.met(value) for value in (299.0, 300.0, 301.0)] == [True, True, False]
    assert BY_NAME["json_loads_per_s"].met(1.0) is None


def test_the_table_says_what_is_not_met() -> None:
    shown = table({"store_path_ratio": 0.31, "json_loads_per_s": 600_000.0}).splitlines()
    assert shown[0].endswith("at least 0.6: NOT MET")
    assert shown[1].split() == ["json_loads_per_s", "600,000", "events/s"]


def test_a_part_that_nobody_knows_is_refused_with_those_that_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "speed"])
    with pytest.raises(SystemExit) as refused:
        bench.main()
    assert refused.value.code == 2
    said = capsys.readouterr().err
    assert "speed" in said
    assert all(part in said for part in bench.PARTS)


def test_every_part_can_be_run() -> None:
    for part in (*bench.PARTS, bench.PIPELINE):
        source = (ROOT / "bench" / f"{part}.py").read_text()
        assert '"--figures"' in source
        assert "return write(" in source


def test_the_pipeline_is_measured_only_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def part(name: str) -> dict[str, float]:
        measured.append(name)
        return {}

    monkeypatch.setattr(bench, "_part", part)
    result = ["--result", str(tmp_path / "bench.json")]
    for given, parts in (
        ([], [*bench.PARTS]),
        (["synth"], ["synth"]),
        (["synth", "--pipeline"], ["synth", "pipeline"]),
        (["--pipeline"], [*bench.PARTS, "pipeline"]),
    ):
        del measured[:]
        monkeypatch.setattr("sys.argv", ["bench", *given, *result])
        assert bench.main() == 0
        assert measured == parts


def test_a_missed_target_and_a_failed_part_fail_the_run_and_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"synth": {"synth_seconds": 13.0}, "bridge": None}
    monkeypatch.setattr(bench, "_part", found.get)
    result = tmp_path / "bench.json"
    monkeypatch.setattr("sys.argv", ["bench", "synth", "bridge", "--result", str(result)])
    assert bench.main() == 1
    said = capsys.readouterr().out
    assert "not met: synth_seconds" in said
    assert "failed: bridge" in said
    kept = json.loads(result.read_text())
    assert kept["failed"] == ["bridge"]
    assert kept["figures"]["synth_seconds"]["met"] is False
