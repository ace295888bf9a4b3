"""Judge a drill's evidence: a sentence for each thing that is wrong. Pure but for `read`.

It trusts nothing but the file: the schema and the hash, the chain to the evidence before it, and then the
numbers, against the tier that is asked for and not against the targets that the evidence names itself. It
shares no code with the drill that made the evidence, and needs no checkout.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lifeline.cli.failure import BadInput
from lifeline.tiers import RecoveryTier

FILE = "evidence.json"
SCHEMA = Path(__file__).resolve().parent.parent / "schemas" / "evidence.schema.json"
PASSED = "PASS"
TESTING_AND_REVISION = "164.308(a)(7)(ii)(D)"
TARGETS = ("lab", "aws")
FAILS_OVER = {
    "region-loss": True,
    "hang": True,
    "noop": False,
    "link-cut": False,
    "control-plane-hang": False,
    "keeper-dead": True,
    "keepers-killed": True,
    "nat-gone": True,
    "database-dead": False,
    "api-dead": False,
    "log-dead": False,
    "promotion-refused": True,
    "plan-killed": True,
}
"""Each scenario of the drill, and whether the standby must become active in it."""


@dataclass(frozen=True)
class Expected:
    """What the evidence must be of. None: not asked for.

    `chained` asks for the chain: `previous_sha256` is the hash of the evidence before; None: the first.
    """

    tier: RecoveryTier
    now: datetime
    scenario: str | None = None
    target: str | None = None
    """"lab" or "aws"."""
    chained: bool = False
    previous_sha256: str | None = None
    max_age_hours: float | None = None

    def not_checked(self) -> list[str]:
        """What nobody asked for, in words with the option that asks."""
        skipped = {
            "which scenario it should be of (--scenario)": self.scenario is None,
            "where it should have run (--target)": self.target is None,
            "the chain to the evidence before it (--previous or --first)": not self.chained,
            "its age (--max-age-hours)": self.max_age_hours is None,
        }
        return [words for words, missing in skipped.items() if missing]


def read(path: Path) -> Any:
    """The JSON of a run's folder, or of its evidence. Raises BadInput when there is none."""
    file = path / FILE if path.is_dir() else path
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"there is no {file}: give the folder of a finished run.") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{file} cannot be read: {error}.") from error


def hash_in(path: Path) -> str:
    """The hash that an evidence claims. Raises BadInput when there is none."""
    body = read(path)
    found = body.get("sha256") if isinstance(body, dict) else None
    if not isinstance(found, str):
        raise BadInput(f"{path} has no sha256: it is no evidence.")
    return found


def objections(body: Any, expected: Expected) -> list[str]:
    """A sentence for each thing that is wrong; numbers are only looked at when the file itself holds."""
    if not isinstance(body, dict):
        return ["the evidence is not an object."]
    broken = _broken(body)
    if broken:
        return [f"the file does not hold: {'; '.join(broken[:5])}."]
    if body["scenario"] not in FAILS_OVER:
        return [f"its scenario {body['scenario']} is none of {', '.join(sorted(FAILS_OVER))}."]
    return [
        *_provenance(body, expected),
        *_counts(body),
        *_times(body, expected),
    ]


def summary(body: Mapping[str, Any], tier: RecoveryTier) -> str:
    """What evidence that holds shows, in one line."""
    times = [
        f"{name.upper()} {body[f'{name}_seconds']:g} s of {limit} s"
        for name, limit in (("rto", tier.rto_seconds), ("rpo", tier.rpo_seconds))
        if body[f"{name}_seconds"] is not None
    ]
    return ", ".join([*times, f"{body['events']['accepted']:,} events accepted, none lost"])


def target_of(body: Mapping[str, Any]) -> str:
    """Where the drill ran. Evidence before format 3 calls the lab `local`."""
    target = str(body["target"])
    return "lab" if target == "local" else target


def _broken(body: Mapping[str, Any]) -> list[str]:
    """Where the file breaks its schema or its own hash."""
    import jsonschema_rs
    import orjson

    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text(encoding="utf-8")))
    wrong = [
        f"{'/'.join(map(str, one.instance_path))}: {one.message}"
        for one in validator.iter_errors(body)
    ]
    content = {key: value for key, value in body.items() if key != "sha256"}
    # Canonical JSON as the drill hashes it: sorted keys, no blanks, floats as orjson writes them.
    found = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return (
        wrong if body.get("sha256") == found else [*wrong, "sha256 is not the hash of the content"]
    )


def _provenance(body: Mapping[str, Any], expected: Expected) -> list[str]:
    wrong = []
    if expected.scenario not in (None, body["scenario"]):
        wrong.append(
            f"it is of the scenario {body['scenario']}, asked for was {expected.scenario}."
        )
    if expected.target not in (None, target_of(body)):
        wrong.append(f"it ran on {target_of(body)}, asked for was {expected.target}.")
    if expected.chained and body["previous_sha256"] != expected.previous_sha256:
        wrong.append(
            f"it follows {body['previous_sha256']}, the evidence before it has "
            f"{expected.previous_sha256}: a run is missing from the chain, or was put into it."
        )
    age = expected.now - datetime.fromisoformat(body["ended_at"])
    if age < timedelta(0):
        wrong.append(f"it ended {body['ended_at']}, which is still to come.")
    hours = expected.max_age_hours
    if hours is not None and age > timedelta(hours=hours):
        wrong.append(f"it ended {body['ended_at']}; allowed is the time since {hours:g} hours ago.")
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
    if body["verdict"] != PASSED:
        wrong.append(f"the drill's own verdict is {body['verdict']}.")
    missed = sorted(name for name, met in body["objectives_met"].items() if not met)
    if missed:
        wrong.append(f"not met: {', '.join(missed).replace('_', ' ')}.")
    return wrong


def _times(body: Mapping[str, Any], expected: Expected) -> list[str]:
    if not FAILS_OVER[expected.scenario or body["scenario"]]:
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
