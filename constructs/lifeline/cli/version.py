"""`lifeline version`: which release runs, and from where."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

from lifeline.cli.checkout import find_checkout
from lifeline.cli.options import Json
from lifeline.cli.output import Output

PACKAGE = Path(__file__).resolve().parents[1]


def version(as_json: Json = False) -> None:
    """Say which version this is, and whether there is a checkout with a drill."""
    try:
        release = metadata.version("lifeline")
    except metadata.PackageNotFoundError:
        release = "not installed"
    checkout = find_checkout()
    output = Output(as_json)
    if not as_json:
        output.say(f"lifeline {release} ({PACKAGE}), Python {platform.python_version()}")
        output.say(f"drill: {checkout or 'no checkout, so no drill commands'}")
    output.result(
        {
            "command": "version",
            "version": release,
            "package": str(PACKAGE),
            "python": platform.python_version(),
            "checkout": None if checkout is None else str(checkout),
        }
    )
