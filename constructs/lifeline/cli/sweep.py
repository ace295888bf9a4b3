"""`lifeline sweep`: ends the drill environments that are past their time; lists only, unless told to."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lifeline.cli import options
from lifeline.cli.checkout import find_checkout
from lifeline.cli.failure import Refused, Unreachable
from lifeline.cli.options import Json
from lifeline.cli.output import Output

if TYPE_CHECKING:
    from lifeline.cli.drill_environments import DrillEnvironment


def sweep(
    cdk_arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- CDK ARGUMENTS]",
            help="The settings that drill environments are deployed with: `make destroy` gets them.",
        ),
    ] = None,
    profile: Annotated[
        str, typer.Option(envvar="PROFILE", metavar="PROFILE", help="Profile of drill environments.")
    ] = "dev",
    home: options.Home = options.HOME,
    recovery: options.Recovery = options.RECOVERY,
    witness: options.Witness = options.WITNESS,
    only: Annotated[
        str,
        typer.Option(
            metavar="FORM", help="Destroy only suffixes of this form, such as 'dr????????'."
        ),
    ] = "*",
    destroy: Annotated[
        bool,
        typer.Option("--destroy", metavar="", help="Destroy what is over; without it nothing is written."),
    ] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """List the drill environments of the account, and destroy those past their time if asked to."""
    output = Output(as_json)
    there, now = _found(list(dict.fromkeys((home, recovery, witness))))
    found = [_asked_for(one, only) for one in there]
    over = [one for one in found if one.is_over(now)]
    for one in found:
        output.say(f"sweep: {one.suffix}: {_words(one, now, destroy)}")
    if not found:
        output.say("sweep: there is no drill environment")
    failed = [
        one.suffix
        for one in (over if destroy else [])
        if not _destroy(one.suffix, profile, cdk_arguments or [], output)
    ]
    output.result(
        {
            "command": "sweep",
            "dry_run": not destroy,
            "environments": [
                {
                    "suffix": one.suffix,
                    "ends_at": None if one.ends_at is None else one.ends_at.isoformat(),
                    "over": one in over,
                    "kept_because": one.keep or None,
                    "stacks": len(one.stacks),
                }
                for one in found
            ],
            "destroyed": [one.suffix for one in over if destroy and one.suffix not in failed],
            "failed": failed,
        }
    )
    if failed:
        raise Refused(
            f"sweep: {', '.join(failed)} could not be destroyed and keeps billing; run it again, or look at "
            "docs/runbooks/destroy.md."
        )


def _found(regions: list[str]) -> tuple[list[DrillEnvironment], datetime]:
    from botocore.exceptions import BotoCoreError, ClientError

    from lifeline.cli.drill_environments import drill_environments, stacks_in
    from lifeline.lambdas.adapters.aws import client

    stacks, times = [], []
    for region in regions:
        if region == options.NO_WITNESS:
            continue
        try:
            there, now = stacks_in(client("cloudformation", region, 20.0), region)
        except (BotoCoreError, ClientError) as error:
            # A region that is not seen may hold the stack that says "not yet".
            raise Unreachable(
                f"sweep: CloudFormation in {region} cannot be read: {error}"
            ) from error
        stacks += there
        times.append(now)
    return drill_environments(stacks), min(times)


def _asked_for(one: DrillEnvironment, form: str) -> DrillEnvironment:
    if fnmatchcase(one.suffix, form):
        return one
    return replace(one, keep=f"only {form} was asked for")


def _words(one: DrillEnvironment, now: datetime, destroy: bool) -> str:
    places = f"{len(one.stacks)} stacks"
    if one.keep:
        return f"{places}, kept: {one.keep}"
    if not one.is_over(now):
        return f"{places}, kept until {one.ends_at}"
    return f"{places}, over since {one.ends_at}; {'is' if destroy else 'would be'} destroyed"


def _destroy(suffix: str, profile: str, cdk_arguments: list[str], output: Output) -> bool:
    """Whether `make destroy` succeeded: it is idempotent, and knows the order and what stays behind."""
    checkout: Path | None = find_checkout()
    if checkout is None:
        raise Refused("There is no checkout here whose `make destroy` could be run.")
    output.note(f"sweep: make destroy SUFFIX={suffix}")
    done = subprocess.run(
        [
            "make",
            "destroy",
            f"SUFFIX={suffix}",
            f"PROFILE={profile}",
            f"ARGS={' '.join(['--force', '--switch-back', *cdk_arguments])}",
        ],
        cwd=checkout,
        check=False,
        stdout=subprocess.PIPE if output.as_json else None,
    )
    return done.returncode == 0
