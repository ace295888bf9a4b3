"""Write docs/reference/notices.md: the packages that a deployment runs, each with its licence.

The licence is what the package's own metadata says. `--check` writes nothing and ends with 1 if the page
is not what would be written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "notices.md"
FUNCTIONS = ("pure", "native/python")
SERVICES = ROOT / "services" / "requirements.txt"
HEAD = """# Which software of others does a deployment run?

Written by `make docs` from the packages' own metadata. Lifeline itself is under the Apache License 2.0
(`LICENSE`).
"""
LGPL_NOTE = """
psycopg is under the LGPL 3.0. Lifeline uses it unchanged, as a package of its own in the image: whoever runs
the image can put another build of it in its place (`services/requirements.txt`, then `docker
buildx build`). The wheel does not carry it.
"""


def in_the_wheel() -> Iterator[Distribution]:
    """The packages that the functions' asset and layer are made of."""
    for name in FUNCTIONS:
        for folder in sorted((ROOT / "build" / "lambda" / name).glob("*.dist-info")):
            yield PathDistribution(folder)


def in_the_image() -> Iterator[Distribution]:
    """The packages that the services' image installs, read from this environment."""
    for line in SERVICES.read_text().splitlines():
        if "==" in line:
            yield distribution(line.split("==")[0])


def licence(package: Distribution) -> str:
    """The licence as the metadata says it. Raises ValueError for a package that says none."""
    metadata = package.metadata.json
    said = str(metadata.get("license_expression") or "")
    for classifier in metadata.get("classifier") or []:
        if not said and classifier.startswith("License :: OSI Approved :: "):
            said = classifier.rpartition(" :: ")[2]
    said = said or str(metadata.get("license") or "").strip().split("\n")[0]
    if not said:
        raise ValueError(f"{package.metadata['Name']} names no licence in its metadata")
    return said


def table(packages: Iterable[Distribution]) -> str:
    """One row a package: name, version, licence."""
    rows = sorted({(one.metadata["Name"].lower(), one.version, licence(one)) for one in packages})
    lines = ["| package | version | licence |", "|---|---|---|"]
    return "\n".join(lines + [f"| {name} | {version} | {said} |" for name, version, said in rows])


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            HEAD,
            "## In the wheel, and so in the functions\n",
            table(in_the_wheel()),
            "",
            "## In the image of the services\n",
            table(in_the_image()),
            LGPL_NOTE,
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    if not parser.parse_args().check:
        PAGE.write_text(page())
    elif PAGE.read_text() != page():
        sys.exit(f"{PAGE.relative_to(ROOT)} is out of date: run `make docs`")


if __name__ == "__main__":
    main()
