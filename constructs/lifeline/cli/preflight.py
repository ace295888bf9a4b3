"""`lifeline preflight`: ask the account for everything that a deployment rests on. Reads only.

It reads the synthesized assembly for what would be created, and asks each probe of `lifeline.preflight` in
each region that it is about. An answer that nobody gave is UNKNOWN, which is never OK.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lifeline.cli import options
from lifeline.cli.checkout import find_checkout
from lifeline.cli.failure import BadInput, Refused
from lifeline.cli.options import Json, Suffix
from lifeline.cli.output import Output

if TYPE_CHECKING:
    from lifeline.preflight.probe import Result

EVERYTHING = "all"
QUIET_SECONDS = 2.0
"""Progress is said so often at most."""
SYNTH_SECONDS = 120

EXIT_CODES = (
    "Exit codes: 0 every probe is ok, or was skipped by name · 1 something must be mended, or is not known · "
    "2 bad input, nothing was asked · 130 interrupted."
)


def preflight(
    suffix: Suffix,
    cdk_arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- CDK ARGUMENTS]",
            help="What `cdk deploy` will get: settings (-c key=value) are read, the rest is left alone.",
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            envvar="PROFILE",
            metavar="PROFILE",
            help="dev, staging or prod; without it the suffix's own, else dev.",
            rich_help_panel=options.PLACES,
        ),
    ] = None,
    home: Annotated[
        str | None,
        typer.Option(
            parser=options.region,
            envvar="HOME_REGION",
            metavar="REGION",
            help="Home region, if it is not the settings'.",
            rich_help_panel=options.PLACES,
        ),
    ] = None,
    assembly: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A synthesized assembly, such as build/cdk.out/dev; without it one is made.",
        ),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The PEM bundle of certificate authorities that the images trust.",
        ),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PROBE",
            help="Do not ask this probe, and say so; may be given often. `all` asks nothing.",
        ),
    ] = None,
    policy: Annotated[
        bool,
        typer.Option("--policy", metavar="", help="Print the IAM policy that it needs, and end."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Ask the account for what a deployment rests on, before the first resource is made. Writes nothing."""
    from lifeline.preflight import probes

    if policy:
        print(json.dumps(probes.policy(), indent=2))
        return
    output = Output(as_json)
    skipped = _skipped(skip or [], [probe.id for probe in probes.PROBES])
    settings = context_settings(cdk_arguments or [], home)
    for name in skipped:
        fact = next(probe.fact for probe in probes.PROBES if probe.id == name)
        output.say(f"preflight: skipped, and not asked: {name}: {fact}")
    results: list[Result] = []
    if len(skipped) < len(probes.PROBES):
        with tempfile.TemporaryDirectory(prefix="lifeline-preflight-") as folder:
            made = assembly or synthesize(Path(folder) / "out", suffix, profile, settings, output)
            home = settings.get("homeRegion", "")
            results = _ask(made, suffix, profile or "", home, bundle, skipped, output)
    _tell(results, suffix, skipped, output)


def _skipped(given: Sequence[str], known: Sequence[str]) -> list[str]:
    """The probes to skip. Raises BadInput for one that there is not."""
    if EVERYTHING in given:
        return list(known)
    for name in given:
        if name not in known:
            raise BadInput(f"--skip {name}: there is no such probe; there are {', '.join(known)}.")
    return sorted(set(given))


def context_settings(arguments: Sequence[str], home: str | None) -> dict[str, str]:
    """The settings among arguments of the CDK command line: `-c key=value`, in its three spellings."""
    found: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word in ("-c", "--context") and rest:
            pair = rest.pop(0)
        elif word.startswith("--context="):
            pair = word.removeprefix("--context=")
        else:
            continue
        key, equals, value = pair.partition("=")
        if not equals:
            raise BadInput(f"{word} {pair}: a setting is key=value.")
        found[key] = value
    if home is not None:
        found["homeRegion"] = home
    return found


def synthesize(
    folder: Path, suffix: str, profile: str | None, settings: dict[str, str], output: Output
) -> Path:
    """A new assembly. Raises Refused, with what the app said."""
    checkout = find_checkout()
    if checkout is None:
        raise Refused("There is no checkout here to make an assembly from; give one by --assembly.")
    output.note("preflight: synthesizing what would be deployed")
    named = ["--profile", profile] if profile else []
    context = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    done = subprocess.run(
        [
            sys.executable,
            str(checkout / "app.py"),
            "--suffix",
            suffix,
            *named,
            "--out",
            str(folder),
            *context,
        ],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
        timeout=SYNTH_SECONDS,
    )
    if done.returncode:
        raise Refused(f"The app cannot be synthesized: {(done.stderr or done.stdout).strip()}")
    return folder


def _ask(
    folder: Path,
    suffix: str,
    profile: str,
    home: str,
    bundle: Path | None,
    skipped: Sequence[str],
    output: Output,
) -> list[Result]:
    import boto3

    from lifeline.preflight import asking
    from lifeline.preflight.account import Account, NotAnswered
    from lifeline.preflight.assembly import NoAssembly, read_assembly
    from lifeline.preflight.bundle import NoBundle, read_bundle
    from lifeline.preflight.probe import Place
    from lifeline.preflight.probes import IDENTITY, PROBES

    account = Account(boto3.Session())
    try:
        certificates = None if bundle is None else read_bundle(bundle)
        regions = read_assembly(folder, "").regions
        if not regions:
            raise NoAssembly(f"{folder} holds no stack.")
        home = home or regions[0]
        number = str((account.ask(IDENTITY, home, {}).body or {})["Account"])
        assembly = read_assembly(folder, number)
    except NotAnswered as reason:
        raise Refused(f"preflight: nobody is signed in: {reason}. {reason.mend}") from reason
    except (NoAssembly, NoBundle) as error:
        raise BadInput(str(error)) from error
    everywhere = Place(
        region=home,
        home=home,
        suffix=suffix,
        account=number,
        stacks=assembly.stacks,
        resources=assembly.resources,
        now=time.time(),
        bundle=certificates,
        profile=profile,
    )
    asked = [probe for probe in PROBES if probe.id not in skipped]
    plan = asking.planned(asked, everywhere, assembly)
    output.note(f"preflight: account {number}, {', '.join(regions)}: {len(plan)} questions")
    said = [time.monotonic()]

    def progress(done: int, every: int) -> None:
        if time.monotonic() - said[0] >= QUIET_SECONDS:
            said[0] = time.monotonic()
            output.note(f"preflight: {done} of {every} answered")

    return asking.run_all(plan, account, progress=progress, now=time.monotonic)


def _tell(results: Sequence[Result], suffix: str, skipped: Sequence[str], output: Output) -> None:
    """Print the result. Raises Refused unless every probe is OK."""
    from lifeline.preflight.probe import Verdict

    counted = {verdict: sum(one.verdict is verdict for one in results) for verdict in Verdict}
    ready = counted[Verdict.OK] == len(results)
    for one in results:
        for finding in one.findings:
            output.say(f"{one.verdict.value.upper():8}{one.probe}  {one.region}")
            output.say(f"        {finding.sentence}")
            for line in finding.mend.splitlines():
                output.say(f"        $ {line}")
    output.result(
        {
            "command": "preflight",
            "suffix": suffix,
            "ready": ready,
            "skipped": list(skipped),
            "results": [_facts(one) for one in results],
        }
    )
    said = f"{counted[Verdict.OK]} ok, {counted[Verdict.WRONG]} wrong, {counted[Verdict.UNKNOWN]} unknown"
    more = f", {len(skipped)} probes skipped" if skipped else ""
    if not ready:
        raise Refused(f"preflight: {said}{more}. Mend what is wrong, or skip it by name (--skip).")
    output.say(f"preflight: {said}{more}")


def _facts(result: Result) -> dict[str, Any]:
    return {
        "probe": result.probe,
        "region": result.region,
        "verdict": result.verdict.value,
        "findings": [
            {"sentence": finding.sentence, "mend": finding.mend} for finding in result.findings
        ],
    }
