"""`python -m lifeline.services.query_api [healthy]`: without a word, the service itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

COMMANDS = {(): "service", ("healthy",): "healthy"}


def main(arguments: list[str]) -> int:
    """Run the service or its health check; the exit status. Each imports only what it needs."""
    module = COMMANDS.get(tuple(arguments))
    if module is None:
        print("usage: python -m lifeline.services.query_api [healthy]", file=sys.stderr)
        return 2
    command: Callable[[], int] = import_module(f"lifeline.services.query_api.{module}").main
    return command()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
