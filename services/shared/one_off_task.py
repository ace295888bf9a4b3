"""The command of a one-off task: one argument, a request, and its answer in lines of the log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lifeline.lambdas.failover.task_answers import packed
from lifeline.services.shared.log_lines import say

Request = TypeVar("Request")


def run(
    word: str, argument: str, read: Callable[[str], Request], do: Callable[[Request], int]
) -> int:
    """The exit status: 2 for an argument of the command `word` that `read` refuses with ValueError."""
    try:
        request = read(argument)
    except ValueError as error:
        print(f"{word}: {error}", file=sys.stderr)
        return 2
    return do(request)


def tell(message: str, run: str, answer: Mapping[str, Any]) -> int:
    """Write the answer, in as many lines as it takes; the exit status."""
    for fields in packed(run, answer):
        say(message, **fields)
    return 0
