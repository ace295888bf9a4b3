"""`make prove`: prove from the templates that every call has a route and a right, in four situations.

Writes build/prove/<profile>.json and .html. Each route, rule and statement that the proof rests on is then
removed, one at a time, and must be missed. Exits with 1 when a call fails or a removal is neither found nor
explained, after a sentence for each; with 2 when the synth itself failed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2

from lifeline.compliance.reach.assembly import world_of
from lifeline.compliance.reach.ledger import NOT_MADE, Entry, Ledger, ledger_of
from lifeline.compliance.reach.removal import Removal, cited, removals
from lifeline.compliance.reach.situations import Situation
from scripts.iam_evaluator import evaluate

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "prove_report.html.j2"
REMOVALS_AT_ONCE = 100


def main() -> int:
    """Synthesize, judge every call, remove what they rest on, write both reports."""
    arguments = _arguments()
    begun = time.monotonic()
    folder = arguments.assembly or ROOT / "build" / "prove" / f"{arguments.profile}.cdk.out"
    if not arguments.assembly:
        _say(begun, f"synthesizing profile {arguments.profile}")
        said = _synthesize(folder, arguments)
        if said:
            print(said, file=sys.stderr)
            return 2
    world = world_of(folder)
    ledger = ledger_of(world, evaluate)
    _say(begun, f"{len(ledger.entries)} calls, {len(ledger.answers)} questions of IAM")
    for situation in Situation:
        counts = ledger.counts(situation)
        parts = [f"{number} {name}" for name, number in counts.items() if name != NOT_MADE]
        _say(begun, f"{situation}: {', '.join(sorted(parts))}")
    tried: list[Removal] = []
    for group in [] if arguments.no_removals else _groups(cited(ledger)):
        tried += removals(world, ledger, evaluate, group)
        _say(begun, f"{len(tried)} removals tried, {sum(one.found for one in tried)} found")
    unexplained = [one.what for one in tried if not one.explained]
    target = arguments.out or ROOT / "build" / "prove"
    target.mkdir(parents=True, exist_ok=True)
    report = _report(arguments.profile, ledger, tried)
    (target / f"{arguments.profile}.json").write_text(json.dumps(report, indent=1) + "\n")
    (target / f"{arguments.profile}.html").write_text(_page(report))
    failures = ledger.failures + [
        f"nobody misses {one}: no call fails without it, and nothing is known to cover it"
        for one in unexplained
    ]
    for line in failures:
        print(line)
    found = sum(one.found for one in tried)
    print(
        f"prove: {len(failures)} failures in profile {arguments.profile}; "
        f"{len(tried)} removals: {found} found, {len(tried) - found - len(unexplained)} redundant; "
        f"{target / f'{arguments.profile}.html'}"
    )
    return 1 if failures else 0


def _synthesize(folder: Path, arguments: argparse.Namespace) -> str:
    """Write the assembly anew; answers with what the app said if it failed."""
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, str(ROOT / "app.py"), "--out", str(folder)]
    command += ["--profile", arguments.profile, "--suffix", arguments.suffix]
    for pair in arguments.context:
        command += ["-c", pair]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return (done.stdout + done.stderr or "the app failed") if done.returncode else ""


def _groups(every: Sequence[str]) -> list[Sequence[str]]:
    starts = range(0, len(every), REMOVALS_AT_ONCE)
    return [every[at : at + REMOVALS_AT_ONCE] for at in starts]


def _report(profile: str, ledger: Ledger, tried: Sequence[Removal]) -> dict[str, Any]:
    return {
        "profile": profile,
        "regions": {
            "home": ledger.regions.home,
            "standby": ledger.regions.standby,
            "witness": ledger.regions.witness,
        },
        "failures": ledger.failures,
        "situations": {str(one): dict(ledger.counts(one)) for one in Situation},
        "calls": [_written(entry) for entry in ledger.entries],
        "static_stability": [asdict(one) for one in ledger.static_stability()],
        "removals": [
            {
                "what": one.what,
                "type": one.kind,
                "found_by": list(one.found_by),
                "covered_by": list(one.covered_by),
            }
            for one in tried
        ],
    }


def _written(entry: Entry) -> dict[str, Any]:
    row = entry.row
    return {
        "caller": row.caller.reader,
        "caller_region": row.caller.region,
        "resource": row.caller.token,
        "runs_as": row.caller.role,
        "call": row.call,
        "region": row.target_region,
        "rests_on_regions": sorted(row.regions),
        "route": row.route.by,
        "questions": [{"action": one.action, "resource": one.resource} for one in row.asks],
        "rests_on": sorted(entry.cites),
        "verdicts": {
            str(situation): {"verdict": verdict, "because": text}
            for situation, (verdict, text) in entry.verdicts.items()
        },
        "fails": entry.fails,
    }


def _page(report: dict[str, Any]) -> str:
    """One self-contained page: failures first, then each caller with its calls, then the removals."""
    callers: dict[str, list[dict[str, Any]]] = {}
    for one in sorted(report["calls"], key=lambda call: not call["fails"]):
        callers.setdefault(f"{one['caller']} in {one['caller_region']}", []).append(one)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    situations = [str(one) for one in Situation]
    return environment.get_template(TEMPLATE).render(
        report=report, callers=callers, situations=situations
    )


def _say(begun: float, text: str) -> None:
    print(f"prove: {time.monotonic() - begun:5.1f} s  {text}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="prove",
        description="Prove from the templates that every call has a route and a right, in normal "
        "operation, in the standby, without the home region and without the witness.",
    )
    parser.add_argument("--profile", default="dev", help="dev, staging or prod")
    parser.add_argument("--suffix", default="dev", help="the environment's suffix")
    parser.add_argument("--assembly", type=Path, help="a written assembly; no synth then")
    parser.add_argument("--out", type=Path, help="folder of the reports; build/prove")
    parser.add_argument(
        "--no-removals", action="store_true", help="judge the calls only, remove nothing"
    )
    parser.add_argument("-c", "--context", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
