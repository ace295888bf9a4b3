"""`lifeline activate`: from deployed to serving. Each part looks before it acts, so it can be run again.

    migrate -> lease (A10) -> serving at the lease's epoch -> watermark moves -> alarms on

Interrupted anywhere, it goes on where it was: a migration that runs is followed, a lease that exists is left
alone. It writes three things only: the migrations' task, the lease, and that alarms tell people.
"""

from __future__ import annotations

from typing import Annotated

import typer

from lifeline.cli import options
from lifeline.cli.options import DryRun, Home, Json, Recovery, Suffix, Witness
from lifeline.cli.output import Output

WAIT_SECONDS = 1800.0
"""Ours: an image is pulled, the plan's budget is below five minutes, and a keeper starts once a minute."""

Wait = Annotated[
    float,
    typer.Option(
        parser=options.number("seconds", 0, 7200),
        metavar="SECONDS",
        help="How long all of it may take.",
    ),
]


def activate(
    suffix: Suffix,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    wait: Wait = WAIT_SECONDS,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make a deployed environment serve: migrate, create the lease, wait until it serves.

    Run it as often as you like, also after an interruption: an environment that is active is left alone.
    """
    from lifeline.cli.activation import Activation
    from lifeline.cli.authority_commands import places
    from lifeline.lambdas.failover.clock import SYSTEM_CLOCK

    there = places(suffix, home, recovery, witness)
    activation = Activation(there, SYSTEM_CLOCK, Output(as_json), wait_seconds=wait)
    if dry_run:
        activation.say_what_is_missing()
    else:
        activation.run()


def migrate(
    suffix: Suffix,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    wait: Wait = WAIT_SECONDS,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Bring the database to this release: run the migrations where the writer is, and wait for their end."""
    from lifeline.cli.activation import Activation
    from lifeline.cli.authority_commands import places
    from lifeline.lambdas.failover.clock import SYSTEM_CLOCK

    there = places(suffix, home, recovery, witness)
    Activation(there, SYSTEM_CLOCK, Output(as_json), wait_seconds=wait).migrate(dry_run=dry_run)
