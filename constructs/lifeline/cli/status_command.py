"""`lifeline status`: one screen for the person on call. It only reads, and waits for nobody."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from lifeline.cli import options
from lifeline.cli.options import Home, Json, Recovery, Suffix, Witness
from lifeline.cli.output import Output

if TYPE_CHECKING:
    from lifeline.cli.places import Places

WATCH_SECONDS = 3.0


def status(
    suffix: Suffix,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    witness: Witness = options.WITNESS,
    watch: Annotated[
        bool, typer.Option("--watch", metavar="", help="Look again every 3 s, until Ctrl-C.")
    ] = False,
    policy: Annotated[
        bool,
        typer.Option(
            "--policy", metavar="", help="Print the IAM policy that this needs, and ask nobody."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Are patients' alarms served, could the other region take over, what would be missing?

    What does not answer within 1.2 s is UNKNOWN, and never ok.
    """
    options.refuse_one_region_with_a_witness(recovery=recovery, witness=witness)
    options.refuse_twins(home=home, recovery=recovery, witness=witness)
    if policy:
        from lifeline.cli.status.policy import policy as rights

        print(
            json.dumps(
                rights(suffix=suffix, home=home, recovery=recovery, witness=witness), indent=2
            )
        )
        return
    from lifeline.cli.authority_commands import places as places_of
    from lifeline.cli.status.document import document
    from lifeline.cli.status.gather import gather
    from lifeline.cli.status.screen import screen

    places = places_of(suffix, home, recovery, witness)
    if watch and not as_json:
        _watch(places)
        return
    while True:
        facts = gather(places)
        found = screen(facts)
        if as_json:
            Output(as_json).result(document(facts, found))
        else:
            from rich.console import Console

            from lifeline.cli.status.render import rendered

            Console(highlight=False).print(rendered(facts, found))
        if not watch:
            return
        time.sleep(WATCH_SECONDS)


def _watch(places: Places) -> None:
    from rich.console import Console
    from rich.live import Live

    from lifeline.cli.status.gather import gather
    from lifeline.cli.status.render import rendered
    from lifeline.cli.status.screen import screen

    with Live(console=Console(highlight=False), screen=True, auto_refresh=False) as live:
        while True:
            facts = gather(places)
            live.update(rendered(facts, screen(facts)), refresh=True)
            time.sleep(WATCH_SECONDS)
