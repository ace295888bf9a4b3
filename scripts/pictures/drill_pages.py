"""Pictures of the drill's report and of its live page, from recorded runs."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drill import live_view, replay, report, spans
from drill.platform_records import seconds_of
from scripts.browser import Browser

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT / "tests" / "unit" / "drill" / "recorded"
PICTURES = ROOT / "docs" / "pictures"
WIDTH, HEIGHT = 1100, 1180
REPORTS = ("pass", "fail", "noop")


def pages() -> dict[str, str]:
    """Each picture's name and the page it is taken of."""
    found = {f"report-{kind}": report.render(recorded(kind)) for kind in REPORTS}
    run = recorded("pass")
    fault = seconds_of(run["fault_at"])
    for name, since in moments(run).items():
        growing = replay.at(run, fault + since)
        view = live_view.view(growing, replay.lines(growing))
        found[f"live-{name}"] = report.render(growing, view)
    return found


def moments(run: Mapping[str, Any]) -> dict[str, float]:
    """Seconds from the fault: before it, while the guards hold, while the plan runs. Raises ValueError."""
    fault = seconds_of(run["fault_at"])
    taken = spans.take(run)
    steps = [one for one in run["timeline"] if one["started_at"] and one["ended_at"]]
    if taken is None or not steps:
        raise ValueError(f"{run['id']} has no takeover with a plan: it has no such moments")
    begun = min(seconds_of(one["started_at"]) for one in steps) - fault
    ended = max(seconds_of(one["ended_at"]) for one in steps) - fault
    waiting = (seconds_of(taken["at"]) - fault) * 2 / 3
    return {"before": -20.0, "waiting": waiting, "plan": begun + (ended - begun) * 0.4}


def draw() -> list[Path]:
    """Write every picture. Raises BrowserError when there is no browser."""
    written = []
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        for name, page in pages().items():
            html = Path(folder) / f"{name}.html"
            html.write_text(page)
            browser.open(html.as_uri(), width=WIDTH)
            path = PICTURES / f"{name}.png"
            path.write_bytes(browser.picture(height=HEIGHT))
            written.append(path)
    return written


def recorded(kind: str) -> Mapping[str, Any]:
    """The evidence of a recorded run."""
    found: Mapping[str, Any] = json.loads(
        gzip.decompress((RECORDED / f"{kind}.json.gz").read_bytes())
    )
    return found
