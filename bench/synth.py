"""How long one synthesis of the whole app takes: what a person waits for before each deployment.

python -m bench.synth
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.results import write

ROOT = Path(__file__).resolve().parent.parent
TRIES = 3


def measure() -> dict[str, float]:
    """The best of three, each in a process and a folder of its own."""
    found = []
    for _ in range(TRIES):
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            subprocess.run(
                [
                    sys.executable,
                    str(ROOT / "app.py"),
                    "--out",
                    folder,
                    "--profile",
                    "dev",
                    "--suffix",
                    "bench",
                ],
                check=True,
                capture_output=True,
                cwd=ROOT,
            )
            found.append(time.monotonic() - began)
    return {"synth_seconds": min(found)}


def main() -> int:
    """Print the figure."""
    parser = argparse.ArgumentParser(description="Seconds of a synthesis.")
    parser.add_argument("--figures", type=Path, help="a file for them, as JSON")
    given = parser.parse_args()
    return write(measure(), given.figures)


if __name__ == "__main__":
    sys.exit(main())
