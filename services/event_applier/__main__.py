"""`python -m lifeline.services.event_applier apply|migrate|healthy|rewind REQUEST`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

COMMANDS = ("apply", "migrate", "healthy")
WITH_ARGUMENT = ("rewind",)
"""One-off tasks: the word and one argument."""
USAGE = (
    f"usage: python -m lifeline.services.event_applier {'|'.join(COMMANDS)}|"
    f"{'|'.join(f'{one} REQUEST' for one in WITH_ARGUMENT)}"
)


def main(arguments: list[str]) -> int:
    """Run one command; the exit status. Each imports only what it needs."""
    allowed = {1: COMMANDS, 2: WITH_ARGUMENT}.get(len(arguments), ())
    if not arguments or arguments[0] not in allowed:
        print(USAGE, file=sys.stderr)
        return 2
    name, *given = arguments
    command: Callable[..., int] = import_module(f"lifeline.services.event_applier.{name}").main
    return command(*given)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
