"""`python -m lifeline.services.query_api [healthy | dead-letters REQUEST]`; without a word, the service."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

COMMANDS = {(): "service", ("healthy",): "healthy"}
WITH_ARGUMENT = {"dead-letters": "dead_letters"}
"""One-off tasks: the word and one argument."""
USAGE = "usage: python -m lifeline.services.query_api [healthy | dead-letters REQUEST]"


def main(arguments: list[str]) -> int:
    """Run the service, its health check or a one-off task; the exit status. Each imports what it needs."""
    module, given = COMMANDS.get(tuple(arguments)), list[str]()
    if module is None and len(arguments) == 2:
        module, given = WITH_ARGUMENT.get(arguments[0]), arguments[1:]
    if module is None:
        print(USAGE, file=sys.stderr)
        return 2
    command: Callable[..., int] = import_module(f"lifeline.services.query_api.{module}").main
    return command(*given)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
