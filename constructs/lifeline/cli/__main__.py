"""`lifeline`: operate a deployed Lifeline. Ends with 0, 1 (refused or unreachable) or 2 (bad input)."""

from __future__ import annotations

import argparse
import math
import re
import sys
import time
from collections.abc import Callable, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.cli import authority
from lifeline.cli.failure import Refused
from lifeline.cli.places import Places
from lifeline.cli.show import show

MAX_PAUSE_MINUTES = 24 * 60
SUFFIX = re.compile(r"[a-z][a-z0-9]{0,11}")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


def suffix(text: str) -> str:
    """An environment suffix as it stands in every name."""
    if not SUFFIX.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no suffix: a lower-case letter, then up to 11 of a-z and 0-9, such as dev"
        )
    return text


def region(text: str) -> str:
    """A region's code."""
    if not REGION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no region; one looks like ca-central-1")
    return text


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
            raise argparse.ArgumentTypeError(f"{text!r}: a number of {unit}, {limits}, is needed")
        return value

    return parse


def epoch(text: str) -> int:
    """An epoch to be taken: 2 is the first that can be."""
    if not text.isascii() or not text.isdigit() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is no epoch to take: a whole number from 2")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """Every command and option."""
    root = argparse.ArgumentParser(
        prog="lifeline",
        description="Operate a deployed Lifeline.",
        epilog="Exit codes: 0 done, 1 refused or unreachable (one sentence says why), 2 bad input.",
    )
    groups = root.add_subparsers(dest="group", required=True, metavar="GROUP")
    group = groups.add_parser("authority", help="who may be active: the lease in the witness")
    commands = group.add_subparsers(dest="command", required=True, metavar="COMMAND")

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--suffix", required=True, type=suffix, help="environmentSuffix")
    common.add_argument("--home", type=region, default="ca-central-1", metavar="REGION")
    common.add_argument("--recovery", type=region, default="ca-west-1", metavar="REGION")
    common.add_argument("--witness", type=region, default="us-east-2", metavar="REGION")
    writes = argparse.ArgumentParser(add_help=False)
    writes.add_argument("--dry-run", action="store_true", help="say what would be done")

    init = commands.add_parser(
        "init", parents=[common, writes],
        help="create the lease, one epoch above every database's; --home becomes the holder",
    )  # fmt: skip
    init.add_argument(
        "--without", action="append", default=[], type=region, metavar="REGION",
        help="do not ask this region: it is lost, and its epoch is not above the others'",
    )  # fmt: skip
    shown = commands.add_parser("show", parents=[common], help="one screen about the lease")
    shown.add_argument(
        "--watch", type=number("seconds", 0, 60), default=6.0, metavar="SECONDS",
        help="how long to watch whether renewals move (default 6; keepers renew every 5)",
    )  # fmt: skip
    paused = commands.add_parser(
        "pause", parents=[common, writes], help="no automatic failover for some minutes"
    )
    paused.add_argument(
        "--minutes", required=True, type=number("minutes", 0, MAX_PAUSE_MINUTES, above=True)
    )
    commands.add_parser("resume", parents=[common, writes], help="end the pause")
    approved = commands.add_parser(
        "approve", parents=[common, writes], help="accept a loss above the RPO, for ten minutes"
    )
    approved.add_argument("--epoch", required=True, type=epoch, help="the epoch to be taken")
    approved.add_argument("--loss", required=True, type=number("seconds", 0), metavar="SECONDS")
    return root


def run(given: argparse.Namespace) -> None:
    """Run one parsed command. Raises Refused, or what the AWS client raised."""
    places = Places(given.suffix, given.home, given.recovery, given.witness)
    match given.command:
        case "init":
            authority.init(places, without=given.without, dry_run=given.dry_run, say=print)
        case "show":
            show(places, watch_seconds=given.watch, now=time.time, sleep=time.sleep, say=print)
        case "pause":
            authority.pause(
                places, minutes=given.minutes, dry_run=given.dry_run, now=time.time, say=print
            )
        case "resume":
            authority.resume(places, dry_run=given.dry_run, now=time.time, say=print)
        case "approve":
            authority.approve(
                places, epoch=given.epoch, loss_seconds=given.loss, dry_run=given.dry_run,
                now=time.time, say=print,
            )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; argparse itself ends with 2 on bad input."""
    root = parser()
    given = root.parse_args(arguments)
    regions = (given.home, given.recovery, given.witness)
    if len(set(regions)) != len(regions):
        root.error(f"home, recovery and witness must differ, got {', '.join(regions)}")
    try:
        run(given)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(
            f"The call did not succeed: {error}. If it was a write it may have landed: look with "
            f"`authority show` before trying again.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
