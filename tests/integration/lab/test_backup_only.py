"""The strategy backup only from deployed to destroyed, by the commands of docs/mechanisms/strategies.md."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field

import pytest

from lab import inventory
from lab.calls import Clients
from lab.folder import port_base_of_running
from lab.places import HOME, RECOVERY, Places
from lab.toolkit import ROOT
from tests.integration.lab.test_the_way_to_aws import COMMAND_SECONDS, ENGINE, account

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(2400)]

SUFFIX = "copies"
SETTINGS = (
    f"export SUFFIX={SUFFIX} PROFILE=dev RECOVERY_REGION=none WITNESS_REGION=none "
    'ARGS="-c strategy=backup-only -c witnessRegion=none -c tier=DEFERRABLE" '
    # This checkout's code, also where the environment has another one installed.
    f'PYTHONPATH="{ROOT / "constructs"}:$PYTHONPATH"'
)
COMMANDS = (
    "make -o setup account",
    "make -o setup images",
    "make -o setup deploy",
    f"lifeline activate --suffix {SUFFIX}",
    f"lifeline status --suffix {SUFFIX}",
    # Not `smoke-check`: it asks the API by AWS's own name.
    f"lifeline migrate --suffix {SUFFIX}",
    "make -o setup release",
    "make -o setup destroy",
)
"""`-o setup`: what a checkout needs is there."""
REFUSED = "make -o setup release"


@dataclass
class Life:
    """What became of each command, and what stood."""

    status: dict[str, int] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    deployed: dict[str, list[str]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    folder = tmp_path_factory.mktemp("account")
    engine = folder / "bin" / "docker"
    engine.parent.mkdir()
    engine.write_text(f'#!/bin/bash\nexec {sys.executable} {ENGINE} "$@"\n')
    engine.chmod(0o755)
    seen = Life()
    with account(folder, SUFFIX) as shell:
        observer = Clients(Places(port_base_of_running(folder))).observer
        for command in COMMANDS:
            if command.endswith("destroy"):
                seen.deployed = {
                    region: [
                        one["StackName"]
                        for one in observer("cloudformation", region).describe_stacks()["Stacks"]
                        if one["StackName"].endswith(SUFFIX)
                    ]
                    for region in (HOME, RECOVERY)
                }
            began = time.monotonic()
            done = subprocess.run(
                ["bash", "-c", f"source {shell}; {SETTINGS}; {command}"],
                env={
                    **os.environ,
                    "PATH": f"{engine.parent}:{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
                    "CDK_REQUIRE_APPROVAL": "never",
                    "CDK_FORCE": "true",
                },
                cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=COMMAND_SECONDS, check=False,
            )  # fmt: skip
            seen.status[command], seen.said[command] = done.returncode, done.stdout + done.stderr
            print(f"{time.monotonic() - began:6.1f} s  {done.returncode}  {command}", flush=True)
        seen.left = inventory.of_suffix(inventory.take(observer), SUFFIX)
    return seen


def test_every_command_works_or_refuses_with_a_sentence(life: Life) -> None:
    failed = {one: life.said[one][-1500:] for one, code in life.status.items() if code}
    assert set(failed) == {REFUSED}, "\n".join(failed.values())
    assert "needs a standby" in failed[REFUSED]


def test_the_other_region_has_one_stack(life: Life) -> None:
    assert life.deployed[RECOVERY] == [f"copies-caw1-{SUFFIX}"]
    assert len(life.deployed[HOME]) == 7


def test_home_serves_and_says_that_nobody_would_take_over(life: Life) -> None:
    activated = life.said[f"lifeline activate --suffix {SUFFIX}"]
    assert f"{HOME} is active at epoch 1" in activated
    assert "There is no standby" in activated
    screen = life.said[f"lifeline status --suffix {SUFFIX}"]
    assert "YES" in screen
    assert "NOBODY takes over" in screen


def test_what_was_destroyed_leaves_nothing(life: Life) -> None:
    assert life.left == []
