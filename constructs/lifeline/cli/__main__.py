"""`lifeline`: one command line. Ends with 0, 1 (refused or unreachable) or 2 (bad input)."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from lifeline.cli import (
    archive_commands,
    authority_commands,
    dlq_commands,
    evidence_commands,
    log_commands,
)
from lifeline.cli.activate import activate, migrate
from lifeline.cli.check_events import EXIT_CODES as CHECK_CODES
from lifeline.cli.check_events import check_events
from lifeline.cli.checkout import WithDrill
from lifeline.cli.cost import cost
from lifeline.cli.explain import explain
from lifeline.cli.failure import EXIT_CODES
from lifeline.cli.preflight import EXIT_CODES as PREFLIGHT_CODES
from lifeline.cli.preflight import preflight
from lifeline.cli.release import release
from lifeline.cli.rewind_command import rewind
from lifeline.cli.running import run
from lifeline.cli.smoke_check import smoke_check
from lifeline.cli.status_command import status
from lifeline.cli.sweep import sweep
from lifeline.cli.version import version

app = typer.Typer(
    cls=WithDrill,
    help="Prepare and operate a deployed Lifeline, judge a drill's evidence, read the runbooks offline.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(archive_commands.app, name="archive")
app.add_typer(authority_commands.app, name="authority")
app.add_typer(dlq_commands.app, name="dlq")
app.add_typer(evidence_commands.app, name="evidence")
app.add_typer(log_commands.app, name="log")
app.command("activate", epilog=EXIT_CODES)(activate)
app.command("migrate", epilog=EXIT_CODES)(migrate)
app.command("cost", epilog=EXIT_CODES)(cost)
app.command("preflight", epilog=PREFLIGHT_CODES)(preflight)
app.command("release", epilog=EXIT_CODES)(release)
app.command("rewind", epilog=EXIT_CODES)(rewind)
app.command("smoke-check", epilog=EXIT_CODES)(smoke_check)
app.command("check-events", epilog=CHECK_CODES)(check_events)
app.command("explain", epilog=EXIT_CODES)(explain)
app.command("status", epilog=EXIT_CODES)(status)
app.command("sweep", epilog=EXIT_CODES)(sweep)
app.command("version", epilog=EXIT_CODES)(version)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    return run(app, arguments, program="lifeline")


if __name__ == "__main__":
    sys.exit(main())
