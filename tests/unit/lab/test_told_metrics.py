"""Functions' and services' metric lines by region, and each region's alarms."""

from __future__ import annotations

import json
from pathlib import Path

from lab.told_metrics import metric_lines, templates

LINE = '{"_aws": {"Timestamp": 1}, "ConsumerLag": 3}'


def test_lines_of_functions_and_services_are_found_by_region(tmp_path: Path) -> None:
    assert not any(metric_lines(tmp_path).values())
    kept = {"region": "us-east-2", "source": "probe-test", "line": LINE}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(kept) + "\n")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "event-applier-caw1-1.log").write_text(f"started\n{LINE}\n")
    # The emulator's own log repeats what functions told, once their run has ended.
    (tmp_path / "logs" / "emulator.log").write_text(f"{LINE}\n")
    found = {region: lines for region, lines in metric_lines(tmp_path).items() if lines}
    assert found == {"us-east-2": [LINE], "ca-west-1": [LINE]}


def test_a_regions_stacks_are_one_template(tmp_path: Path) -> None:
    folder = tmp_path / "synthesized"
    folder.mkdir()
    for name in ("Data-cac1", "Streaming-cac1", "Witness-use2"):
        body = {"Resources": {"It": {"Type": name}}}
        (folder / f"{name}.template.json").write_text(json.dumps(body))
    assert {region: list(one["Resources"]) for region, one in templates(tmp_path).items()} == {
        "ca-central-1": ["Data-cac1/It", "Streaming-cac1/It"],
        "ca-west-1": [],
        "us-east-2": ["Witness-use2/It"],
    }
