"""`python -m drill`: run a scenario, list them, check a finished run again."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drill import evidence
from drill.report import table
from drill.scenarios import SCENARIOS, Scenario
from drill.verdict import PASS

MOST_EVENTS_PER_SECOND = 20_000.0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0 only when the verdict is PASS; 2 for input that makes no sense."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.command == "list":
        for one in SCENARIOS.values():
            print(f"{one.name:<20}{one.about} Epochs: {', '.join(map(str, one.epochs))}.")
        return 0
    if given.command == "check":
        return _check(given.directory)
    return _run(SCENARIOS[given.scenario], given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m drill",
        description="Break a region while real recordings stream, and prove what became of every event.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a scenario against a fresh local lab")
    run.add_argument("scenario", choices=sorted(SCENARIOS))
    run.add_argument(
        "--rate", type=_rate, default=1667.0, help="events a second over all edges (default 1667)"
    )
    run.add_argument(
        "--before", type=_seconds, default=60.0, help="seconds of streaming before the fault"
    )
    run.add_argument("--seed", type=int, default=1, help="monitors, shifts and ids follow from it")
    run.add_argument(
        "--kill-apply",
        type=_count,
        default=0,
        metavar="N",
        help="kill -9 a processor at N random moments",
    )
    run.add_argument(
        "--bad-events", action="store_true", help="slip in events that must be refused"
    )
    run.add_argument("--keep-lab", action="store_true", help="keep the lab until Enter is pressed")
    run.add_argument(
        "--port-base", type=int, help="first port of the lab (default: a block that is free)"
    )
    run.add_argument("--lab-dir", type=Path, default=Path("build/lab"), help="folder of the lab")
    commands.add_parser("list", help="list the scenarios")
    check = commands.add_parser("check", help="check a finished run again, from its own folder")
    check.add_argument("directory", type=Path)
    return parser


def _run(scenario: Scenario, given: argparse.Namespace) -> int:
    from drill.run import Options, Run
    from drill.targets.local import LocalTarget
    from lab import LabError

    began = time.monotonic()
    options = Options(
        events_per_second=given.rate,
        before_seconds=given.before,
        seed=given.seed,
        kill_apply=given.kill_apply,
        bad_events=given.bad_events,
    )
    try:
        with LocalTarget(
            keep=given.keep_lab, workdir=given.lab_dir, port_base=given.port_base, say=_say
        ) as target:
            outcome = Run(scenario, options, target, _say).go()
    except KeyboardInterrupt:
        print("drill: interrupted; the lab is stopped, there is no evidence", file=sys.stderr)
        return 130
    except LabError as error:
        print(f"drill: {error}", file=sys.stderr)
        return 1
    _print_table(outcome.evidence)
    _say(f"drill: {outcome.folder}/report.html, evidence.json ({time.monotonic() - began:.0f} s)")
    return 0 if outcome.evidence["verdict"] == PASS else 1


def _check(folder: Path) -> int:
    from drill.run import check_again

    path = folder / evidence.FILE
    if not path.exists():
        print(f"drill: there is no {path}: not the folder of a finished run", file=sys.stderr)
        return 2
    body = json.loads(path.read_text())
    try:
        evidence.validate(body)
    except evidence.EvidenceError as error:
        print(f"drill: the evidence does not hold: {error}", file=sys.stderr)
        return 1
    if not (folder / "journals").is_dir():
        print(f"drill: {folder} holds no journals; its hash and schema are right, no more is known")
        return 0 if body["verdict"] == PASS else 1
    found = check_again(folder)
    differing = [
        f"{name}: evidence {value}, now {getattr(found, name)}"
        for name, value in {**body["events"], "order_violations": body["order_violations"]}.items()
        if getattr(found, name) != value
    ]
    _print_table(body)
    for line in differing:
        print(f"drill: {line}", file=sys.stderr)
    return 0 if not differing and body["verdict"] == PASS else 1


def _print_table(body: Mapping[str, Any]) -> None:
    print()
    for name, value in table(body):
        print(f"  {name:<24}{value:>16}")
    for name, met in body["objectives_met"].items():
        if not met:
            print(f"  not met: {name.replace('_', ' ')}")
    for failure in body["failures"]:
        print(f"  {failure}")
    print()


def _say(line: str) -> None:
    print(line, flush=True)


def _rate(text: str) -> float:
    value = _number(text)
    if not 1 <= value <= MOST_EVENTS_PER_SECOND:
        raise argparse.ArgumentTypeError(
            f"the rate must be from 1 to {MOST_EVENTS_PER_SECOND:.0f} events a second, got {text}"
        )
    return value


def _seconds(text: str) -> float:
    value = _number(text)
    if not 1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"must be from 1 to 3600 seconds, got {text}")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > 100:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 100, got {text}")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None


if __name__ == "__main__":
    sys.exit(main())
