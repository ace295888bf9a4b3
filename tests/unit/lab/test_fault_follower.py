"""From the calls of the drill's machine to cuts, in their order, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.fault_follower import FaultFollower
from lab.places import HOME, RECOVERY
from lifeline.failover.drill_machine import denial

NOW = 1_000_000.0


class Seen:
    """The cuts that were asked for."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def isolate(self, region: str) -> None:
        self.done.append(f"isolate {region}")

    def rejoin(self, region: str) -> None:
        self.done.append(f"rejoin {region}")

    def deny_api(self, region: str) -> None:
        self.done.append(f"deny {region}")

    def allow_api(self, region: str) -> None:
        self.done.append(f"allow {region}")

    def stop_task(self, region: str, task: str) -> None:
        self.done.append(f"stop {task} {region}")


class Calls:
    """The file that the emulator writes, and who follows it."""

    def __init__(self, folder: Path) -> None:
        self.file, self.seen, self.now = folder / "faults.jsonl", Seen(), NOW
        self.follower = FaultFollower(
            self.file, self.seen, lambda _line: None, clock=lambda: self.now
        )

    def write(self, call: str, arguments: dict[str, Any], region: str = HOME) -> None:
        with self.file.open("a") as file:
            file.write(json.dumps({"region": region, "call": call, "arguments": arguments}) + "\n")

    def network(self, action: str, *, egress: bool, region: str = HOME) -> None:
        entry = {"RuleNumber": 1, "Protocol": "-1", "CidrBlock": "0.0.0.0/0", "Egress": egress}
        self.write("ec2:replaceNetworkAclEntry", {**entry, "RuleAction": action}, region)

    def role(self, until: str) -> None:
        document = json.dumps(denial("kinesis:PutRecords", until))
        self.write(
            "iam:putRolePolicy", {"RoleName": "events-api-cac1-x", "PolicyDocument": document}
        )

    def looked(self) -> list[str]:
        self.follower.look()
        done, self.seen.done = self.seen.done, []
        return done


def test_nothing_was_called(tmp_path: Path) -> None:
    assert Calls(tmp_path).looked() == []


def test_one_closed_direction_isolates_and_both_must_open(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    calls.network("deny", egress=False)
    assert calls.looked() == [f"isolate {HOME}"]
    calls.network("deny", egress=True)
    assert calls.looked() == []
    calls.network("allow", egress=False)
    assert calls.looked() == []
    calls.network("allow", egress=True)
    assert calls.looked() == [f"rejoin {HOME}"]


def test_a_proof_of_the_heal_changes_nothing(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    calls.network("allow", egress=False)
    calls.network("allow", egress=True)
    calls.role("1970-01-01T00:00:00Z")
    assert calls.looked() == []


def test_regions_are_apart(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    calls.network("deny", egress=True)
    calls.network("deny", egress=True, region=RECOVERY)
    assert sorted(calls.looked()) == [f"isolate {HOME}", f"isolate {RECOVERY}"]
    calls.network("allow", egress=True)
    assert calls.looked() == [f"rejoin {HOME}"]


def test_a_denial_ends_by_itself(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    calls.role("1970-01-12T13:46:41Z")
    assert calls.looked() == [f"deny {HOME}"]
    calls.now = NOW + 2
    assert calls.looked() == [f"allow {HOME}"]


def test_a_stopped_task_is_stopped(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    calls.write("ecs:stopTask", {"Task": "task-1"})
    assert calls.looked() == [f"stop task-1 {HOME}"]
