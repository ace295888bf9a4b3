"""`drill aws` and `drill heal`: a drill against an environment on AWS, and the end of what one broke."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from drill.arguments import MOST_EVENTS_PER_SECOND, Before, Seed, scenario, within
from drill.ending import BAD_INPUT, FAILED, INTERRUPTED, print_table, status

CHECKOUT = Path(__file__).resolve().parent.parent
HOME, RECOVERY = "ca-central-1", "ca-west-1"

Suffix = Annotated[str, typer.Option(metavar="SUFFIX", help="The environment.")]
Home = Annotated[str, typer.Option("--home", metavar="REGION", help="Where it was created.")]
Recovery = Annotated[str, typer.Option("--recovery", metavar="REGION", help="Its other region.")]

DryRun = Annotated[
    bool, typer.Option("--dry-run", metavar="", help="Say what would be done; break nothing.")
]


def aws(
    name: Annotated[
        str,
        typer.Argument(
            parser=scenario, metavar="SCENARIO", help="What breaks: noop, region-loss or hang."
        ),
    ],
    suffix: Suffix,
    home: Home = HOME,
    recovery: Recovery = RECOVERY,
    rate: Annotated[
        float,
        typer.Option(
            parser=within("the rate", 1, MOST_EVENTS_PER_SECOND),
            metavar="EVENTS",
            help="Events a second over all edges. Each is asked for again at the end.",
        ),
    ] = 100.0,
    before: Before = 60.0,
    seed: Seed = 1,
    dry_run: DryRun = False,
) -> None:
    """Run a scenario against an environment on AWS that is marked for drills.

    The fault is made by the environment's own state machine, which also heals it, whatever becomes of this.
    """
    if Path.cwd() != CHECKOUT:
        print(f"drill: it reads and writes build/: run it in {CHECKOUT}", file=sys.stderr)
        raise typer.Exit(BAD_INPUT)
    from drill.run import Options, Run
    from drill.scenarios import SCENARIOS, on_aws
    from drill.targets import TargetError
    from drill.targets.aws import BREAKS, AwsTarget, impossible, system_account

    if SCENARIOS[name].breaks not in BREAKS:
        print(f"drill: {impossible(SCENARIOS[name].breaks)}", file=sys.stderr)
        raise typer.Exit(BAD_INPUT)
    if dry_run:
        _say_what_would_break(name, suffix, (home, recovery))
        return
    began = time.monotonic()
    options = Options(events_per_second=rate, before_seconds=before, seed=seed)
    try:
        target = AwsTarget(
            suffix=suffix,
            regions=(home, recovery),
            account=system_account(suffix),
            ask=typed,
            say=say,
        )
        with target:
            chosen = on_aws(SCENARIOS[name], target.epoch)
            outcome = Run(chosen, options, target, say).go()
    except KeyboardInterrupt:
        print("drill: interrupted; there is no evidence", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except TargetError as error:
        print(f"drill: {error}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
    print_table(outcome.evidence)
    say(f"drill: {outcome.folder}/report.html, evidence.json ({time.monotonic() - began:.0f} s)")
    raise typer.Exit(status(outcome.evidence["verdict"]))


def _say_what_would_break(name: str, suffix: str, regions: tuple[str, str]) -> None:
    from drill.targets import TargetError
    from drill.targets.aws import FAULT_SECONDS, system_client
    from drill.targets.aws_environment import FREELY, find

    try:
        found = find(suffix, regions, system_client)
    except TargetError as error:
        print(f"drill: {error}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
    first = "" if found.mark == FREELY else ", once its suffix is typed"
    say(
        f"drill: would run {name} against {suffix} (profile {found.profile}, epoch {found.epoch})"
        f"{first}: {found.active} is active, a fault there heals by itself after {FAULT_SECONDS} s."
    )


def heal(
    suffix: Suffix, home: Home = HOME, recovery: Recovery = RECOVERY, dry_run: DryRun = False
) -> None:
    """Heal at once what a drill broke in either region, and end what would heal it later.

    Safe to run again, and where nothing is broken.
    """
    from drill.targets import TargetError
    from drill.targets.aws import system_client
    from drill.targets.breaker import heal_regions

    try:
        heal_regions(suffix, (home, recovery), system_client, say, dry_run=dry_run)
    except TargetError as error:
        print(f"drill: {error}", file=sys.stderr)
        raise typer.Exit(FAILED) from None


def typed(question: str) -> str:
    """What a person types. Raises EOFError where none can: a script's text is not typed."""
    if not sys.stdin.isatty():
        raise EOFError
    return input(question)


def say(line: str) -> None:
    print(line, flush=True)
