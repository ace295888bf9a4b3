"""Run a Typer app as a function that answers the exit code: every failure is a sentence on standard error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import typer
import typer.main
from typer.exceptions import TyperException

from lifeline.cli.failure import BAD_INPUT, DONE, FAILED, INTERRUPTED, Failure


def run(app: typer.Typer, arguments: Sequence[str] | None, *, program: str) -> int:
    """The exit code of one command line; `arguments` None: the process's own."""
    command: Any = typer.main.get_command(app)
    try:
        code = command.main(
            args=None if arguments is None else list(arguments),
            prog_name=program,
            standalone_mode=False,
        )
    except TyperException as error:
        return _bad_input(error, program)
    except Failure as failure:
        prefix = f"{program}: error: " if failure.exit_code == BAD_INPUT else ""
        print(f"{prefix}{failure}", file=sys.stderr)
        return failure.exit_code
    except typer.Abort:
        code = FAILED
    if code == INTERRUPTED:
        print("Interrupted.", file=sys.stderr)
    return code if isinstance(code, int) else DONE


def _bad_input(error: TyperException, program: str) -> int:
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else program
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":
        # The message is the help itself: Rich has printed it, or it stands in the error.
        print(message or f"{where}: error: a command is needed.", file=sys.stderr)
    else:
        print(f"{where}: error: {message}\nSee `{where} --help`.", file=sys.stderr)
    return error.exit_code
