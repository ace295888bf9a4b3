"""The evidence of one run: built, validated against its schema, hash-chained to the run before, written."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson

from drill.verdict import EFFECT, INVALID

ROOT = Path("build/drill")
LATEST = "latest"
FILE = "evidence.json"
FORMATS = (1, 2, 3)
"""What is read: the ones before (the first carried no number), and the last, which is written."""
SCHEMA = Path(__file__).resolve().parent.parent / "schemas" / "evidence.schema.json"
_PACKAGES = ("aws-cdk-lib", "boto3", "confluent-kafka", "psycopg", "orjson", "jsonschema-rs")

TESTING = "164.308(a)(7)(ii)(D)"
RECOVERED = (
    "fault_had_an_effect",
    "recovered_in_time",
    "epochs_as_expected",
    "edges_healthy",
    "every_step_done",
    "clients_were_served",
)
KEPT = ("events_flowed", "no_accepted_event_lost", "every_event_answered")
CONTROLS = (
    (
        "164.308(a)(7)(i)",
        "The contingency plan was carried out against a broken region.",
        (*RECOVERED, *KEPT),
    ),
    (
        "164.308(a)(7)(ii)(A)",
        "Accepted events were compared with the serving region's data, those called safe with the logs.",
        (*KEPT, "some_events_were_called_safe", "what_was_called_safe_is_in_the_other_log"),
    ),
    (
        "164.308(a)(7)(ii)(B)",
        "The recovery plan restored the data path; its steps are the timeline.",
        RECOVERED,
    ),
    (
        "164.308(a)(7)(ii)(C)",
        "Monitoring data was accepted and served by the surviving region.",
        (*RECOVERED, *KEPT),
    ),
    (
        "164.312(c)(1)",
        "Each stored event equals, by digest, time and order, what the edge sent.",
        (*KEPT, "nothing_unexpected", "order_kept"),
    ),
)
"""What a run may say of a control, and the objectives that it must have met to say so (E3)."""


class EvidenceError(Exception):
    """The evidence is not what its schema or its own hash says."""


def controls(scenario: str, verdict: str, met: Mapping[str, bool]) -> list[dict[str, str]]:
    """HIPAA Security Rule ids and how this run speaks to each: only of what it did and found (E3).

    An INVALID run tested nothing. `met`: the run's objectives. One that it does not have, since nothing
    failed over, say, is not met.
    """
    if verdict == INVALID:
        return []
    tested = f"This run tested the contingency plan in the scenario {scenario} and ended {verdict}."
    if EFFECT not in met:
        tested = (
            f"Nothing was broken (scenario {scenario}), so the contingency plan did not run; whether it "
            f"starts without need was tested, and the run ended {verdict}."
        )
    shown = [
        {"id": control, "how": how}
        for control, how, needed in CONTROLS
        if all(met.get(name, False) for name in needed)
    ]
    return sorted([*shown, {"id": TESTING, "how": tested}], key=lambda one: one["id"])


def versions(templates: str) -> dict[str, Any]:
    """What was tested: source revision, templates, packages."""
    return {
        "git": _git_revision(),
        "templates": templates,
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def sha256_of(body: Mapping[str, Any]) -> str:
    """Over canonical JSON (sorted keys) of everything but the hash itself."""
    content = {key: value for key, value in body.items() if key != "sha256"}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def previous_sha256(root: Path) -> str | None:
    """The hash of the newest evidence before this run; None for the first."""
    path = root / LATEST / FILE
    if not path.exists():
        return None
    found = json.loads(path.read_text()).get("sha256")
    return found if isinstance(found, str) else None


def seal(body: dict[str, Any], previous: str | None) -> dict[str, Any]:
    """Chain and hash. Raises EvidenceError when the result does not meet the schema."""
    # One trip through JSON, so that what is hashed is what is read back (tuples, ints as floats).
    sealed: dict[str, Any] = orjson.loads(
        orjson.dumps({"format": FORMATS[-1], **body, "previous_sha256": previous})
    )
    sealed["sha256"] = sha256_of(sealed)
    validate(sealed)
    return sealed


def validate(body: Mapping[str, Any]) -> None:
    """Raises EvidenceError with a sentence for each thing that is wrong; another format is not judged."""
    given = body.get("format", FORMATS[0])
    if type(given) is not int or given not in FORMATS:
        known = f"{', '.join(map(str, FORMATS[:-1]))} and {FORMATS[-1]}"
        raise EvidenceError(f"the evidence is of format {given!r}; this code reads {known}")
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text()))
    wrong = [
        f"{'/'.join(map(str, e.instance_path))}: {e.message}" for e in validator.iter_errors(body)
    ]
    if body.get("sha256") != sha256_of(body):
        wrong.append("sha256 is not the hash of the content")
    if wrong:
        raise EvidenceError("; ".join(wrong[:5]))


def write(sealed: Mapping[str, Any], folder: Path) -> Path:
    """Write `evidence.json` into the run's folder. `publish` copies it to `latest/`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_bytes(orjson.dumps(sealed, option=orjson.OPT_INDENT_2))
    return path


def publish(folder: Path, root: Path) -> None:
    """Copy evidence and report to the root's `latest/`."""
    latest = root / LATEST
    latest.mkdir(parents=True, exist_ok=True)
    for name in (FILE, "report.html"):
        if (folder / name).exists():
            shutil.copyfile(folder / name, latest / name)


def _git_revision() -> str:
    here = Path(__file__).resolve().parent
    try:
        revision = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=10
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return (revision or "unknown") + ("+changes" if changed else "")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
