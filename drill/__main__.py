"""`python -m drill`, or `lifeline drill`: run a scenario here or on AWS, list them, check a finished run.

The imports of a run stand in its function: what lists the commands must not load the lab.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main
from typer.exceptions import TyperException

from drill import aws_commands
from drill.arguments import (
    MOST_EVENTS_PER_SECOND,
    Before,
    Seed,
    count,
    plan_step,
    scenario,
    within,
)
from drill.ending import (
    BAD_INPUT,
    EXIT_CODES,
    FAILED,
    INTERRUPTED,
    PASSED,
    print_table,
    status,
)
from drill.scenarios import SCENARIOS

CHECKOUT = Path(__file__).resolve().parent.parent

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Break a region while real recordings stream, and prove what became of every event.",
    epilog=EXIT_CODES,
)


@app.command("run", epilog=EXIT_CODES)
def run(
    name: Annotated[
        str,
        typer.Argument(
            parser=scenario,
            metavar="SCENARIO",
            help="What breaks: one of `drill list`.",
            autocompletion=lambda: sorted(SCENARIOS),
        ),
    ],
    rate: Annotated[
        float,
        typer.Option(
            parser=within("the rate", 1, MOST_EVENTS_PER_SECOND),
            metavar="EVENTS",
            help="Events a second over all edges.",
        ),
    ] = 1667.0,
    before: Before = 60.0,
    seed: Seed = 1,
    kill_apply: Annotated[
        int,
        typer.Option(
            parser=count, metavar="N", help="kill -9 an event applier at N random moments."
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
    step: Annotated[
        str,
        typer.Option(
            parser=plan_step, metavar="STEP", help="At which step `plan-killed` stops the plan."
        ),
    ] = "start_promotion",
    live: Annotated[
        bool,
        typer.Option(
            "--live", metavar="", help="Serve a page on 127.0.0.1 that shows the run as it goes."
        ),
    ] = False,
) -> None:
    """Run a scenario against a fresh local lab."""
    _require_checkout()
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
        plan_step=step,
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
            outcome = Run(SCENARIOS[name], options, target, say, page).go()
    except KeyboardInterrupt:
        print("drill: interrupted; the lab is stopped, there is no evidence", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except LabError as error:
        print(f"drill: {error}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
    print_table(outcome.evidence)
    _say(f"drill: {outcome.folder}/report.html, evidence.json ({time.monotonic() - began:.0f} s)")
    raise typer.Exit(status(outcome.evidence["verdict"]))


@app.command("losses", epilog=EXIT_CODES)
def losses(
    times: Annotated[
        int, typer.Option(parser=count, metavar="N", help="How many, one after the other.")
    ] = 10,
    rate: Annotated[
        float,
        typer.Option(
            parser=within("the rate", 1, MOST_EVENTS_PER_SECOND),
            metavar="EVENTS",
            help="Events a second over all edges.",
        ),
    ] = 500.0,
    before: Before = 20.0,
    seed: Seed = 1,
    lab_dir: Annotated[Path, typer.Option(help="Folder of the lab.")] = Path("build/lab"),
) -> None:
    """Lose the home region many times in one lab, every second time with keepers killed in the takeover.

    Between two losses the lab is reset, not deployed again. Prints each RTO, their median and the worst.
    """
    _require_checkout()
    from drill import series
    from drill.run import Options
    from drill.targets.local import LocalTarget
    from lab import LabError

    options = Options(events_per_second=rate, before_seconds=before, seed=seed)
    done: list[series.Loss] = []
    try:
        with LocalTarget(workdir=lab_dir, resets=True, say=_say) as target:
            for one in series.run(times, options, target, _say):
                done.append(one)
                _say("\n".join(series.lines(done)))
    except KeyboardInterrupt:
        print("drill: interrupted; the lab is stopped", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except LabError as error:
        print(f"drill: {error}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
    raise typer.Exit(PASSED if series.passed(done) else FAILED)


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
        return status(body["verdict"])
    differing = differences(folder, body)
    print_table(body)
    for line in differing:
        print(f"drill: {line}", file=sys.stderr)
    return FAILED if differing else status(body["verdict"])


def _require_checkout() -> None:
    if Path.cwd() != CHECKOUT:
        print(f"drill: it reads and writes build/: run it in {CHECKOUT}", file=sys.stderr)
        raise typer.Exit(BAD_INPUT)


def _say(line: str) -> None:
    print(line, flush=True)


app.command("aws", epilog=EXIT_CODES)(aws_commands.aws)
app.command("heal", epilog="Exit codes: 0 healed · 1 not seen to be healed · 2 bad input.")(
    aws_commands.heal
)


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
