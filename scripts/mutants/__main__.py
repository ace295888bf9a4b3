"""`make mutants`: change the code in small ways, one at a time, and see whether a unit test notices.

Ends with 0 if each area has its score. What was run is kept in build/mutants/, so a run that was
interrupted goes on; build/mutants.json is the report.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from scripts.mutants import runs
from scripts.mutants.areas import ROOT, Area, chosen
from scripts.mutants.mutant import Mutant, Result, listed, tests_for
from scripts.mutants.report import report, show

LISTING = ROOT / "scripts" / "mutants" / "listing.py"
LISTING_PYTHON = ROOT / ".venv-mutants" / "bin" / "python"
KEPT = ROOT / "build" / "mutants"
REPORT = ROOT / "build" / "mutants.json"
SHOWN_EVERY_SECONDS = 10
LONGER = 4
"""As many times longer a mutant runs once more before it is said that it never ends."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument(
        "--area", action="append", default=[], help="an area, or a file's name; all without it"
    )
    parser.add_argument("--sample", type=int, help="so many mutants of each area; all without it")
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    parser.add_argument(
        "--survivors", action="store_true", help="run again only what survived the last time"
    )
    given = parser.parse_args()
    try:
        areas = chosen(given.area)
    except ValueError as error:
        parser.error(str(error))
    runs.warm()
    results = {}
    for area, paths in areas.items():
        mutants = listed(_listing(paths))
        if given.sample:
            mutants = sample(mutants, given.sample, f"{given.seed}-{area.name}")
        results[area] = run(area, mutants, given.survivors)
    found = report(results)
    REPORT.write_text(json.dumps(found, indent=1))
    return show(found, given.sample)


def sample(mutants: list[Mutant], size: int, seed: str) -> list[Mutant]:
    """So many of them, the same for the same seed, in the order of the files."""
    taken = random.Random(seed).sample(range(len(mutants)), min(size, len(mutants)))
    return [mutants[number] for number in sorted(taken)]


def run(area: Area, mutants: list[Mutant], survivors: bool) -> list[Result]:
    """Run what was not run with these tests."""
    KEPT.mkdir(parents=True, exist_ok=True)
    kept = KEPT / f"{area.name}.jsonl"
    now = digest(area)
    before = {
        one.key: one
        for one in _read(kept)
        if one.tests_digest == now or (survivors and one.outcome != "survived")
    }
    left = [one for one in mutants if one.key not in before]
    print(f"{area.name}: {len(mutants)} mutants, {len(left)} to run", flush=True)
    if left:
        tests = _tests(area, now)
        red = [one.name for one in tests if not one.passed]
        if red or not tests:
            sys.exit(f"{area.name}: these tests fail without a mutant: {red or 'none was found'}")
        shown = time.monotonic()
        with kept.open("a") as file:
            for number, mutant in enumerate(left, 1):
                result = _run_one(mutant, tests, now)
                before[mutant.key] = result
                file.write(json.dumps(asdict(result)) + "\n")
                file.flush()
                if time.monotonic() > shown + SHOWN_EVERY_SECONDS:
                    shown = time.monotonic()
                    alive = sum(before[one.key].outcome == "survived" for one in left[:number])
                    print(f"{area.name}: {number} of {len(left)}, {alive} survived", flush=True)
    return [before[one.key] for one in mutants]


def _tests(area: Area, now: str) -> list[runs.SeenTest]:
    """The area's tests and what each runs, kept until one of them or a source changes."""
    kept = KEPT / f"{area.name}-tests.json"
    if kept.exists() and (found := json.loads(kept.read_text()))["digest"] == now:
        return [runs.seen_test(one) for one in found["tests"]]
    print(f"{area.name}: which test runs which lines", flush=True)
    tests = runs.seen(area.files(), area.tests)
    kept.write_text(json.dumps({"digest": now, "tests": tests}))
    return [runs.seen_test(one) for one in tests]


def _run_one(mutant: Mutant, tests: list[runs.SeenTest], now: str) -> Result:
    source = (ROOT / mutant.file).read_text()
    picked, seconds = tests_for(mutant, tests)
    outcome = "survived"
    if picked:
        changed, allowed = mutant.applied(source), 10 + 4 * seconds
        outcome = runs.outcome(mutant.file, changed, picked, allowed)
        if outcome == "timeout":  # on a busy machine the tests alone may take that long
            outcome = runs.outcome(mutant.file, changed, picked, LONGER * allowed)
    was, becomes = mutant.shown(source)
    return Result(
        mutant.key, now, mutant.file, mutant.line, was, becomes, outcome, tests=len(picked)
    )


def digest(area: Area) -> str:
    """Of the area's sources and tests, and of how they are run: a result is of these."""
    told = hashlib.sha256(Path(runs.__file__).read_bytes())
    for path in (*(ROOT / one for one in area.files()), *_python(area.tests)):
        told.update(path.read_bytes())
    return told.hexdigest()[:16]


def _python(places: Iterable[str]) -> list[Path]:
    files: set[Path] = set()
    for place in places:
        path = ROOT / place
        files |= set(path.rglob("*.py")) if path.is_dir() else {path}
    return sorted(files)


def _read(kept: Path) -> list[Result]:
    if not kept.exists():
        return []
    # A run that was killed may leave half a line.
    lines = [line for line in kept.read_text().splitlines() if line.endswith("}")]
    return [Result(**json.loads(line)) for line in lines]


def _listing(paths: list[str]) -> dict[str, list[dict[str, object]]]:
    """The changes of each file. Listing a long file takes a minute, so the list is kept."""
    found = {}
    for path in paths:
        told = hashlib.sha256(LISTING.read_bytes() + (ROOT / path).read_bytes()).hexdigest()[:16]
        kept = KEPT / "listed" / f"{Path(path).stem}-{told}.json"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            words: list[str | Path] = [LISTING_PYTHON, LISTING, path]
            said = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
            kept.write_text(said.stdout)
        found.update(json.loads(kept.read_text()))
    return found


if __name__ == "__main__":
    sys.exit(main())
