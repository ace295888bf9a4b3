"""The AWS target against the lab, as it is run on AWS: deploy, activate, drill, heal, destroy.

Its state machine breaks and heals by the calls that AWS has; only addresses are turned to the emulator.
"""

from __future__ import annotations

import json
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
from drill.scenarios import SCENARIOS, Break, on_aws
from drill.targets import TargetError
from drill.targets.aws import AwsTarget
from drill.targets.breaker import Breaker
from drill.targets.emulated import emulated_account
from drill.verdict import PASS
from lab import Lab, inventory, toolkit
from lab.conditions import Conditions
from lab.places import DATA_REGIONS, HOME, RECOVERY
from lab.toolkit import ROOT

SUFFIX = "dr0123abcd"
LEFT_ALONE_SECONDS = 8
"""The fault of a drill that dies: longer than it takes to come into force."""
HEALED_SECONDS = 60.0

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(1200)]


@dataclass
class Life:
    """What was seen at each stage."""

    evidence: dict[str, Any] = field(default_factory=dict)
    while_broken: dict[str, Any] = field(default_factory=dict)
    after_the_drill: dict[str, Any] = field(default_factory=dict)
    second: str = ""
    left_alone: list[dict[str, Any]] = field(default_factory=list)
    unknown: dict[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


class Watched(AwsTarget):
    """Looks at the region when the fault is in force."""

    seen: Any = None

    def bring_about(self, what: Break) -> Any:
        done = super().bring_about(what)
        self.seen = state(self._account.client)
        return done


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    folder = tmp_path_factory.mktemp("aws-target")
    patch = pytest.MonkeyPatch()
    patch.setattr(evidence, "ROOT", folder / "drill")
    try:
        with Lab(suffix=SUFFIX, workdir=folder / "lab", settings={"drills": "freely"}) as lab:
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
    with target(lab, workdir) as one:
        scenario = on_aws(SCENARIOS["region-loss"], one.epoch)
        options = Options(events_per_second=60.0, before_seconds=15.0, seed=7)
        life.evidence = Run(scenario, options, one, print).go().evidence
        life.while_broken = one.seen
        life.second = refusal(lab, workdir)
    life.after_the_drill = state(lab.client)
    await_whole(lab)
    done("drilled")
    die_after_breaking(lab)
    life.left_alone.append(state(lab.client))
    await_whole(lab)
    life.left_alone.append(state(lab.client))
    life.unknown = call_what_is_unknown(lab)
    done("healed by itself")
    switched = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "before_destroy.py"), "--suffix", SUFFIX, "--switch-back"],
        env=toolkit.environment(lab.places), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert switched.returncode == 0, switched.stderr
    lab.stacks().destroy()
    life.left = sorted(set(inventory.of_suffix(inventory.take(lab.observer), SUFFIX)) - empty)
    done("destroyed")
    return life


def target(lab: Lab, workdir: Path) -> Watched:
    account = emulated_account(workdir, SUFFIX, lab.client)

    def nobody(question: str) -> str:
        raise AssertionError(f"asked: {question}")

    return Watched(
        suffix=SUFFIX, regions=(HOME, RECOVERY), account=account, ask=nobody, fault_seconds=900
    )


def refusal(lab: Lab, workdir: Path) -> str:
    """What a second drill hears while the first one's fault is in force."""
    try:
        with target(lab, workdir):
            return "entered"
    except TargetError as error:
        return str(error)


def breaker(lab: Lab) -> Breaker:
    return Breaker(
        lab.client("stepfunctions", HOME), f"arn:aws:states:{HOME}:000000000000:stateMachine:drill-{SUFFIX}",
        region=HOME, say=print,
    )  # fmt: skip


def die_after_breaking(lab: Lab) -> None:
    """Nobody holds the breaker after this line, as when a laptop is closed."""
    breaker(lab).break_region(Break.HANG_HOME, LEFT_ALONE_SECONDS)


def call_what_is_unknown(lab: Lab) -> dict[str, Any]:
    """An execution of a machine that makes a call the lab has no cut for."""
    states = lab.client("stepfunctions", HOME)
    task = {
        "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ec2:deleteNetworkAcl",
        "Arguments": {"NetworkAclId": "acl-1"}, "End": True,
    }  # fmt: skip
    made = states.create_state_machine(
        name=f"unknown-{SUFFIX}",
        definition=json.dumps(
            {"QueryLanguage": "JSONata", "StartAt": "Call", "States": {"Call": task}}
        ),
        roleArn="arn:aws:iam::000000000000:role/any",
    )
    execution = states.start_execution(stateMachineArn=made["stateMachineArn"])["executionArn"]
    deadline = time.monotonic() + HEALED_SECONDS
    while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    states.delete_state_machine(stateMachineArn=made["stateMachineArn"])
    return dict(found)


def await_whole(lab: Lab) -> None:
    """Until the lab cuts nothing off any more, and nothing is due."""
    deadline = time.monotonic() + HEALED_SECONDS
    while lab._breaker.conditions != Conditions() or breaker(lab).due():
        assert time.monotonic() < deadline, lab._breaker.conditions
        time.sleep(0.2)


def state(client: Any) -> dict[str, Any]:
    """What the home region's network and role say, and which executions run."""
    entries = {
        (entry["Egress"], entry["RuleAction"])
        for acl in client("ec2", HOME).describe_network_acls()["NetworkAcls"]
        for entry in acl["Entries"]
        if entry["RuleNumber"] == 1
    }
    policy = client("iam", HOME).get_role_policy(
        RoleName=f"events-api-cac1-{SUFFIX}", PolicyName="drill"
    )["PolicyDocument"]
    until = policy["Statement"][0]["Condition"]["DateLessThan"]["aws:CurrentTime"]
    running = client("stepfunctions", HOME).list_executions(
        stateMachineArn=f"arn:aws:states:{HOME}:000000000000:stateMachine:drill-{SUFFIX}",
        statusFilter="RUNNING",
    )["executions"]
    return {"entries": entries, "denied_until": until, "due": len(running)}


OPEN = {(False, "allow"), (True, "allow")}
SHUT = {(False, "deny"), (True, "deny")}


def test_the_standby_takes_over_and_nothing_is_lost(life: Life) -> None:
    found = life.evidence
    unmet = [name for name, met in found["objectives_met"].items() if not met]
    assert unmet == [], (found["events"], found["failures"], found["rto_seconds"], found["effect"])
    assert found["verdict"] == PASS
    assert found["epochs"] == [1, 2]
    assert found["survivor"] == RECOVERY
    assert found["events"]["stored"] == found["events"]["accepted"] > 0


def test_the_evidence_says_where_it_was_made_and_what_it_did_not_see(life: Life) -> None:
    found = life.evidence
    assert (found["target"], found["profile"]) == ("lab", "dev")
    assert set(found["unexamined"]) < set(AwsTarget.unexamined)
    assert not set(found["unexamined"]) & set(found["objectives_met"])
    assert [one["kind"] for one in found["faults"]] == [
        "role-denied", "network-denied", "network-denied", "tasks-stopped"
    ]  # fmt: skip


def test_the_region_was_broken_by_the_calls_that_aws_has(life: Life) -> None:
    assert life.while_broken["entries"] == SHUT
    assert life.while_broken["denied_until"] > life.evidence["fault_at"]
    assert life.while_broken["due"] == 1


def test_a_second_drill_is_refused_while_the_first_is_in_force(life: Life) -> None:
    assert "is being drilled" in life.second


def test_the_drill_heals_at_its_end(life: Life) -> None:
    assert life.after_the_drill == {
        "entries": OPEN, "denied_until": "1970-01-01T00:00:00Z", "due": 0
    }  # fmt: skip


def test_a_drill_that_dies_is_healed_without_it(life: Life) -> None:
    broken, healed = life.left_alone
    assert (broken["entries"], broken["due"]) == (SHUT, 1)
    assert healed == {"entries": OPEN, "denied_until": "1970-01-01T00:00:00Z", "due": 0}


def test_a_call_without_a_cut_fails(life: Life) -> None:
    assert life.unknown["status"] == "FAILED"
    assert life.unknown["error"] == "Lab.UnknownFault"


def test_destroying_leaves_nothing(life: Life) -> None:
    assert life.left == []
    assert set(DATA_REGIONS) == {HOME, RECOVERY}
