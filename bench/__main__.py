"""`python -m bench`: every part in a process of its own, one after the other, into `build/bench.json`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import BY_NAME, table

RESULT = Path("build/bench.json")
PARTS = ("store_path", "full_partition", "bridge", "applier", "resume", "long_link", "synth")
"""Modules of this package that take `--figures FILE`."""
PIPELINE = "pipeline"
"""The part that needs a lab and a quarter of an hour: only when it is asked for."""
PART_SECONDS = 1_800.0


def main() -> int:
    """`python -m bench --help`."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Rates and ratios of one run. Leave the machine alone meanwhile.",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all")
    parser.add_argument("--pipeline", action="store_true", help="the whole path in a lab, as well")
    parser.add_argument("--result", type=Path, default=RESULT, help="where the figures go")
    given = parser.parse_args()
    wanted = [*given.parts] or [*PARTS]
    if given.pipeline:
        wanted.append(PIPELINE)
    if unknown := sorted(set(given.parts) - set(PARTS)):
        parser.error(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    found: dict[str, float] = {}
    failed = []
    for part in wanted:
        began = time.monotonic()
        print(f"bench: {part} …", flush=True)
        figures = _part(part)
        if figures is None:
            failed.append(part)
        found |= figures or {}
        print(
            f"bench: {part} {'failed' if figures is None else 'done'} ({time.monotonic() - began:.0f} s)"
        )
    given.result.parent.mkdir(parents=True, exist_ok=True)
    given.result.write_text(json.dumps(_report(found, failed), indent=2) + "\n")
    print(table(found))
    missed = [name for name, value in found.items() if BY_NAME[name].met(value) is False]
    if missed:
        print(f"bench: not met: {', '.join(missed)}")
    if failed:
        print(f"bench: failed: {', '.join(failed)}")
    print(f"bench: {given.result}")
    return 1 if missed or failed else 0


def _part(name: str) -> dict[str, float] | None:
    """Its figures; None when it failed, which it has said itself."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        done = subprocess.run(
            [sys.executable, "-m", f"bench.{name}", "--figures", str(file)],
            check=False,
            timeout=PART_SECONDS,
        )
        if done.returncode or not file.exists():
            return None
        found: dict[str, float] = json.loads(file.read_text())
        return found


def _report(found: dict[str, float], failed: list[str]) -> dict[str, object]:
    figures = {
        name: {
            "value": round(value, 3),
            "unit": BY_NAME[name].unit,
            "target": BY_NAME[name].target,
            "met": BY_NAME[name].met(value),
        }
        for name, value in found.items()
    }
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "python": platform.python_version(),
        },
        "figures": figures,
        "failed": failed,
    }


if __name__ == "__main__":
    sys.exit(main())
