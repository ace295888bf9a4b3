"""Each stack of each profile against what it last was (`template_text` says what stands there in full).

`UPDATE_SNAPSHOTS=1 pytest tests/snapshot` writes the snapshots anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Assembly
from tests.snapshot.template_text import difference, template_text

pytestmark = pytest.mark.synth
FOLDER = Path(__file__).parent / "templates"
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
EVERYWHERE.append(("prod", "Drpipeline-cac1"))


def snapshot_file(profile: str, stack: str) -> Path:
    return FOLDER / profile / f"{stack}.txt"


@pytest.mark.parametrize(("profile", "stack"), EVERYWHERE)
def test_snapshot(profile: str, stack: str, assembly_of: Callable[[str], Assembly]) -> None:
    found = template_text(assembly_of(profile).template(stack))
    path = snapshot_file(profile, stack)
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found)
    assert path.exists(), f"no snapshot of {stack}; write it with UPDATE_SNAPSHOTS=1"
    changed = difference(path.read_text(), found)
    assert not changed, f"{profile}/{stack} is not what it was:\n{changed}"


def test_every_snapshot_is_of_a_stack() -> None:
    wanted = {snapshot_file(profile, stack) for profile, stack in EVERYWHERE}
    left_over = {path for path in FOLDER.rglob("*") if path.is_file()} - wanted
    assert left_over == set(), "remove the snapshots of what is no stack"
