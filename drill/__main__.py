"""`python -m drill`, or `lifeline drill`: run a scenario, list them, check a finished run again.

The imports of a run stand in its function: what lists the commands must not load the lab.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main
from typer.exceptions import TyperException

from drill.scenarios import SCENARIOS

MOST_EVENTS_PER_SECOND = 20_000.0
PASSED, FAILED, BAD_INPUT, INVALIDATED, INTERRUPTED = 0, 1, 2, 3, 130
CHECKOUT = Path(__file__).resolve().parent.parent

EXIT_CODES = (
    "Exit codes: 0 passed · 1 failed · 2 bad input · 3 invalid: the fault had no measured effect · "
    "130 interrupted, then there is no evidence."
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Break a region while real recordings stream, and prove what became of every event.",
    epilog=EXIT_CODES,
)


def _scenario(text: str) -> str:
    if text not in SCENARIOS:
        raise typer.BadParameter(f"{text!r} is no scenario: {', '.join(sorted(SCENARIOS))}")
    return text


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"must be a number, got {text!r}") from None


def _within(what: str, low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = _number(text)
        if not low <= value <= high:
            raise typer.BadParameter(f"{what} must be from {low:g} to {high:g}, got {text}")
        return value

    return parse


def _count(given: str | int) -> int:
    # Typer parses a default, too.
    text = str(given)
    if not text.isdecimal() or int(text) > 100:
        raise typer.BadParameter(f"must be a whole number from 0 to 100, got {text}")
    return int(text)


@app.command("run", epilog=EXIT_CODES)
def run(
    scenario: Annotated[
        str,
        typer.Argument(
            parser=_scenario,
            metavar="SCENARIO",
            help="What breaks: one of `drill list`.",
            autocompletion=lambda: sorted(SCENARIOS),
        ),
    ],
    rate: Annotated[
        float,
        typer.Option(
            parser=_within("the rate", 1, MOST_EVENTS_PER_SECOND),
            metavar="EVENTS",
            help="Events a second over all edges.",
        ),
    ] = 1667.0,
    before: Annotated[
        float,
        typer.Option(
            parser=_within("seconds", 1, 3600),
            metavar="SECONDS",
            help="Streaming before the fault.",
        ),
    ] = 60.0,
    seed: Annotated[int, typer.Option(help="Monitors, shifts and ids follow from it.")] = 1,
    kill_apply: Annotated[
        int,
        typer.Option(
            parser=_count, metavar="N", help="kill -9 an event applier at N random moments."
        ),
    ] = 0,
    bad_events: Annotated[
        bool, typer.Option("--bad-events", metavar="", help="Slip in events that must be refused.")
    ] = False,
    keep_lab: Annotated[
        bool, typer.Option("--keep-lab", metavar="", help="Keep the lab until Enter is pressed.")
    ] = False,
    port_base: Annotated[
        int | None, typer.Option(help="First port of the lab (default: a block that is free).")
    ] = None,
    lab_dir: Annotated[Path, typer.Option(help="Folder of the lab.")] = Path("build/lab"),
    live: Annotated[
        bool,
        typer.Option(
            "--live", metavar="", help="Serve a page on 127.0.0.1 that shows the run as it goes."
        ),
    ] = False,
) -> None:
    """Run a scenario against a fresh local lab."""
    if Path.cwd() != CHECKOUT:
        print(f"drill: it reads and writes build/: run it in {CHECKOUT}", file=sys.stderr)
        raise typer.Exit(BAD_INPUT)
    from drill.live import LivePage
    from drill.run import Options, Run
    from drill.targets.local import LocalTarget
    from lab import LabError

    began = time.monotonic()
    options = Options(
        events_per_second=rate,
        before_seconds=before,
        seed=seed,
        kill_apply=kill_apply,
        bad_events=bad_events,
    )
    try:
        with ExitStack() as stack:
            page: LivePage | None = None
            say: Callable[[str], None] = _say
            if live:
                page = stack.enter_context(LivePage())
                say = page.also(_say)
                _say(f"drill: watch it live at {page.address}")
            target = stack.enter_context(
                LocalTarget(keep=keep_lab, workdir=lab_dir, port_base=port_base, say=say)
            )
            outcome = Run(SCENARIOS[scenario], options, target, say, page).go()
    except KeyboardInterrupt:
        print("drill: interrupted; the lab is stopped, there is no evidence", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except LabError as error:
        print(f"drill: {error}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
    _print_table(outcome.evidence)
    _say(f"drill: {outcome.folder}/report.html, evidence.json ({time.monotonic() - began:.0f} s)")
    raise typer.Exit(_status(outcome.evidence["verdict"]))


@app.command("list", epilog=EXIT_CODES)
def list_scenarios(
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print one JSON object on stdout.")
    ] = False,
) -> None:
    """List the scenarios, and the epochs that must come of each."""
    if as_json:
        body = {
            one.name: {"about": one.about, "epochs": list(one.epochs)} for one in SCENARIOS.values()
        }
        print(json.dumps({"command": "drill list", "scenarios": body}, indent=2))
        return
    for one in SCENARIOS.values():
        print(f"{one.name:<20}{one.about} Epochs: {', '.join(map(str, one.epochs))}.")


@app.command("check", epilog=EXIT_CODES)
def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a finished run.")],
) -> None:
    """Check a finished run again, from its own folder. To judge evidence: `lifeline evidence check`."""
    raise typer.Exit(_check(folder))


def _check(folder: Path) -> int:
    from drill import evidence
    from drill.recheck import JOURNALS, differences

    path = folder / evidence.FILE
    if not path.exists():
        print(f"drill: there is no {path}: not the folder of a finished run", file=sys.stderr)
        return BAD_INPUT
    try:
        body = json.loads(path.read_text())
    except ValueError as error:
        print(f"drill: {path} cannot be read: {error}", file=sys.stderr)
        return BAD_INPUT
    try:
        evidence.validate(body)
    except evidence.EvidenceError as error:
        print(f"drill: the evidence does not hold: {error}", file=sys.stderr)
        return FAILED
    if not (folder / JOURNALS).is_dir():
        print(f"drill: {folder} holds no journals; its hash and schema are right, no more is known")
        return _status(body["verdict"])
    differing = differences(folder, body)
    _print_table(body)
    for line in differing:
        print(f"drill: {line}", file=sys.stderr)
    return FAILED if differing else _status(body["verdict"])


def _status(verdict: str) -> int:
    from drill.verdict import INVALID, PASS

    return {PASS: PASSED, INVALID: INVALIDATED}.get(verdict, FAILED)


def _print_table(body: Mapping[str, Any]) -> None:
    from drill.report import table
    from drill.story import sentence

    print()
    for name, value in table(body):
        print(f"  {name:<24}{value:>16}")
    for name, met in body["objectives_met"].items():
        if not met:
            print(f"  not met: {name.replace('_', ' ')}")
    for failure in body["failures"]:
        print(f"  {failure}")
    print(f"\n{sentence(body)}\n")


def _say(line: str) -> None:
    print(line, flush=True)


def command() -> Any:
    """The commands as one group, which `lifeline drill` registers."""
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0 only when the verdict is PASS; 2 for input that makes no sense."""
    try:
        code = command().main(
            args=None if arguments is None else list(arguments),
            prog_name="python -m drill",
            standalone_mode=False,
        )
    except TyperException as error:
        print(f"drill: error: {error.format_message() or 'a command is required'}", file=sys.stderr)
        return error.exit_code
    return code if isinstance(code, int) else PASSED


if __name__ == "__main__":
    sys.exit(main())
