"""`lifeline evidence …`: judge a drill's evidence, and publish its figures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from lifeline.cli import checkout, judge, options
from lifeline.cli.calls import writing
from lifeline.cli.failure import EXIT_CODES, BadInput, Refused
from lifeline.cli.judge import Expected
from lifeline.cli.options import DryRun, Json, Suffix
from lifeline.cli.output import Output
from lifeline.tiers import RecoveryTier

NAMESPACE = "Lifeline"
TIMEOUT_SECONDS = 10.0

app = typer.Typer(
    no_args_is_help=True,
    help="What a drill proves: judge evidence.json, publish its figures.",
    epilog=EXIT_CODES,
)


def _tier(text: str | RecoveryTier) -> RecoveryTier:
    # Typer parses a default, too.
    if isinstance(text, RecoveryTier):
        return text
    if text not in RecoveryTier.__members__:
        raise typer.BadParameter(f"{text!r} is no tier: {', '.join(RecoveryTier.__members__)}")
    return RecoveryTier[text]


def _scenario(text: str) -> str:
    if text not in judge.FAILS_OVER:
        raise typer.BadParameter(f"{text!r} is no scenario: {', '.join(judge.FAILS_OVER)}")
    return text


def _where(text: str) -> str:
    if text not in judge.TARGETS:
        raise typer.BadParameter(f"{text!r} is no target: {', '.join(judge.TARGETS)}")
    return text


Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Folder of a finished run, or its evidence.json.")
]
Tier = Annotated[
    RecoveryTier,
    typer.Option(
        parser=_tier,
        metavar="TIER",
        help="Whose RTO and RPO must be met.",
        show_default="CRITICAL",
        autocompletion=lambda: list(RecoveryTier.__members__),
    ),
]
Scenario = Annotated[
    str | None,
    typer.Option(
        parser=_scenario,
        metavar="SCENARIO",
        help="What it must be a drill of.",
        autocompletion=lambda: list(judge.FAILS_OVER),
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        "--target",
        parser=_where,
        metavar="TARGET",
        help="Where it must have run: lab or aws.",
        autocompletion=lambda: list(judge.TARGETS),
    ),
]
Previous = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The evidence that it must follow.")
]
First = Annotated[bool, typer.Option("--first", metavar="", help="It must follow none.")]
MaxAge = Annotated[
    float | None,
    typer.Option(
        parser=options.number("hours", 0), metavar="HOURS", help="How long ago it may have ended."
    ),
]


@app.command(
    "check", epilog="Exit codes: 0 it holds · 1 it does not, and why · 2 it is no evidence."
)
def check(
    folder: Folder,
    tier: Tier = RecoveryTier.CRITICAL,
    scenario: Scenario = None,
    where: Where = None,
    previous: Previous = None,
    first: First = False,
    max_age_hours: MaxAge = None,
    as_json: Json = False,
) -> None:
    """Judge a drill's evidence: schema, hash, counts, verdict, and times against a tier.

    In a checkout the journals of the folder are checked again, too. Nothing is asked of AWS.
    """
    output = Output(as_json)
    expected = _expected(tier, scenario, where, previous, first, max_age_hours)
    body = judge.read(folder)
    wrong = judge.objections(body, expected)
    not_checked = expected.not_checked()
    if not wrong:
        differing, unread = _journals(folder, body)
        wrong += [f"its journals say otherwise: {one}." for one in differing]
        not_checked += unread
    _tell(body, expected, wrong, not_checked, output)


@app.command("publish", epilog=EXIT_CODES)
def publish(
    folder: Folder,
    suffix: Suffix,
    tier: Tier = RecoveryTier.CRITICAL,
    scenario: Scenario = None,
    where: Where = None,
    previous: Previous = None,
    first: First = False,
    max_age_hours: MaxAge = None,
    region: Annotated[
        str,
        typer.Option(
            parser=options.region,
            envvar="HOME_REGION",
            metavar="REGION",
            help="Where the metrics go.",
        ),
    ] = options.HOME,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Publish RTO and RPO of evidence that holds, as metrics of an environment.

    Evidence that does not hold is refused. A drill that did not fail over has nothing to publish.
    """
    output = Output(as_json)
    expected = _expected(tier, scenario, where, previous, first, max_age_hours)
    body = judge.read(folder)
    wrong = judge.objections(body, expected)
    if wrong:
        raise Refused(_sentences(wrong))
    found = figures(body)
    if found and not dry_run:
        put(found, suffix=suffix, region=region, target=judge.target_of(body))
    told = ", ".join(f"{name} {value:g}" for name, value in found.items())
    verb = "Would publish" if dry_run else "Published"
    output.say(
        f"{verb} {told} of {suffix} in {region}, target {judge.target_of(body)}."
        if found
        else "The drill did not fail over: nothing to publish."
    )
    output.result(
        {
            "command": "evidence publish",
            "suffix": suffix,
            "region": region,
            "dry_run": dry_run,
            "changed": bool(found) and not dry_run,
            "target": judge.target_of(body),
            "metrics": found,
        }
    )


def figures(body: Mapping[str, Any]) -> dict[str, float]:
    """Metric → seconds; empty when nothing failed over."""
    named = {"DrillRtoSeconds": body["rto_seconds"], "DrillRpoSeconds": body["rpo_seconds"]}
    return {name: float(value) for name, value in named.items() if value is not None}


def put(found: Mapping[str, float], *, suffix: str, region: str, target: str) -> None:
    """Write the metrics, by `target`: a lab's are not AWS's. Raises NotWritten or WriteUnknown."""
    from lifeline.lambdas.adapters.aws import client

    data = [
        {
            "MetricName": name,
            "Dimensions": [
                {"Name": "Suffix", "Value": suffix},
                {"Name": "Target", "Value": target},
            ],
            "Value": value,
            "Unit": "Seconds",
        }
        for name, value in found.items()
    ]
    look = f"aws cloudwatch list-metrics --region {region} --namespace {NAMESPACE}"
    with writing(f"The figures of {suffix}", look):
        client("cloudwatch", region, TIMEOUT_SECONDS).put_metric_data(
            Namespace=NAMESPACE, MetricData=data
        )


def _expected(
    tier: RecoveryTier,
    scenario: str | None,
    where: str | None,
    previous: Path | None,
    first: bool,
    max_age_hours: float | None,
) -> Expected:
    if first and previous is not None:
        raise BadInput("--first and --previous: evidence either follows another or is the first.")
    return Expected(
        tier=tier,
        now=datetime.now(UTC),
        scenario=scenario,
        target=where,
        chained=first or previous is not None,
        previous_sha256=None if previous is None else judge.hash_in(previous),
        max_age_hours=max_age_hours,
    )


def _journals(folder: Path, body: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What the checker finds otherwise in the run's journals, and why they were not read."""
    root = checkout.find_checkout()
    if not (folder / "journals").is_dir():
        return [], ["the journals (the folder holds none)"]
    if root is None:
        return [], ["the journals (that needs a checkout)"]
    differing: list[str] = checkout.load("drill.recheck", root).differences(folder, body)
    return differing, []


def _tell(
    body: Any, expected: Expected, wrong: list[str], not_checked: list[str], output: Output
) -> None:
    known = body if isinstance(body, dict) else {}
    output.result(
        {
            "command": "evidence check",
            "id": known.get("id"),
            "holds": not wrong,
            "objections": wrong,
            "not_checked": not_checked,
            "tier": expected.tier.name,
            "scenario": known.get("scenario"),
            "verdict": known.get("verdict"),
            "events": known.get("events"),
            "rto_seconds": known.get("rto_seconds"),
            "rpo_seconds": known.get("rpo_seconds"),
            "sha256": known.get("sha256"),
        }
    )
    if wrong:
        raise Refused(_sentences(wrong))
    output.say(f"evidence: {body['id']} holds: {judge.summary(body, expected.tier)}")
    for one in not_checked:
        output.note(f"evidence: not checked: {one}")


def _sentences(wrong: list[str]) -> str:
    return "\n".join(f"evidence: {one}" for one in wrong)
