"""How a command ends badly: one sentence on standard error, and an exit code."""

from __future__ import annotations

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
EXIT_CODES = (
    "Exit codes: 0 done · 1 refused or unreachable, and one sentence on stderr says why · "
    "2 bad input · 130 interrupted."
)


class Failure(Exception):
    """A command ended badly; the message is a sentence for a person."""

    exit_code = FAILED


class Refused(Failure):
    """The command looked and changed nothing: what it was asked for is not possible or does not hold."""


class BadInput(Failure):
    """What was given makes no sense; nothing was asked of anybody."""

    exit_code = BAD_INPUT


class Unreachable(Failure):
    """A read was not answered. Says nothing of a write: none was sent."""


class NotWritten(Failure):
    """A write was refused, or never left this machine: certainly nothing changed."""


class WriteUnknown(Failure):
    """A write was sent and its answer is missing: it may have landed (A4)."""
