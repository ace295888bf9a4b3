"""Options that several commands share, and what each takes. Bad input gets a sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Annotated

import typer

from lifeline.cli.failure import BadInput

NO_WITNESS = "none"
NO_STANDBY = "none"
SUFFIX = re.compile(r"[a-z][a-z0-9]{0,11}")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


def suffix(text: str) -> str:
    """An environment suffix as it stands in every name."""
    if not SUFFIX.fullmatch(text):
        raise typer.BadParameter(
            f"{text!r} is no suffix: a lower-case letter, then up to 11 of a-z and 0-9, such as dev"
        )
    return text


def region(text: str) -> str:
    """A region's code."""
    if not REGION.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no region; one looks like ca-central-1")
    return text


def region_or_none(text: str) -> str:
    """A region's code, or the word for no witness, and for no standby."""
    return text if text == NO_WITNESS else region(text)


def number(
    unit: str, low: float, high: float = math.inf, *, above: bool = False
) -> Callable[[str], float]:
    """A number of `unit` from `low` (or above it) to `high`."""
    bound = f"{'above' if above else 'at least'} {low:g}"
    limits = bound if high == math.inf else f"{bound} and at most {high:g}"

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (low < value if above else low <= value) or not value <= high or value == math.inf:
            raise typer.BadParameter(f"{text!r}: a number of {unit}, {limits}, is needed")
        return value

    return parse


def epoch(text: str) -> int:
    """An epoch to be taken: 2 is the first that can be."""
    if not text.isascii() or not text.isdigit() or int(text) < 2:
        raise typer.BadParameter(f"{text!r} is no epoch to take: a whole number from 2")
    return int(text)


def known_epoch(given: str | int) -> int:
    """An epoch that somebody knows of; 0, the default, for none."""
    text = str(given)
    if not text.isascii() or not text.isdigit():
        raise typer.BadParameter(f"{text!r} is no epoch: a whole number from 0")
    return int(text)


def refuse_twins(**regions: str) -> None:
    """Raises BadInput when two of the regions are one."""
    named = [one for one in regions.values() if one != NO_STANDBY]
    if len(set(named)) != len(named):
        *most, last = regions
        raise BadInput(
            f"--{', --'.join(most)} and --{last} must differ, got {', '.join(regions.values())}."
        )


def refuse_without_standby(command: str, recovery: str, *, instead: str) -> None:
    """Raises BadInput where the environment has no second region that `command` could work with."""
    if recovery == NO_STANDBY:
        raise BadInput(
            f"`lifeline {command}` needs a standby, and the strategy backup-only (--recovery {NO_STANDBY}) "
            f"has none; {instead}"
        )


def refuse_one_region_with_a_witness(*, recovery: str, witness: str) -> None:
    """Raises BadInput for a witness of an environment in which nobody could take over."""
    if recovery == NO_STANDBY and witness != NO_WITNESS:
        raise BadInput(
            f"--recovery is {NO_STANDBY} (strategy backup-only) and --witness is {witness}; without a "
            f"standby there is no witness: say --witness {NO_WITNESS}, too."
        )


PLACES = "Which environment"

Suffix = Annotated[
    str,
    typer.Option(
        parser=suffix, envvar="SUFFIX", metavar="SUFFIX", help="environmentSuffix.",
        rich_help_panel=PLACES,
    ),
]  # fmt: skip
Home = Annotated[
    str,
    typer.Option(
        parser=region, envvar="HOME_REGION", metavar="REGION", help="Home region.",
        rich_help_panel=PLACES,
    ),
]  # fmt: skip
Recovery = Annotated[
    str,
    typer.Option(
        parser=region_or_none, envvar="RECOVERY_REGION", metavar="REGION",
        help="Recovery region; `none`: no standby (strategy backup-only).", rich_help_panel=PLACES,
    ),
]  # fmt: skip
Witness = Annotated[
    str,
    typer.Option(
        parser=region_or_none, envvar="WITNESS_REGION", metavar="REGION",
        help="Region of the lease table; `none`: each region has its own.", rich_help_panel=PLACES,
    ),
]  # fmt: skip
Json = Annotated[
    bool,
    typer.Option("--json", metavar="", help="Print one JSON object on stdout; words go to stderr."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", metavar="", help="Read, say what would be done, write nothing.")
]

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
