"""`lifeline authority …`: who may be active. The effects stand in `authority` and `show`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from lifeline.cli import options
from lifeline.cli.failure import EXIT_CODES, BadInput
from lifeline.cli.options import DryRun, Home, Json, Recovery, Suffix, Witness
from lifeline.cli.output import Output

if TYPE_CHECKING:
    from lifeline.cli.places import Places

MAX_PAUSE_MINUTES = 24 * 60

app = typer.Typer(
    no_args_is_help=True,
    help="Who may be active: the lease in the witness region.",
    epilog=EXIT_CODES,
)


def places(suffix: str, home: str, recovery: str, witness: str) -> Places:
    """One deployed system. Imported late: `places` brings boto3."""
    options.refuse_twins(home=home, recovery=recovery, witness=witness)
    options.refuse_one_region_with_a_witness(recovery=recovery, witness=witness)
    from lifeline.cli.places import Places

    return Places(suffix, home, recovery, None if witness == options.NO_WITNESS else witness)


@app.command("schema", epilog=EXIT_CODES)
def schema(
    user: Annotated[
        str,
        typer.Option(metavar="NAME", help="The database user of your writers and of the failover."),
    ],
    as_json: Json = False,
) -> None:
    """Print the tables and the writer's guard as SQL, for a database that is not Lifeline's.

    Run it once at the writer, as who may create tables: `lifeline authority schema --user app | psql`.
    """
    from lifeline.cli.authority_schema import authority_schema

    sql = authority_schema(user)
    if as_json:
        Output(as_json).result({"command": "authority schema", "user": user, "sql": sql})
    else:
        print(sql)


@app.command("init", epilog=EXIT_CODES)
def init(
    suffix: Suffix,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    without: Annotated[
        list[str] | None,
        typer.Option(
            parser=options.region,
            metavar="REGION",
            help="Do not ask this region: it is lost, and its epoch is not above the others'.",
        ),
    ] = None,
    without_started: Annotated[
        list[str] | None,
        typer.Option(
            parser=options.region,
            metavar="REGION",
            help="Do not ask this region which epochs were started there: none is above the others'.",
        ),
    ] = None,
    above: Annotated[
        int,
        typer.Option(
            parser=options.known_epoch,
            metavar="EPOCH",
            help="The highest epoch that you know of otherwise, of a lost region, say.",
        ),
    ] = 0,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Create the lease, one epoch above every database's and any ever started.

    --home becomes the holder; its database must be the writer.
    Only a person does this: keepers never create a lease (A10).
    """
    there = places(suffix, home, recovery, witness)
    from lifeline.cli import authority
    from lifeline.cli.change import carry_out

    output = Output(as_json)
    change = authority.init(
        there,
        without=without or (),
        without_started=without_started or (),
        above=above,
        output=output,
    )
    carry_out(change, there, dry_run=dry_run, output=output)


@app.command("show", epilog=EXIT_CODES)
def show(
    suffix: Suffix,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    watch: Annotated[
        float,
        typer.Option(
            parser=options.number("seconds", 0, 60),
            metavar="SECONDS",
            help="How long to watch whether renewals move; keepers renew every 5 s.",
        ),
    ] = 6.0,
    as_json: Json = False,
) -> None:
    """Show the lease, and what each region decided last. One screen; writes nothing."""
    there = places(suffix, home, recovery, witness)
    from lifeline.cli.show import show as print_screen

    print_screen(
        there, watch_seconds=watch, now=time.time, sleep=time.sleep, output=Output(as_json)
    )


@app.command("pause", epilog=EXIT_CODES)
def pause(
    suffix: Suffix,
    minutes: Annotated[
        float,
        typer.Option(
            parser=options.number("minutes", 0, MAX_PAUSE_MINUTES, above=True),
            metavar="MINUTES",
            help=f"How long, at most {MAX_PAUSE_MINUTES}.",
        ),
    ],
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Pause automatic failover for some minutes. A pause always ends (A14)."""
    there = places(suffix, home, recovery, witness)
    from lifeline.cli import authority
    from lifeline.cli.change import carry_out

    change = authority.pause(there, minutes=minutes, now=time.time())
    carry_out(change, there, dry_run=dry_run, output=Output(as_json))


@app.command("resume", epilog=EXIT_CODES)
def resume(
    suffix: Suffix,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """End the pause, within a ttl."""
    there = places(suffix, home, recovery, witness)
    from lifeline.cli import authority
    from lifeline.cli.change import carry_out

    change = authority.resume(there, now=time.time())
    carry_out(change, there, dry_run=dry_run, output=Output(as_json))


@app.command("approve", epilog=EXIT_CODES)
def approve(
    suffix: Suffix,
    epoch: Annotated[
        int, typer.Option(parser=options.epoch, metavar="EPOCH", help="The epoch to be taken.")
    ],
    loss: Annotated[
        float,
        typer.Option(
            parser=options.number("seconds", 0),
            metavar="SECONDS",
            help="The loss that you accept, as the page names it.",
        ),
    ],
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Accept a loss above the RPO for the next take, for ten minutes (D9)."""
    there = places(suffix, home, recovery, witness)
    from lifeline.cli import authority
    from lifeline.cli.change import carry_out

    change = authority.approve(there, epoch=epoch, loss_seconds=loss, now=time.time())
    carry_out(change, there, dry_run=dry_run, output=Output(as_json))


@app.command("abort", epilog=EXIT_CODES)
def abort(
    suffix: Suffix,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Abort the takeover under way, before its promotion is accepted (D9).

    Its plan then gives the lease back. After the point of no return this is refused.
    """
    there = places(suffix, home, recovery, witness)
    from lifeline.cli import authority
    from lifeline.cli.change import carry_out

    carry_out(
        authority.abort(there, now=time.time()), there, dry_run=dry_run, output=Output(as_json)
    )


@app.command("hand-over", epilog=EXIT_CODES)
def hand_over(
    suffix: Suffix,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    unready: Annotated[
        bool,
        typer.Option(
            "--unready", metavar="", help="Do not ask whether the other region is ready to take."
        ),
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Ask the active region to hand over to the other one (A11): it lives, and is sick.

    Nobody serves until the other region has taken over. There is no command that brings it back.
    """
    there = places(suffix, home, recovery, witness)
    if there.witness is None:
        raise BadInput(
            "Without a witness nobody takes what is handed over: `lifeline authority takeover` makes the "
            "other region active."
        )
    from lifeline.cli import authority
    from lifeline.cli.change import carry_out

    change = authority.hand_over(there, unready=unready, now=time.time())
    carry_out(change, there, dry_run=dry_run, output=Output(as_json))


@app.command("takeover", epilog=EXIT_CODES)
def takeover(
    suffix: Suffix,
    to: Annotated[
        str,
        typer.Option(parser=options.region, metavar="REGION", help="The region to make active."),
    ],
    instead_of: Annotated[
        str,
        typer.Option(parser=options.region, metavar="REGION", help="The region that was active."),
    ],
    lost: Annotated[
        bool,
        typer.Option(
            "--lost",
            metavar="",
            help="It does not answer, and I know that nothing of it serves or will within a minute.",
        ),
    ] = False,
    for_good: Annotated[
        bool,
        typer.Option(
            "--for-good",
            metavar="",
            help="It is lost for good, and is destroyed before anybody brings it back.",
        ),
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """In an environment without a witness: make another region active (A21).

    With a witness the keepers do it by themselves.
    """
    options.refuse_twins(to=to, **{"instead-of": instead_of})
    from lifeline.cli import takeover as person
    from lifeline.cli.places import Places
    from lifeline.lambdas.failover.clock import SYSTEM_CLOCK

    there = Places(suffix, home=to, recovery=instead_of, witness=None)
    person.run(
        there,
        lost=lost,
        for_good=for_good,
        dry_run=dry_run,
        clock=SYSTEM_CLOCK,
        output=Output(as_json),
    )
