"""`python -m lifeline.services.event_applier apply|migrate|healthy`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

COMMANDS = ("apply", "migrate", "healthy")


def main(arguments: list[str]) -> int:
    """Run one command; the exit status. Each imports only what it needs."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(
            f"usage: python -m lifeline.services.event_applier {'|'.join(COMMANDS)}",
            file=sys.stderr,
        )
        return 2
    command: Callable[[], int] = import_module(
        f"lifeline.services.event_applier.{arguments[0]}"
    ).main
    return command()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
