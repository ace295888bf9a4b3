"""`lifeline release`: deploy a new release in stages. One synth: every stage deploys the same release."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lifeline.cli import options
from lifeline.cli.failure import BadInput, Refused
from lifeline.cli.options import DryRun, Home, Json, Recovery, Suffix, Witness
from lifeline.cli.output import Output
from lifeline.cli.preflight import context_settings, synthesize
from lifeline.strategy import Strategy

if TYPE_CHECKING:
    from lifeline.cli.staged_release import Stage

BAKE_MINUTES = 30.0
"""Ours: twice the slowest alarm's window, which is a quarter of an hour."""


def release(
    suffix: Suffix,
    cdk_arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- CDK ARGUMENTS]", help="Settings (-c key=value), and what `cdk deploy` gets."
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(envvar="PROFILE", metavar="PROFILE", help="dev, staging or prod."),
    ] = None,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    bake: Annotated[
        float,
        typer.Option(
            parser=options.number("minutes", 1, 1440),
            metavar="MINUTES",
            help="How long alarms are watched before the active region gets the release.",
        ),
    ] = BAKE_MINUTES,
    despite: Annotated[
        list[str] | None,
        typer.Option(metavar="ALARM", help="This alarm may fire; its name without the suffix."),
    ] = None,
    assembly: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="A synthesized assembly; without it one is made."),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Deploy the standby's stacks, watch the alarms, then deploy the active region's."""
    from lifeline.cli.authority_commands import places
    from lifeline.cli.staged_release import StagedRelease
    from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
    from lifeline.preflight.assembly import NoAssembly, read_assembly

    arguments = cdk_arguments or []
    alone = context_settings(arguments, None).get("strategy") == Strategy.BACKUP_ONLY
    options.refuse_without_standby(
        "release",
        options.NO_STANDBY if alone else recovery,
        instead="`make deploy` brings the release to the one region.",
    )
    output = Output(as_json)
    cdk = shutil.which("cdk")
    if cdk is None:
        raise Refused("There is no `cdk` on the path; `make release` puts the checkout's there.")
    there = places(suffix, home, recovery, witness)
    with tempfile.TemporaryDirectory(prefix="lifeline-release-") as folder:
        made = assembly or synthesize(
            Path(folder) / "out", suffix, profile, context_settings(arguments, None), output
        )
        try:
            found = read_assembly(made, "000000000000").stacks
        except NoAssembly as error:
            raise BadInput(str(error)) from error
        staged = StagedRelease(
            there,
            SYSTEM_CLOCK,
            output,
            stacks=[(one.region, one.id) for one in found],
            bake_seconds=bake * 60,
            despite=despite or [],
        )
        stages = [one for one in staged.stages(staged.serving()) if one.stacks]
        for number, stage in enumerate(stages, start=1):
            output.say(f"release: {number}. {stage.region}: {', '.join(stage.stacks)}")
        if not dry_run:
            staged.run(lambda stage: _deploy(cdk, made, stage, arguments, output))
        output.result(
            {
                "command": "release",
                "suffix": suffix,
                "dry_run": dry_run,
                "bake_minutes": bake,
                "stages": [{"region": one.region, "stacks": list(one.stacks)} for one in stages],
            }
        )


def _deploy(cdk: str, assembly: Path, stage: Stage, arguments: list[str], output: Output) -> bool:
    done = subprocess.run(
        [cdk, "deploy", "--app", str(assembly), "--exclusively", *stage.stacks, *arguments],
        check=False,
        stdout=subprocess.PIPE if output.as_json else None,
    )
    return done.returncode == 0
