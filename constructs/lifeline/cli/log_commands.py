"""`lifeline log …`: the replicated log. What a command does stands in `log_repair` and `log_give_up`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lifeline.cli import options
from lifeline.cli.failure import EXIT_CODES, BadInput, Refused
from lifeline.cli.options import DryRun, Home, Json, Recovery, Suffix
from lifeline.cli.output import Output

if TYPE_CHECKING:
    from lifeline.cli.log_repair import LogRepair

WAIT_SECONDS = 1800.0
"""Ours: a slice takes half a minute, and a hole of an hour's load some dozens of them."""
STRETCH = "INCARNATION/TOPIC/PARTITION/AFTER/UNTIL"

app = typer.Typer(
    no_args_is_help=True,
    help="The replicated log: what one region's log lacks of the other's.",
    epilog=EXIT_CODES,
)


def pair(text: str) -> tuple[str, str]:
    """A region and a shard of its stream."""
    origin, _, shard = text.partition("/")
    if not options.REGION.fullmatch(origin) or not shard or "/" in shard:
        raise typer.BadParameter(
            f"{text!r} is no pair; one looks like ca-central-1/shardId-000000000000"
        )
    return origin, shard


def stretch(text: str) -> dict[str, Any]:
    """A stretch as a hole names it, without its pair."""
    given = text.split("/")
    numbers = [one.isascii() and one.isdigit() for one in (given[0], *given[2:])]
    if len(given) != 5 or not all(numbers) or not given[1] or int(given[3]) >= int(given[4]):
        raise typer.BadParameter(
            f"{text!r} is no stretch: {STRETCH} as `holes` of /v1/watermark names them, AFTER below UNTIL"
        )
    incarnation, topic, partition, after, until = given
    return {
        "incarnation": incarnation, "topic": topic, "partition": int(partition), "after": after,
        "until": until,
    }  # fmt: skip


def instant(text: str) -> int:
    """Milliseconds of the epoch, of a time with a zone."""
    try:
        found: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise typer.BadParameter(
            f"{text!r} is no instant with a zone, such as 2026-11-21T12:00:00Z"
        )
    return int(found.timestamp() * 1000)


@app.command("repair", epilog=EXIT_CODES)
def repair(
    suffix: Suffix,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    pairs: Annotated[
        list[Any] | None,
        typer.Option(
            "--pair", parser=pair, metavar="ORIGIN/SHARD",
            help="Holes of this shard only; may be given again. Without it, all that either region names.",
        ),
    ] = None,
    by_hand: Annotated[
        Any,
        typer.Option(
            "--stretch", parser=stretch, metavar=STRETCH,
            help="The hole, where /v1/watermark cannot be asked; takes one --pair.",
        ),
    ] = None,
    since: Annotated[
        int | None,
        typer.Option(
            parser=instant, metavar="TIME",
            help="With --stretch: nothing of it is older. Without it the log is read from its beginning.",
        ),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            parser=options.number("seconds", 0, 86_400), metavar="SECONDS",
            help="How long all of it may take.",
        ),
    ] = WAIT_SECONDS,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Copy what a region's log lacks of the other's, and wait until its reader proves it.

    The records are written again into the log of the region that accepted them, from that log or from its
    stream, and the replicator copies them. Repair the replicator first. Run it as often as you like.
    """
    from lifeline.cli.log_repair import LogRepair, bridge_of, name_of, watermark_of, what_is_lost
    from lifeline.cli.places import Places
    from lifeline.cli.waiting import Deadline
    from lifeline.lambdas.failover.clock import SYSTEM_CLOCK

    options.refuse_without_standby(
        "log repair", recovery, instead="there is no other log to copy from."
    )
    options.refuse_twins(home=home, recovery=recovery)
    regions = (home, recovery)
    for origin, _ in pairs or ():
        if origin not in regions:
            raise BadInput(f"--pair names {origin}; the regions are {home} and {recovery}.")
    given = list(pairs or ())
    if by_hand and len(given) != 1:
        raise BadInput(f"--stretch takes one --pair, got {len(given)}.")
    there, output = Places(suffix, home, recovery, None), Output(as_json)
    look = "`holes` of /v1/watermark says what is missing; docs/runbooks/log-hole.md"
    run = LogRepair(
        ask=bridge_of(there),
        watermark=watermark_of(there),
        deadline=Deadline(SYSTEM_CLOCK, wait, output, after=f"{look}, then run it again."),
        output=output,
        run=f"repair-{datetime.fromtimestamp(SYSTEM_CLOCK.now(), UTC):%Y%m%dT%H%M%S.%fZ}",
    )
    if by_hand:
        ((origin, shard),) = given
        holes = [{"region": origin, "shard": shard, **by_hand, "born_ms": since or 0}]
    else:
        holes = run.holes(regions, given)
    facts: dict[str, Any] = {"command": "log repair", "suffix": suffix, "dry_run": dry_run}
    if not holes:
        output.say("No hole is named: nothing to repair.")
        output.result(
            {**facts, "holes": [], "records": 0, "markers": 0, "thawed": True, "lost": []}
        )
        return
    for hole in holes:
        output.note(f"log repair: {name_of(hole)}: {hole.get('why', 'given by hand')}")
    done = run.repair(holes, dry_run=dry_run)
    facts |= {"holes": holes, "records": done.records, "markers": done.markers, "lost": done.lost}
    if dry_run:
        output.say(f"Would copy {done.records} records and {done.markers} markers.")
        output.result({**facts, "thawed": False})
    elif not done.lost:
        _await(run, holes, regions)
        output.say(
            f"Thawed: {done.records} records copied, {len(holes)} holes closed. The watermark goes on."
        )
        more = [] if by_hand else run.holes(regions, given)
        if more:
            output.say(f"{len(more)} more holes are named by now: run the same command again.")
        output.result({**facts, "thawed": True, "more": len(more)})
    else:
        output.result({**facts, "thawed": False})
    if done.lost:
        raise Refused(what_is_lost(done.lost))


@app.command("give-up", epilog=EXIT_CODES)
def give_up(
    suffix: Suffix,
    pair_given: Annotated[
        Any,
        typer.Option("--pair", parser=pair, metavar="ORIGIN/SHARD", help="The shard that has the hole."),
    ],
    after: Annotated[
        int, typer.Option("--from", min=-1, metavar="AFTER", help="Where the hole begins, as it is named."),
    ],
    until: Annotated[
        int, typer.Option("--to", min=0, metavar="UNTIL", help="Where it ends, as it is named."),
    ],
    reason: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Why, for the audit; kept in the log, so no patient's data."),
    ],
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    lost: Annotated[
        str,
        typer.Option(
            metavar="RECORDS",
            help="Do it, if exactly so many are lost, or `unknown`. Without it, only say what is lost.",
        ),
    ] = "",
    origin_is_lost: Annotated[
        bool,
        typer.Option(
            "--origin-is-lost", metavar="",
            help="Do not ask the region that accepted the records: it is gone for good, with its stream.",
        ),
    ] = False,
    wait: Annotated[
        float,
        typer.Option(
            parser=options.number("seconds", 0, 86_400), metavar="SECONDS",
            help="How long all of it may take.",
        ),
    ] = WAIT_SECONDS,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Stop waiting for records that are nowhere any more, so that what came after them is safe again.

    Their events are lost, and stay counted as given up for ever. `lifeline log repair` comes first.
    """
    from lifeline.cli import log_give_up as effects
    from lifeline.cli.dlq_commands import caller
    from lifeline.cli.log_repair import LogRepair, bridge_of, name_of, watermark_of
    from lifeline.cli.places import Places
    from lifeline.cli.waiting import Deadline
    from lifeline.lambdas.failover.clock import SYSTEM_CLOCK

    options.refuse_without_standby(
        "log give-up", recovery, instead="nothing waits for a copy of its records."
    )
    options.refuse_twins(home=home, recovery=recovery)
    origin, shard = pair_given
    if origin not in (home, recovery):
        raise BadInput(f"--pair names {origin}; the regions are {home} and {recovery}.")
    if after >= until:
        raise BadInput(f"--from ({after}) must lie below --to ({until}).")
    if not reason.strip():
        raise BadInput("--reason is empty: say why, in a sentence.")
    reader = recovery if origin == home else home
    there, output = Places(suffix, home, recovery, None), Output(as_json)
    name = f"give-up-{datetime.fromtimestamp(SYSTEM_CLOCK.now(), UTC):%Y%m%dT%H%M%S.%fZ}"
    look = "docs/runbooks/log-hole.md; then run it again."
    deadline = Deadline(SYSTEM_CLOCK, wait, output, after=look)
    run = LogRepair(
        ask=bridge_of(there),
        watermark=watermark_of(there),
        deadline=deadline,
        output=output,
        run=name,
    )
    holes = effects.chosen(run.holes((reader,), [(origin, shard)]), after, until)
    counts = [None for _ in holes] if origin_is_lost else effects.lost_of(run, holes)
    total = effects.total(counts)
    for hole, count in zip(holes, counts, strict=True):
        number = "an unknown number of" if count is None else str(count)
        output.say(f"  {name_of(hole)}: {number} records are nowhere.")
    facts = {
        "command": "log give-up",
        "suffix": suffix,
        "region": reader,
        "holes": holes,
        "lost": total,
    }
    if not lost:
        output.say(
            f"Giving them up would lose {total} records for good. In {shard} nothing at or under the end of "
            f"a stretch would be called safe any more, and what lies behind would be again. The same "
            f"command with --lost {total} does it."
        )
        output.result({**facts, "given_up": False})
        return
    if lost != total:
        raise Refused(f"Nothing was given up: --lost is {lost}, and {total} records are lost.")
    request = {"who": caller(there), "why": reason.strip(), "stretches": holes}
    effects.write(bridge_of(there, effects.GIVE_UP), reader, request)
    effects.await_thaw(watermark_of(there), reader, holes, deadline)
    output.say(
        f"Given up: {len(holes)} stretches, {total} records. `given_up` of /v1/watermark and "
        f"`lifeline status` count them for ever."
    )
    output.result({**facts, "given_up": True})


def _await(run: LogRepair, holes: list[dict[str, Any]], regions: tuple[str, str]) -> None:
    for origin, reader in (regions, regions[::-1]):
        mine = [hole for hole in holes if hole["region"] == origin]
        if mine:
            run.await_proof(mine, reader)
