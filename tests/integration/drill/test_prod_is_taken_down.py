"""The profile `prod` from its deployment to its take-down in the lab.

Deploy with deletion protection, activate, drill as on AWS, try to destroy, take down as the runbook
(docs/runbooks/destroy.md) says it, destroy.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from drill import evidence
from drill.run import Options, Run
from drill.scenarios import SCENARIOS, on_aws
from drill.targets.aws import AwsTarget
from drill.targets.emulated import emulated_account
from drill.verdict import PASS
from lab import Lab, inventory, toolkit
from lab.places import HOME, RECOVERY
from lab.stacks import Refused
from lab.toolkit import ROOT
from lab.waiting import LabError

SUFFIX = "dr0123abce"
PROTECTED = {
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::Table",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::RDS::DBCluster",
    "AWS::RDS::GlobalCluster",
}
"""The list of docs/runbooks/destroy.md."""
SETTINGS = {"drills": "freely"}

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(1800)]


@dataclass
class Life:
    """What was seen at each stage."""

    evidence: dict[str, Any] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    stopped: str = ""
    gone_though_protected: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    folder = tmp_path_factory.mktemp("prod")
    patch = pytest.MonkeyPatch()
    patch.setattr(evidence, "ROOT", folder / "drill")
    settings = SETTINGS | {"deletionProtection": "true"}
    try:
        with Lab(suffix=SUFFIX, profile="prod", workdir=folder / "lab", settings=settings) as lab:
            yield live(lab, folder / "lab")
    finally:
        patch.undo()


def live(lab: Lab, workdir: Path) -> Life:
    life, began = Life(), time.monotonic()

    def done(what: str) -> None:
        life.seconds[what] = round(time.monotonic() - began, 1)
        print(f"{what} after {life.seconds[what]} s")

    empty = set(inventory.of_suffix(inventory.take(lab.observer), SUFFIX))
    lab.deploy()
    done("deployed and active")
    with AwsTarget(
        suffix=SUFFIX, regions=(HOME, RECOVERY), account=emulated_account(workdir, SUFFIX, lab.client),
        ask=_nobody, fault_seconds=900,
    ) as target:  # fmt: skip
        options = Options(events_per_second=60.0, before_seconds=15.0, seed=11)
        scenario = on_aws(SCENARIOS["region-loss"], target.epoch)
        life.evidence = Run(scenario, options, target, print).go().evidence
    done("drilled")
    for command in (["-m", "drill", "heal"], ["scripts/before_destroy.py", "--switch-back"]):
        told = subprocess.run(
            [sys.executable, *command, "--suffix", SUFFIX],
            cwd=ROOT, env=toolkit.environment(lab.places) | {"PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert told.returncode == 0, told.stderr
    stood = set(inventory.of_suffix(inventory.take(lab.observer), SUFFIX))
    life.refused, life.stopped = try_to_destroy(lab)
    kept = set(inventory.of_suffix(inventory.take(lab.observer), SUFFIX))
    life.gone_though_protected = sorted(stood - kept)
    done("still there")
    stacks = lab.stacks()
    stacks.synthesize(SETTINGS | {"deletionProtection": "false"})
    stacks.rewrite()
    stacks.deploy()
    done("unprotected")
    stacks.destroy()
    life.left = sorted(set(inventory.of_suffix(inventory.take(lab.observer), SUFFIX)) - empty)
    done("destroyed")
    return life


def _nobody(question: str) -> str:
    raise AssertionError(f"asked: {question}")


def try_to_destroy(lab: Lab) -> tuple[set[str], str]:
    """The types that AWS would refuse to delete, by the table of refusals, and what `cdk destroy` said."""
    try:
        lab.stacks().destroy()
        refused = set()
    except Refused as error:
        refused = {one.resource_type for one in error.refusals}
    try:
        toolkit.destroy(lab.stacks().assembly, lab.places, lab.processes.logs / "cdk.log")
        return refused, ""
    except LabError as error:
        return refused, str(error)


def test_the_standby_takes_over_and_nothing_is_lost(life: Life) -> None:
    found = life.evidence
    unmet = [name for name, met in found["objectives_met"].items() if not met]
    assert unmet == [], (found["events"], found["failures"], found["rto_seconds"], found["effect"])
    assert (found["verdict"], found["profile"], found["epochs"]) == (PASS, "prod", [1, 2])


def test_exactly_what_is_listed_refuses_to_go(life: Life) -> None:
    assert life.refused == PROTECTED


def test_nothing_goes_while_it_is_protected(life: Life) -> None:
    assert "TerminationProtection" in life.stopped
    assert life.gone_though_protected == []


def test_its_take_down_leaves_nothing(life: Life) -> None:
    assert life.left == []
