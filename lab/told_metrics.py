"""The metric lines of a lab's functions and services, and the alarms that its templates set over them."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from lab.emulated_metrics import MARK
from lab.engines import metrics_file
from lab.places import CODES

TEMPLATES = "synthesized"


def metric_lines(workdir: Path) -> dict[str, list[str]]:
    """By region: what functions told, also in runs under way, and services (in their log files)."""
    found: dict[str, list[str]] = defaultdict(list)
    file = metrics_file(workdir)
    if file.exists():
        for row in file.read_text().splitlines():
            kept = json.loads(row)
            found[kept["region"]].append(kept["line"])
    for region, code in CODES.items():
        for log in sorted((workdir / "logs").glob(f"*-{code}-*.log")):
            with log.open(errors="replace") as lines:
                found[region] += [line.rstrip("\n") for line in lines if MARK in line]
    return dict(found)


def templates(workdir: Path) -> dict[str, dict[str, Any]]:
    """By region: the resources of all its stacks, as the app has them before the lab adapts them."""
    found: dict[str, dict[str, Any]] = {}
    for region, code in CODES.items():
        resources: dict[str, Any] = {}
        for path in sorted((workdir / TEMPLATES).glob(f"*-{code}.template.json")):
            stack = path.name.removesuffix(".template.json")
            for name, one in json.loads(path.read_text())["Resources"].items():
                resources[f"{stack}/{name}"] = one
        found[region] = {"Resources": resources}
    return found
