"""Acknowledgements that answer no finding: the finding is gone, or its id changed and nobody noticed.

Sources: the metadata that the CDK writes for each stack (what is acknowledged, and where) and its
`validation-report.json` (which acknowledgement each suppressed finding met).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lifeline.compliance.pack_names import SHARED

METADATA = "aws:cdk:acknowledged-rules"


@dataclass(frozen=True, order=True)
class Acknowledgement:
    """One acknowledged rule of one construct, in whichever of the packs that share the rule."""

    path: str
    """The construct's path, such as `Data-cac1/Cache/Member`."""
    rule: str
    """Such as `LambdaDLQ` or `AwsSolutions-IAM5[Resource::*]`."""


def dead_acknowledgements(folders: Iterable[tuple[Path, str | None]]) -> list[Acknowledgement]:
    """What is acknowledged in these assemblies and met a finding in none of them.

    `folders`: each assembly of a nag build with its account, None where the synth did not know one: an
    acknowledgement of the same ARN in another profile then counts as the same.
    """
    written: set[Acknowledgement] = set()
    met: set[Acknowledgement] = set()
    for folder, account in folders:
        written |= {_of(path, rule, account) for path, rule in _written(folder)}
        met |= {_of(path, rule, account) for path, rule in _met(folder)}
    return sorted(written - met)


def _of(path: str, acknowledged: str, account: str | None) -> Acknowledgement:
    rule = acknowledged.partition("::")[2]
    for pack in SHARED:
        rule = rule.removeprefix(f"{pack}-")
    return Acknowledgement(path, rule.replace(account, "<AWS::AccountId>") if account else rule)


def _written(folder: Path) -> Iterator[tuple[str, str]]:
    for file in folder.glob("*.metadata.json"):
        for path, entries in json.loads(file.read_text()).items():
            for entry in entries:
                if entry["type"] == METADATA:
                    yield from ((path.removeprefix("/"), rule) for rule in entry["data"])


def _met(folder: Path) -> Iterator[tuple[str, str]]:
    report = json.loads((folder / "validation-report.json").read_text())
    for pack in report["pluginReports"]:
        for finding in pack.get("suppressedViolations") or []:
            yield str(finding["acknowledgedAt"]), str(finding["acknowledgedId"])
