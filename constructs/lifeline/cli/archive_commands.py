"""`lifeline archive …`: what is kept when the log forgets. What a command does stands in `archive`."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Annotated, Any

import typer

from lifeline.cli import options
from lifeline.cli.dlq_commands import moment
from lifeline.cli.failure import EXIT_CODES, BadInput
from lifeline.cli.options import Home, Json, Recovery, Suffix, Witness
from lifeline.cli.output import Output
from lifeline.lambdas.failover.archive_request import (
    ACCEPT_GAP,
    BRING_BACK,
    DATABASE,
    END_RESTORE,
    HOURS,
    RESTORE,
    TOPIC,
    VERIFY,
)

app = typer.Typer(
    no_args_is_help=True,
    help="The log's records in S3: is nothing missing, and back into a database or a topic.",
    epilog=EXIT_CODES,
)
WAIT_SECONDS = 6 * 3600.0
"""Ours: an object is read in a second, and a month of the customer's load has some hundred thousand."""
LATEST = "1h"
"""What is younger may not be archived yet: the count would change under the hand."""
WHICH = "Which records"

From = Annotated[
    Any,
    typer.Option(
        "--from", parser=moment, metavar="TIME", rich_help_panel=WHICH,
        help="From this time on (2026-11-21T12:00:00Z), or so long ago (36d). By default the 36 days that "
        "the database keeps, or what the archive keeps, if that is less.",
    ),
]  # fmt: skip
To = Annotated[
    Any,
    typer.Option("--to", parser=moment, metavar="TIME", help="Before it.", rich_help_panel=WHICH),
]
Topics = Annotated[
    list[str] | None,
    typer.Option(
        "--topic", metavar="TOPIC", rich_help_panel=WHICH,
        help="This topic; may be given again. Without it all that are archived.",
    ),
]  # fmt: skip
InRegion = Annotated[
    str,
    typer.Option(
        "--region", metavar="REGION", parser=lambda text: options.region(text) if text else "",
        help="Whose bucket, log and database; by default where the lease says the writer is.",
    ),
]  # fmt: skip
ArchivedBy = Annotated[
    str,
    typer.Option(
        "--archived-by", metavar="REGION", rich_help_panel=WHICH,
        parser=lambda text: options.region(text) if text else "",
        help="The objects that this region wrote; the bucket has a copy. By default the bucket's own.",
    ),
]  # fmt: skip
Wait = Annotated[
    float,
    typer.Option(
        parser=options.number("seconds", 0, 604_800),
        metavar="SECONDS",
        help="How long it may take.",
    ),
]


def target(text: str) -> str:
    """What a restore writes to."""
    if text not in (DATABASE, TOPIC):
        raise typer.BadParameter(f"{text!r} is no target; allowed are {DATABASE} and {TOPIC}")
    return text


def a_day(text: str) -> str:
    """A UTC day."""
    try:
        return str(date.fromisoformat(text))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; one looks like 2026-10-13") from None


@app.command("verify", epilog=EXIT_CODES)
def verify(
    suffix: Suffix,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    topic: Topics = None,
    from_: From = None,
    to: To = LATEST,
    archived_by: ArchivedBy = "",
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", metavar="",
            help="Read the manifests only: what is missing is found, what was changed inside is not.",
        ),
    ] = False,
    region: InRegion = "",
    wait: Wait = WAIT_SECONDS,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Prove that the archive has every record of a time, and each as it was written. It changes nothing."""
    given = {"do": VERIFY, "reads_records": not quick, "archived_by": archived_by}
    _ask(suffix, (home, recovery, witness), region, topic, (from_, to), given, wait, as_json)


@app.command("restore", epilog=EXIT_CODES)
def restore(
    suffix: Suffix,
    into: Annotated[
        str | None,
        typer.Option(
            parser=target, metavar=f"{DATABASE}|{TOPIC}",
            help="An empty database, or a topic restored.TOPIC of the region's log.",
        ),
    ] = None,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    topic: Topics = None,
    from_: From = None,
    to: To = LATEST,
    archived_by: ArchivedBy = "",
    expect: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="RECORDS",
            help="Do it, if exactly so many are there. Without it, only say what would be done.",
        ),
    ] = None,
    accept_gaps: Annotated[
        bool,
        typer.Option(
            "--accept-gaps", metavar="", help="Go on although the archive has faults in this time."
        ),
    ] = False,
    region: InRegion = "",
    wait: Wait = WAIT_SECONDS,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Write archived records into an empty database, or a topic of their own. Run it as often as you like.

    A run that was stopped goes on where it stopped. Without --expect nothing is written.
    """
    if into is None:
        raise BadInput(f"--into is missing; allowed are {DATABASE} and {TOPIC}.")
    given = {
        "do": RESTORE,
        "into": into,
        "expect": expect,
        "accept_gaps": accept_gaps,
        "archived_by": archived_by,
    }
    _ask(suffix, (home, recovery, witness), region, topic, (from_, to), given, wait, as_json)


def a_tier(text: str) -> str:
    """How fast, and how dear."""
    if text not in HOURS:
        raise typer.BadParameter(f"{text!r} is no tier; allowed are {' and '.join(HOURS)}")
    return text


@app.command("bring-back", epilog=EXIT_CODES)
def bring_back(
    suffix: Suffix,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    topic: Topics = None,
    from_: From = None,
    to: To = LATEST,
    archived_by: ArchivedBy = "",
    tier: Annotated[
        str,
        typer.Option(parser=a_tier, metavar="TIER", help="Bulk: 48 hours; Standard: 12, and dearer."),
    ] = "Bulk",
    kept_days: Annotated[
        int, typer.Option("--days", min=1, max=90, metavar="DAYS", help="How long they stay readable."),
    ] = 7,
    expect: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="OBJECTS",
            help="Do it, if exactly so many are too cold. Without it, only say how long it takes and what is "
            "billed.",
        ),
    ] = None,
    region: InRegion = "",
    wait: Wait = WAIT_SECONDS,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Make objects readable that are older than a year, before they are verified or restored.

    Run it as often as you like: what was asked for is not asked for again.
    """
    given = {
        "do": BRING_BACK,
        "tier": tier,
        "kept_days": kept_days,
        "expect": expect,
        "archived_by": archived_by,
    }
    _ask(suffix, (home, recovery, witness), region, topic, (from_, to), given, wait, as_json)


@app.command("accept-gap", epilog=EXIT_CODES)
def accept_gap(
    suffix: Suffix,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    day: Annotated[
        str,
        typer.Option(
            parser=lambda text: a_day(text) if text else "", metavar="DAY",
            help="Of this UTC day (2026-10-13). Without it, every day that is kept is named.",
        ),
    ] = "",
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why, for the audit; kept in the database."),
    ] = "",
    lost: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="EVENTS",
            help="Do it, if at most exactly so many events are in no archive. Without it, only say how many.",
        ),
    ] = None,
    region: InRegion = "",
    wait: Wait = WAIT_SECONDS,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Let a day leave the database although the archive does not have all of it.

    Without --day it names the days that are kept, and what the archive lacks of each. What was shown is
    accepted, stretch by stretch, and stays noted with who and why.
    """
    if lost is not None and not (day and reason.strip()):
        raise BadInput("--lost takes --day and --reason: say which day, and why, in a sentence.")
    given = {"do": ACCEPT_GAP, "day": day, "expect": lost, "why": reason.strip()}
    span = (None, moment(LATEST))
    _ask(suffix, (home, recovery, witness), region, None, span, given, wait, as_json)


@app.command("end-restore", epilog=EXIT_CODES)
def end_restore(
    suffix: Suffix,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    reason: Annotated[
        str,
        typer.Option(metavar="TEXT", help="End it, and why. Without it, only say what it holds."),
    ] = "",
    region: InRegion = "",
    wait: Wait = WAIT_SECONDS,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Say that a restored database is as it should be: until then no day leaves it.

    A restore may bring back days past the hot retention. They stay until this is said.
    """
    given = {"do": END_RESTORE, "why": reason.strip()}
    span = (None, moment(LATEST))
    _ask(suffix, (home, recovery, witness), region, None, span, given, wait, as_json)


def _ask(
    suffix: str,
    regions: tuple[str, str, str],
    in_region: str,
    topics: list[str] | None,
    span: tuple[datetime | None, datetime],
    given: dict[str, Any],
    wait: float,
    as_json: bool,
) -> None:
    from lifeline.cli import archive
    from lifeline.cli.authority_commands import places
    from lifeline.cli.dlq import serving_region
    from lifeline.cli.dlq_commands import caller
    from lifeline.cli.waiting import Deadline
    from lifeline.lambdas.failover.archive_request import Request
    from lifeline.lambdas.failover.clock import SYSTEM_CLOCK

    since, until = span
    if since is not None and since >= until:
        raise BadInput(f"--from ({since.isoformat()}) must lie before --to ({until.isoformat()}).")
    there, output = places(suffix, *regions), Output(as_json)
    region = in_region or serving_region(there)
    named = (("--region", region), ("--archived-by", given.get("archived_by") or region))
    for name, one in named:
        if one not in there.data_regions:
            raise BadInput(f"{name} is {one}; allowed are {' and '.join(there.data_regions)}.")
    if given["do"] in (ACCEPT_GAP, END_RESTORE):
        given = {**given, "who": caller(there)}
    request = Request(
        run=str(uuid.uuid4()),
        since_ms=None if since is None else int(since.timestamp() * 1_000),
        until_ms=int(until.timestamp() * 1_000),
        topics=tuple(topics or ()),
        **given,
    )
    after = "The task goes on by itself; run the same command again to see how far it came."
    deadline = Deadline(SYSTEM_CLOCK, wait, output, after=after)
    answer = archive.ask(there, region, request, deadline, output)
    output.result(
        {"command": f"archive {request.do}", "suffix": suffix, "region": region, **answer}
    )
    if request.do == VERIFY:
        archive.say_verified(request, answer, request.archived_by or region, output)
    elif request.do == ACCEPT_GAP:
        archive.say_gaps(request, answer, suffix, region, output)
    elif request.do == BRING_BACK:
        archive.say_brought_back(request, answer, request.archived_by or region, output)
    elif request.do == END_RESTORE:
        archive.say_ended(answer, region, output)
    else:
        archive.say_restored(request, answer, suffix, region, output)
