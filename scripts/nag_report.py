"""`make nag`: check every stack against all rule packs, and write the report by HIPAA control.

Writes build/nag/<profile>/report.html and report.csv. Exits with 1 when a finding is left, after naming
each on a line of its own; with 2 when the synth itself failed.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import jinja2

from lifeline.compliance.hipaa import CONTROLS
from lifeline.compliance.nag_rows import NO_CONTROL, Row, Status, rows_of
from lifeline.settings import Settings, settings_from_context

ROOT = Path(__file__).resolve().parent.parent
EVIDENCE = ROOT / "build" / "drill" / "latest" / "evidence.json"
TEMPLATE = "nag_report.html.j2"


def main() -> int:
    """Synthesize with the packs attached, write the report, say what is left."""
    arguments = _arguments()
    given = {"environmentSuffix": arguments.suffix, "profile": arguments.profile}
    given |= dict(pair.split("=", 1) for pair in arguments.context)
    target = arguments.out or ROOT / "build" / "nag" / arguments.profile
    assembly = target / "cdk.out"
    said = synthesize(assembly, given)
    if not (assembly / "validation-report.json").is_file():
        print(said, file=sys.stderr)
        return 2
    settings = settings_from_context(given.get)
    rows = rows_of(assembly, settings, arguments.evidence)
    write_csv(target / "report.csv", rows)
    write_html(target / "report.html", rows, settings)
    findings = [row for row in rows if row.status is Status.FINDING]
    for line in dict.fromkeys(f"{one.rule}  {one.resource}: {one.reason}" for one in findings):
        print(line)
    left = len({(one.rule, one.resource) for one in findings})
    print(f"nag: {left} findings left in profile {arguments.profile}; {target / 'report.html'}")
    return 1 if findings else 0


def synthesize(assembly: Path, context: dict[str, str]) -> str:
    """Write the assembly and its validation report anew; answers with what the app said."""
    report = assembly / "validation-report.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, str(ROOT / "app.py"), "--out", str(assembly), "-c", "nag=true"]
    for key, value in context.items():
        command += ["-c", f"{key}={value}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout + done.stderr


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """One line a row, one column a field, after the control's title."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["title", *(one.name for one in fields(Row))])
        for row in rows:
            writer.writerow([CONTROLS.get(row.control, ""), *astuple(row)])


def write_html(path: Path, rows: Sequence[Row], settings: Settings) -> None:
    """One self-contained page: a summary, what is not shown, each reason with its resources, each control."""
    found: dict[str, list[Row]] = {control: [] for control in (*CONTROLS, NO_CONTROL)}
    for row in rows:
        found.setdefault(row.control, []).append(row)
    sections = [_section(control, of_it) for control, of_it in found.items() if of_it]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template(TEMPLATE).render(
        sections=sections,
        not_shown=_not_shown(rows),
        acknowledged=_by_reason(rows),
        statuses=[str(one) for one in Status],
        totals=Counter(str(row.status) for row in rows),
        profile=settings.profile_name,
        suffix=settings.environment_suffix,
    )
    path.write_text(page)


def _section(control: str, rows: Sequence[Row]) -> dict[str, Any]:
    compliant: Counter[tuple[str, str]] = Counter(
        (row.rule, row.stack) for row in rows if row.status is Status.COMPLIANT and not row.reason
    )
    return {
        "control": control,
        "title": CONTROLS.get(control, "Rules of other packs that no HIPAA control asks for"),
        "counts": Counter(str(row.status) for row in rows),
        "spoken": [
            row
            for row in rows
            if row.status is not Status.ACKNOWLEDGED
            and (row.reason or row.status is not Status.COMPLIANT)
        ],
        "compliant": sorted(compliant.items()),
    }


def _not_shown(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Control, title and reason of what no rule and no proof here shows."""
    told = [row for row in rows if row.status is Status.NOT_SHOWN]
    spoken = {row.control for row in rows}
    silent = [one for one in CONTROLS if one not in spoken]
    return [
        *((row.control, CONTROLS.get(row.control, ""), row.reason) for row in told),
        *((one, CONTROLS[one], "No rule and no proof speaks for it.") for one in silent),
    ]


def _by_reason(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One entry a reason, the most resources first: what it answers, and where it stands."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.status is Status.ACKNOWLEDGED:
            found.setdefault(row.reason, []).append(row)
    made = [
        {
            "reason": reason,
            "rules": sorted({row.rule.partition("[")[0] for row in those}),
            "controls": sorted({row.control for row in those} - {NO_CONTROL}),
            "resources": sorted({row.resource for row in those}),
        }
        for reason, those in found.items()
    ]
    return sorted(made, key=lambda one: (-len(one["resources"]), str(one["reason"])))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Check every stack; report by HIPAA control.")
    parser.add_argument("--profile", default="dev", help="dev, staging or prod")
    parser.add_argument("--suffix", default="dev", help="the environment's suffix")
    parser.add_argument("--out", type=Path, help="folder of the report; build/nag/<profile>")
    parser.add_argument("--evidence", type=Path, default=EVIDENCE, help="of the last drill")
    parser.add_argument("-c", "--context", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
