"""`lifeline rewind`: read the log again from a moment on. What it does stands in `rewind`."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated

import typer

from lifeline.cli import options
from lifeline.cli.failure import Refused
from lifeline.cli.log_commands import instant
from lifeline.cli.options import Home, Json, Recovery, Suffix, Witness
from lifeline.cli.output import Output

WAIT_SECONDS = 900.0


def rewind(
    suffix: Suffix,
    to_ms: Annotated[
        int,
        typer.Option(
            "--to", parser=instant, metavar="TIME",
            help="Read again what the bridges wrote from this time on, such as 2026-11-21T12:00:00Z.",
        ),
    ],
    epoch: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="EPOCH",
            help="Do it, if this is the epoch now. Without it, only say what would be done.",
        ),
    ] = None,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    wait: Annotated[
        float,
        typer.Option(
            parser=options.number("seconds", 0, 7200), metavar="SECONDS", help="How long it may take."
        ),
    ] = WAIT_SECONDS,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Apply the log again from a moment on: lower the applied markers and raise the epoch together.

    An event that is stored already is stored once. Reading and accepting go on meanwhile.
    """
    from lifeline.cli import rewind as effects
    from lifeline.cli.authority_commands import places
    from lifeline.cli.dlq_commands import caller
    from lifeline.cli.waiting import Deadline
    from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
    from lifeline.lambdas.failover.rewind import Request

    there, output = places(suffix, home, recovery, witness), Output(as_json)
    to = datetime.fromtimestamp(to_ms / 1_000, UTC).isoformat(timespec="milliseconds")
    if to_ms > SYSTEM_CLOCK.now() * 1_000:
        raise Refused(f"--to {to} lies ahead: there is nothing behind it to read again.")
    region, lease = effects.serving(there)
    if epoch is not None and epoch != lease.epoch:
        raise Refused(
            f"Nothing was lowered: --epoch is {epoch}, and the lease is at epoch {lease.epoch}. If you ran "
            f"this before, it may be done: look with the same command without --epoch."
        )
    who = caller(there)
    request = Request(run=str(uuid.uuid4()), to_ms=to_ms)
    deadline = Deadline(SYSTEM_CLOCK, wait, output, after="Nothing was changed: run it again.")
    answer = effects.ask(there, region, request, deadline, output)
    rows = answer["places"]
    effects.refuse_unfit(lease, region, answer)
    facts = {"command": "rewind", "suffix": suffix, "region": region, "to": to, "places": rows}
    if not rows:
        output.say(f"No marker is younger than {to}: there is nothing to read again.")
        output.result({**facts, "epoch": lease.epoch, "markers": 0, "records": 0, "lowered": 0})
        return
    markers, records = effects.say_what(to, lease.epoch, rows, output)
    facts |= {"markers": markers, "records": records}
    effects.refuse_gone(region, to, rows)
    if epoch is None:
        output.say(f"The same command with --epoch {lease.epoch} does it.")
        output.result({**facts, "epoch": lease.epoch, "lowered": 0})
        return
    done = effects.write(there, region, epoch, to, who, rows, output)
    output.result({**facts, **done})
