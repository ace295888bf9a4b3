"""Each stack of each profile against what it last was: resources by type, and a hash of the rest.

Small on purpose: the review sees which resources come and go; the hash says that something else changed.
`UPDATE_SNAPSHOTS=1 pytest tests/snapshot` writes them anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Assembly

pytestmark = pytest.mark.synth
FOLDER = Path(__file__).parent / "templates"
ASSET_HASH = re.compile(r"[0-9a-f]{64}")
STACKS = [
    f"{kind}-{code}"
    for kind in (
        "Foundation",
        "Data",
        "Streaming",
        "Application",
        "Failover",
        "Replication",
        "Observability",
    )
    for code in ("cac1", "caw1")
] + ["Witness-use2"]
EVERYWHERE = [(profile, stack) for profile in ("dev", "staging", "prod") for stack in STACKS]


def scrubbed(template: dict[str, Any]) -> dict[str, Any]:
    """The template with asset hashes and the plan's text (tested elsewhere) replaced."""
    for one in template["Resources"].values():
        if one["Type"] == "AWS::StepFunctions::StateMachine":
            one["Properties"]["DefinitionString"] = "the plan"
    found: dict[str, Any] = json.loads(ASSET_HASH.sub("asset", json.dumps(template)))
    return found


def summary(template: dict[str, Any]) -> dict[str, str]:
    """Each resource: its type and eight digits of what it says."""
    return {
        name: f"{one['Type']} "
        + hashlib.sha256(json.dumps(one, sort_keys=True).encode()).hexdigest()[:8]
        for name, one in sorted(scrubbed(template)["Resources"].items())
    }


@pytest.mark.parametrize(("profile", "stack"), [*EVERYWHERE, ("prod", "Drpipeline-cac1")])
def test_snapshot(profile: str, stack: str, assembly_of: Callable[[str], Assembly]) -> None:
    found = summary(assembly_of(profile).template(stack))
    path = FOLDER / profile / f"{stack}.json"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n")
    assert path.exists(), f"no snapshot of {stack}; write it with UPDATE_SNAPSHOTS=1"
    assert found == json.loads(path.read_text())
