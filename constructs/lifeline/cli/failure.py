"""How a command ends badly: one sentence on standard error."""

from __future__ import annotations


class Refused(Exception):
    """The command did nothing, or cannot say what it did; the message is a sentence for a person."""
