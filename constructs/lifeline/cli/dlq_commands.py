"""`lifeline dlq …`: the letters of `error.dlq`, and the way back for their events."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lifeline.cli import options
from lifeline.cli.failure import EXIT_CODES, BadInput
from lifeline.cli.options import Home, Json, Recovery, Suffix, Witness
from lifeline.cli.output import Output

if TYPE_CHECKING:
    from lifeline.cli.places import Places

app = typer.Typer(
    no_args_is_help=True,
    help="Events that could not be used: look at them, and send them again.",
    epilog=EXIT_CODES,
)
DEFAULT_SINCE = "24h"
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
WAIT_SECONDS = 600.0


def moment(text: str) -> datetime:
    """An instant, or how long ago (`30m`, `24h`, `7d`)."""
    if text[:-1].isascii() and text[:-1].isdigit() and text[-1:] in UNITS and len(text) <= 5:
        return datetime.now(UTC) - timedelta(**{UNITS[text[-1]]: int(text[:-1])})
    try:
        found: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise typer.BadParameter(
            f"{text!r} is no instant with a zone (2026-11-21T12:00:00Z), nor a time ago (30m, 24h, 7d)"
        )
    return found


WHICH = "Which letters"
Since = Annotated[
    Any,
    typer.Option(
        parser=moment, metavar="TIME", help="From this time on, or so long ago.",
        rich_help_panel=WHICH,
    ),
]  # fmt: skip
Until = Annotated[
    Any,
    typer.Option(parser=moment, metavar="TIME", help="Before this time.", rich_help_panel=WHICH),
]
Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", metavar="REASON", help="Of this reason.", rich_help_panel=WHICH),
]
Source = Annotated[
    str,
    typer.Option(
        metavar="REGION", help="Accepted in this region.", rich_help_panel=WHICH,
        parser=lambda text: options.region(text) if text else "",
    ),
]  # fmt: skip
Ids = Annotated[
    list[str] | None,
    typer.Option(
        "--id", metavar="ID", help="This letter, as `list` names it.", rich_help_panel=WHICH
    ),
]
InRegion = Annotated[
    str,
    typer.Option(
        "--in", metavar="REGION", parser=lambda text: options.region(text) if text else "",
        help="Whose log and stream; by default where the lease says the writer is.",
    ),
]  # fmt: skip
Wait = Annotated[
    float,
    typer.Option(
        parser=options.number("seconds", 0, 7200), metavar="SECONDS", help="How long it may take."
    ),
]
Limit = Annotated[
    int, typer.Option(min=1, max=1_000, metavar="LETTERS", help="Show at most so many.")
]


@app.command("list", epilog=EXIT_CODES)
def list_letters(
    suffix: Suffix,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    since: Since = DEFAULT_SINCE,
    until: Until = None,
    reason: Reasons = None,
    source: Source = "",
    limit: Limit = 100,
    in_region: InRegion = "",
    wait: Wait = WAIT_SECONDS,
    as_json: Json = False,
) -> None:
    """Say how many letters there are, by reason, and name each: no value out of an event."""
    given = _filters(since, until, reason, source, None) | {"limit": limit}
    _look("list", suffix, (home, recovery, witness), in_region, given, wait, as_json)


@app.command("show", epilog=EXIT_CODES)
def show(
    suffix: Suffix,
    ids: Ids = None,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    since: Since = DEFAULT_SINCE,
    until: Until = None,
    reveal: Annotated[
        bool,
        typer.Option(
            "--reveal", metavar="", help="Print the events themselves: patients' data, and audited."
        ),
    ] = False,
    in_region: InRegion = "",
    wait: Wait = WAIT_SECONDS,
    as_json: Json = False,
) -> None:
    """Show letters with their headers. Values of the events are left out, unless told --reveal."""
    if not ids:
        raise BadInput("--id is missing: `lifeline dlq list` names the letters.")
    given = _filters(since, until, None, "", ids) | {"limit": len(ids), "reveal": reveal}
    _look("show", suffix, (home, recovery, witness), in_region, given, wait, as_json)


@app.command("replay", epilog=EXIT_CODES)
def replay(
    suffix: Suffix,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    since: Since = DEFAULT_SINCE,
    until: Until = None,
    reason: Reasons = None,
    source: Source = "",
    ids: Ids = None,
    expect: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="LETTERS",
            help="Do it, if exactly so many match. Without it, only say what would be done.",
        ),
    ] = None,
    in_region: InRegion = "",
    wait: Wait = WAIT_SECONDS,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Send the events of letters again, through the region's own stream: the bridge judges each anew.

    Name the letters by reason, source or id. An event keeps its id: sent twice, it is stored once.
    """
    if not (reason or source or ids):
        raise BadInput(
            "--reason, --source or --id is missing: what was never right would only come back."
        )
    given = _filters(since, until, reason, source, ids) | {"expect": expect}
    _look("replay", suffix, (home, recovery, witness), in_region, given, wait, as_json)


def _filters(
    since: datetime,
    until: datetime | None,
    reasons: list[str] | None,
    source: str,
    ids: list[str] | None,
) -> dict[str, Any]:
    end = until or datetime.now(UTC)
    if since >= end:
        raise BadInput(
            f"--since ({since.isoformat()}) must lie before --until ({end.isoformat()})."
        )
    return {
        "since_ms": int(since.timestamp() * 1_000),
        "until_ms": int(end.timestamp() * 1_000),
        "reasons": tuple(reasons or ()),
        "origin": source,
        "ids": tuple(ids or ()),
    }


def _look(
    do: str,
    suffix: str,
    regions: tuple[str, str, str],
    in_region: str,
    given: dict[str, Any],
    wait: float,
    as_json: bool,
) -> None:
    from lifeline.cli import dlq
    from lifeline.cli.authority_commands import places
    from lifeline.cli.waiting import Deadline
    from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
    from lifeline.lambdas.failover.dead_letters import REPLAY, Request
    from lifeline.lambdas.failover.sealed import Opener

    there, output = places(suffix, *regions), Output(as_json)
    region = in_region or dlq.serving_region(there)
    if region not in there.data_regions:
        raise BadInput(f"--in is {region}; allowed are {' and '.join(there.data_regions)}.")
    opener = Opener() if given.pop("reveal", False) else None
    request = Request(
        run=str(uuid.uuid4()),
        do=do,
        reveal_to="" if opener is None else opener.public,
        who=caller(there),
        **given,
    )
    again = f"Then run the same command again; `--in` names the other region if {region} is lost."
    deadline = Deadline(SYSTEM_CLOCK, wait, output, after=again)
    answer = dlq.ask(there, region, request, deadline, output)
    if do == REPLAY:
        dlq.say_replay(request, answer, region, output)
    else:
        dlq.say_letters(request, answer, opener, output)
    output.result({"command": f"dlq {do}", "suffix": suffix, "region": region, **answer})


def caller(there: Places) -> str:
    """Who asks, for the line that is kept; CloudTrail has it from AWS itself."""
    from lifeline.cli.calls import reading

    with reading("Who you are (sts:GetCallerIdentity)"):
        return str(there.sts().get_caller_identity()["Arn"])
