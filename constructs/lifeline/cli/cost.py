"""`lifeline cost`: what an environment costs in a month while it stands. Asks nobody.

It synthesizes each strategy, or reads an assembly, and multiplies what stands by prices with a source.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lifeline.cli import options
from lifeline.cli.failure import BadInput
from lifeline.cli.options import Json
from lifeline.cli.output import Output
from lifeline.cli.preflight import context_settings, synthesize

if TYPE_CHECKING:
    from lifeline.cost.bill import Bill
    from lifeline.cost.prices import Price
    from lifeline.settings import Settings


def cost(
    cdk_arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- CDK ARGUMENTS]",
            help="What `cdk deploy` would get: settings (-c key=value) are read.",
        ),
    ] = None,
    suffix: Annotated[
        str,
        typer.Option(
            parser=options.suffix, metavar="SUFFIX", help="environmentSuffix.",
            rich_help_panel=options.PLACES,
        ),
    ] = "cost",
    profile: Annotated[
        str,
        typer.Option(
            envvar="PROFILE", metavar="PROFILE", help="dev, staging or prod.",
            rich_help_panel=options.PLACES,
        ),
    ] = "dev",
    prices: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Prices: what `aws pricing get-products` answered, or a table; may be given often.",
        ),
    ] = None,
    assembly: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A synthesized assembly of these settings; without it one is made for each strategy.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Say what an environment costs in a month while it stands: by strategy, region and service."""
    from lifeline.cost.prices import KNOWN, NoPrices, read_prices
    from lifeline.settings import SettingsError, settings_from_context
    from lifeline.strategy import Strategy

    output = Output(as_json)
    try:
        known = [*KNOWN, *(one for path in prices or [] for one in read_prices(path))]
    except NoPrices as error:
        raise BadInput(str(error)) from error
    given = context_settings(cdk_arguments or [], None)
    context = {**given, "environmentSuffix": suffix, "profile": profile}
    chosen = given.get("strategy")
    strategies = [chosen] if chosen or assembly else [str(one) for one in Strategy]
    told: list[dict[str, Any]] = []
    for strategy in strategies:
        settings_given = {**context, **({"strategy": strategy} if strategy else {})}
        try:
            settings = settings_from_context(settings_given.get)
        except SettingsError as refusal:
            if chosen or assembly or len(strategies) == 1 or strategy == Strategy.WARM_STANDBY:
                raise BadInput(str(refusal)) from refusal
            output.say(f"{strategy}: refused with these settings. {refusal}")
            told.append({"strategy": strategy, "refused": str(refusal)})
            continue
        told.append(_one(settings, settings_given, assembly, known, output))
    output.result({"command": "cost", "profile": profile, "strategies": told})


def _one(
    settings: Settings,
    given: dict[str, str],
    assembly: Path | None,
    known: Sequence[Price],
    output: Output,
) -> dict[str, Any]:
    from lifeline.cost.bill import DAYS_PER_MONTH, bill_of
    from lifeline.cost.quantities import not_counted, quantities
    from lifeline.preflight.assembly import NoAssembly, read_assembly

    with tempfile.TemporaryDirectory(prefix="lifeline-cost-") as folder:
        context = {
            key: one for key, one in given.items() if key not in ("environmentSuffix", "profile")
        }
        made = assembly or synthesize(
            Path(folder) / "out",
            settings.environment_suffix,
            settings.profile_name,
            context,
            output,
        )
        try:
            there = read_assembly(made, "000000000000")
        except NoAssembly as error:
            raise BadInput(str(error)) from error
        bill = bill_of(quantities(there, settings), known)
    left_out = not_counted(there)
    output.say(f"{settings.strategy}, profile {settings.profile_name}: {bill.words} a month")
    for region in there.regions:
        for service in dict.fromkeys(line.quantity.item.service for line in bill.lines):
            part = bill.of(region, service)
            if part.lines:
                output.say(f"  {region:13} {service:22} {part.words}")
                _say_lines(part, output)
    if bill.unknown < len(bill.lines):
        least = "at least " if bill.unknown else ""
        output.say(f"  a day: {least}{bill.usd / DAYS_PER_MONTH:,.2f} USD")
    if bill.unknown:
        output.say(
            f"  {bill.unknown} of {len(bill.lines)} prices are unknown; --prices FILE gives them "
            "(docs/mechanisms/cost.md)"
        )
    output.say(f"  not counted, as it follows from use: {'; '.join(left_out)}")
    return {
        "strategy": str(settings.strategy),
        "usd_known": round(bill.usd, 2),
        "unknown_prices": bill.unknown,
        "lines": [
            {
                "region": line.quantity.region,
                "service": line.quantity.item.service,
                "item": line.quantity.item.id,
                "unit": line.quantity.item.unit,
                "amount": line.quantity.amount,
                "usd": None if line.usd is None else round(line.usd, 2),
                "source": None if line.price is None else line.price.source,
                "as_of": None if line.price is None else line.price.as_of,
            }
            for line in bill.lines
        ],
        "not_counted": left_out,
    }


def _say_lines(part: Bill, output: Output) -> None:
    for line in part.lines:
        item, usd = line.quantity.item, line.usd
        price = "price unknown" if line.price is None else f"at {line.price.usd:g} USD = {usd:,.2f}"
        dated = "" if line.price is None else f" ({line.price.source}, {line.price.as_of})"
        output.say(f"      {item.id}: {line.quantity.amount:,.0f} {item.unit}s, {price}{dated}")
