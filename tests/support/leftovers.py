"""What a file's tests left behind in their process, for the next file that runs there."""

from __future__ import annotations

import logging
import os
import sys

from aws_lambda_powertools import Logger

OWN = frozenset({"PYTEST_CURRENT_TEST", "PYTEST_VERSION"})
"""pytest's own, which it changes with each test."""


def environment() -> dict[str, str]:
    """The process's variables, but for pytest's."""
    return {name: value for name, value in os.environ.items() if name not in OWN}


def leftovers(before: dict[str, str]) -> list[str]:
    """A sentence for each thing that is not as it was: variables and how much our functions log."""
    now = environment()
    found = [
        f"variable {name}: {before.get(name)!r} became {now.get(name)!r}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    if logging.root.manager.disable != logging.NOTSET:
        found.append("logging is disabled")
    for name, module in sorted(sys.modules.items()):
        logger = vars(module).get("logger") if name.startswith("lifeline.") else None
        if isinstance(logger, Logger) and logger.log_level != logging.INFO:
            found.append(f"{name}.logger logs from level {logger.log_level}")
    return found
