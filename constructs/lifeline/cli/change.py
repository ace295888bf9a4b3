"""One conditional write to the lease: decided from what was read, then shown or sent, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lifeline.cli.calls import writing
from lifeline.cli.failure import Refused
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.lambdas.adapters.lease_table import LeaseTable


@dataclass(frozen=True)
class Change:
    """A write that was not sent yet. `write` is None when there is nothing to do.

    `what` names it ("The pause"); `would` and `done` are the sentences of a dry run and of the write;
    `refused` is the sentence when its condition failed: a certain answer.
    """

    command: str
    what: str
    would: str
    done: str
    refused: str
    write: Callable[[LeaseTable], bool] | None
    facts: Mapping[str, Any] = field(default_factory=dict)


def carry_out(change: Change, places: Places, *, dry_run: bool, output: Output) -> None:
    """Send the write, unless `dry_run`, and answer what came of it.

    Raises Refused (the condition failed), NotWritten or WriteUnknown.
    """
    changed = False
    if change.write is None or dry_run:
        output.say(change.would)
    else:
        send(change.write, change, places, output)
        changed = True
    output.result(
        {
            "command": change.command,
            "suffix": places.suffix,
            "dry_run": dry_run,
            "changed": changed,
            **change.facts,
        }
    )


def send(
    write: Callable[[LeaseTable], bool], change: Change, places: Places, output: Output
) -> None:
    """The only place of the command line that writes to the lease. Raises as `carry_out` does."""
    table = places.lease()
    with writing(change.what, f"lifeline authority show --suffix {places.suffix}"):
        changed = write(table)
    if not changed:
        raise Refused(change.refused)
    output.say(change.done)
