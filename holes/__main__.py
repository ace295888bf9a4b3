"""Break the log in every way that is known, and write what was noticed to `build/holes.json`.

    python -m holes [--only FAULT ...] [--quiet-seconds 20] [--rate 100]

Ends with 1 when a fault is not noticed, not named, passed or not thawed, or a quiet log is called broken.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from holes.faults import HARMLESS, HOLES
from holes.report import Tried, try_harmless, try_hole
from holes.world import World

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "build" / "holes.json"
QUIET_SECONDS = 20.0
FULL_LOAD = 1_667.0
"""The design's mean, events/s."""


def run(
    faults: Sequence[str], *, quiet_seconds: float, rate: float, quiet_rate: float
) -> dict[str, Any]:
    """Every fault in one world, one after the other, and a while without one. The report."""
    found: list[Tried] = []
    with (
        tempfile.TemporaryDirectory(prefix="lifeline-holes-") as name,
        World(Path(name), rate) as world,
    ):
        world.await_healthy(120)
        alarms, sent = _quiet(world, quiet_seconds, quiet_rate)
        for fault in faults:
            world.await_healthy(120)
            if fault in HOLES:
                found.append(try_hole(world, fault, HOLES[fault]))
            else:
                found.append(try_harmless(world, fault, HARMLESS[fault]))
            _say(_line(found[-1]))
    return {
        "faults": [one.told() for one in found],
        "false_alarms": alarms,
        "quiet_seconds": quiet_seconds,
        "quiet_events_per_s": round(sent / quiet_seconds) if quiet_seconds else None,
        "good": not alarms and all(one.good() for one in found),
    }


def _quiet(world: World, seconds: float, rate: float) -> tuple[list[str], int]:
    """Load without a fault: what was told or passed all the same, and how many events were sent."""
    usual, world.rate = world.rate, rate
    sent, told = world.sent, set(world.told)
    time.sleep(seconds)
    world.rate, events = usual, world.sent - sent
    stands = world.safe_until(world.mark(), 30) is None
    alarms = world.told - told
    if stands:
        alarms.add("the watermark stands still")
    alarms |= {f"passed: {one}" for one in world.passed} | set(world.trouble)
    _say(f"quiet: {events} events in {seconds:g} s, {len(alarms)} false alarms")
    return sorted(alarms), events


def _say(line: str) -> None:
    print(line, file=sys.__stdout__, flush=True)


def _line(one: Tried) -> str:
    seconds = "never" if one.seconds is None else f"{one.seconds:.1f} s"
    what = f"{one.fault} ({one.kind}): "
    if one.kind == "hole":
        what += f"named after {seconds}, thawed {one.thawed}"
    else:
        what += f"passed after {seconds}, {'a hole was told' if one.detected else 'no hole told'}"
    if one.watermark_passed:
        what += ", THE WATERMARK PASSED IT"
    return f"{'ok  ' if one.good() else 'FAIL'} {what} {' '.join(one.said)}"


def main() -> int:
    """`python -m holes --help`."""
    known = [*HOLES, *HARMLESS]
    parser = argparse.ArgumentParser(description="Faults of the replicated log on Apache Kafka.")
    parser.add_argument(
        "--only", action="append", choices=known, metavar="FAULT",
        help=f"this fault alone; may be given again. One of: {'; '.join(known)}",
    )  # fmt: skip
    parser.add_argument(
        "--quiet-seconds", type=float, default=QUIET_SECONDS, help="load without a fault"
    )
    parser.add_argument("--rate", type=float, default=100.0, help="events/s during a fault")
    parser.add_argument(
        "--quiet-rate", type=float, default=FULL_LOAD, help="events/s without a fault"
    )
    parser.add_argument("--result", type=Path, default=RESULT, help="where the report goes")
    given = parser.parse_args()
    given.result.parent.mkdir(parents=True, exist_ok=True)
    # What the reader and the repair say goes beside the report.
    with (
        given.result.with_suffix(".log").open("w", buffering=1) as said,
        redirect_stdout(said),
        redirect_stderr(said),
    ):
        report = run(
            given.only or known,
            quiet_seconds=given.quiet_seconds,
            rate=given.rate,
            quiet_rate=given.quiet_rate,
        )
    given.result.write_text(json.dumps(report, indent=2) + "\n")
    print(f"holes: {'good' if report['good'] else 'FAILED'}, {given.result}")
    return 0 if report["good"] else 1


if __name__ == "__main__":
    sys.exit(main())
