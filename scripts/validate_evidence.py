"""Judge a drill's evidence against the objectives of a tier. 0: it holds; 1: it does not; 2: it is none.

The drill pipeline runs this in a machine that did not run the drill. It trusts nothing but the file: the
schema and the hash, the chain to the evidence before it, and then the numbers, against the tier of the
settings and not against the targets that the evidence names itself.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from drill import evidence
from drill.scenarios import SCENARIOS
from drill.verdict import PASS
from lifeline.tiers import RecoveryTier

NAMESPACE = "Lifeline"
TESTING_AND_REVISION = "164.308(a)(7)(ii)(D)"
OLDEST_HOURS = 12
"""The pipeline's stages take less; older evidence is another run's."""


@dataclass(frozen=True)
class Expected:
    """What the evidence must be of. `previous_sha256`: the hash of the evidence before; None: the first."""

    scenario: str
    tier: RecoveryTier
    previous_sha256: str | None
    now: datetime


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    given = _parser().parse_args(arguments)
    try:
        body = json.loads(given.evidence.read_text())
        previous = json.loads(given.previous.read_text())["sha256"] if given.previous else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"evidence: cannot be read: {error!r}", file=sys.stderr)
        return 2
    expected = Expected(given.scenario, RecoveryTier[given.tier], previous, datetime.now(UTC))
    sentences = objections(body, expected)
    for sentence in sentences:
        print(f"evidence: {sentence}", file=sys.stderr)
    if sentences:
        return 1
    print(f"evidence: {body['id']} holds: {_summary(body, expected.tier)}")
    if given.publish:
        publish(body, suffix=given.publish, region=given.region)
    return 0


def objections(body: Any, expected: Expected) -> list[str]:
    """A sentence for each thing that is wrong; numbers are only looked at when the file itself holds."""
    if not isinstance(body, dict):
        return ["the evidence is not an object."]
    try:
        evidence.validate(body)
    except evidence.EvidenceError as error:
        return [f"the file does not hold: {error}."]
    return [
        *_provenance(body, expected),
        *_counts(body),
        *_times(body, expected),
    ]


def publish(body: Mapping[str, Any], *, suffix: str, region: str) -> None:
    """RTO and RPO of a drill that failed over, as metrics of the environment `suffix`."""
    import boto3

    found = {"DrillRtoSeconds": body["rto_seconds"], "DrillRpoSeconds": body["rpo_seconds"]}
    data: list[Any] = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": "Suffix", "Value": suffix}],
            "Value": float(value),
            "Unit": "Seconds",
        }
        for name, value in found.items()
        if value is not None
    ]
    if data:
        client = boto3.client("cloudwatch", region_name=region)
        client.put_metric_data(Namespace=NAMESPACE, MetricData=data)


def _provenance(body: Mapping[str, Any], expected: Expected) -> list[str]:
    wrong = []
    if body["scenario"] != expected.scenario:
        wrong.append(
            f"it is of the scenario {body['scenario']}, asked for was {expected.scenario}."
        )
    if body["previous_sha256"] != expected.previous_sha256:
        wrong.append(
            f"it follows {body['previous_sha256']}, the evidence before it has "
            f"{expected.previous_sha256}: a run is missing from the chain, or was put into it."
        )
    age = expected.now - datetime.fromisoformat(body["ended_at"])
    if not timedelta(0) <= age <= timedelta(hours=OLDEST_HOURS):
        wrong.append(
            f"it ended {body['ended_at']}; allowed is the time since {OLDEST_HOURS} hours ago."
        )
    if TESTING_AND_REVISION not in {one["id"] for one in body["controls"]}:
        wrong.append(f"it does not speak to {TESTING_AND_REVISION}, which drills are for.")
    return wrong


def _counts(body: Mapping[str, Any]) -> list[str]:
    events = body["events"]
    wrong = [
        f"{events[name]} events are {name}; allowed is none."
        for name in ("lost", "unexpected")
        if events[name]
    ]
    if not events["accepted"]:
        wrong.append("no event was accepted: it proves nothing.")
    if body["order_violations"]:
        wrong.append(f"{body['order_violations']} events were applied out of order.")
    if body["verdict"] != PASS:
        wrong.append(f"the drill's own verdict is {body['verdict']}.")
    missed = sorted(name for name, met in body["objectives_met"].items() if not met)
    if missed:
        wrong.append(f"not met: {', '.join(missed).replace('_', ' ')}.")
    return wrong


def _times(body: Mapping[str, Any], expected: Expected) -> list[str]:
    if not SCENARIOS[expected.scenario].fails_over:
        return []
    promised = {"rto": expected.tier.rto_seconds, "rpo": expected.tier.rpo_seconds}
    wrong = []
    for name, limit in promised.items():
        seconds = body[f"{name}_seconds"]
        if seconds is None:
            wrong.append(f"the {name.upper()} is unknown, and unknown is never good.")
        elif not 0 <= seconds <= limit:
            wrong.append(
                f"the {name.upper()} was {seconds:g} s; the tier {expected.tier.name} allows {limit} s."
            )
    return wrong


def _summary(body: Mapping[str, Any], tier: RecoveryTier) -> str:
    times = [
        f"{name.upper()} {body[f'{name}_seconds']:g} s of {limit} s"
        for name, limit in (("rto", tier.rto_seconds), ("rpo", tier.rpo_seconds))
        if body[f"{name}_seconds"] is not None
    ]
    return ", ".join([*times, f"{body['events']['accepted']:,} events accepted, none lost"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("evidence", type=Path)
    parser.add_argument("--scenario", required=True, choices=sorted(SCENARIOS))
    parser.add_argument("--tier", required=True, choices=[one.name for one in RecoveryTier])
    parser.add_argument("--previous", type=Path, help="the evidence before it; none: the first")
    parser.add_argument("--publish", metavar="SUFFIX", help="publish RTO and RPO as its metrics")
    parser.add_argument("--region", default="ca-central-1", help="where --publish publishes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
