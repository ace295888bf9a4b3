"""`python -m lifeline.services.archiver archive | healthy | task REQUEST`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

COMMANDS = ("archive", "healthy")
TASK = "task"
"""One-off: the word and one argument."""
USAGE = "usage: python -m lifeline.services.archiver archive | healthy | task REQUEST"


def main(arguments: list[str]) -> int:
    """Run one command; the exit status. Each imports only what it needs."""
    one_word = len(arguments) == 1 and arguments[0] in COMMANDS
    if not one_word and not (len(arguments) == 2 and arguments[0] == TASK):
        print(USAGE, file=sys.stderr)
        return 2
    name, *given = arguments
    command: Callable[..., int] = import_module(f"lifeline.services.archiver.{name}").main
    return command(*given)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
