"""The failed resource is deleted first, under the id that it answered; what cannot be deleted stays.

What the emulator does stands in here in its smallest form; the whole is in the lab's own tests.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.emulated_rollback import REFUSED, UNSTABLE, FailedCreates

STACK, STACK_ID = "data-cac1-test", "arn:aws:cloudformation:ca-central-1:1:stack/data-cac1-test/1"


class Emulator:
    """Makes what it is told, and takes back what its record says, the last one first."""

    def __init__(self, planted: dict[str, str], folder: Path) -> None:
        self.deleted: list[tuple[str, str]] = []
        self.record: dict[str, Any] = {"_resources": {}}
        self.undeletable = ""
        self.stacks = SimpleNamespace(
            _provision_resource=self._make, _roll_back_operation=self._take_back
        )
        self.custom = SimpleNamespace(deliver_response=lambda _token, _answer: True)
        file = folder / "planted.json"
        file.write_text(json.dumps({STACK: planted}))
        FailedCreates(file).install(self.stacks, self.custom)

    def _make(self, kind: str, logical_id: str, _properties: Any, _stack: str) -> Any:
        if kind == "Custom::Answers":
            answer = {"Status": "FAILED", "StackId": STACK_ID, "LogicalResourceId": logical_id,
                      "PhysicalResourceId": "answered"}  # fmt: skip
            self.custom.deliver_response("token", answer)
        if kind.startswith("Custom::"):
            raise RuntimeError("FAILED")
        return f"made-{logical_id}", {}

    async def _take_back(self, _name: str, _id: str, stack: Any, operation: Any) -> None:
        failed = {}
        for logical_id in reversed(operation["created"]):
            there = stack["_resources"].pop(logical_id)
            if logical_id == self.undeletable:
                failed[logical_id] = {**there}
            else:
                self.deleted.append((logical_id, there["PhysicalResourceId"]))
        stack["_rollback_failed"] = failed

    def deploy(self, **resources: str) -> None:
        """Create them in order until one fails; roll back."""
        created: list[str] = []
        operation: dict[str, Any] = {"created": created}
        for logical_id, kind in resources.items():
            try:
                physical, _ = self.stacks._provision_resource(kind, logical_id, {"a": 1}, STACK)
            except Exception:
                operation["failed_logical_id"] = logical_id
                break
            self.record["_resources"][logical_id] = {
                "PhysicalResourceId": physical, "ResourceType": kind, "Properties": {"a": 1},
            }  # fmt: skip
            created.append(logical_id)
        asyncio.run(self.stacks._roll_back_operation(STACK, STACK_ID, self.record, operation))


@pytest.mark.parametrize(
    ("planted", "kind", "deleted"),
    [
        ({}, "Custom::Answers", [("B", "answered"), ("A", "made-A")]),
        ({}, "Custom::IsSilent", [("B", "B"), ("A", "made-A")]),
        ({"B": UNSTABLE}, "AWS::RDS::DBCluster", [("B", "made-B"), ("A", "made-A")]),
        ({"B": REFUSED}, "AWS::RDS::DBCluster", [("A", "made-A")]),
    ],
)
def test_the_failed_resource_goes_first_if_it_was_made(
    planted: dict[str, str], kind: str, deleted: list[tuple[str, str]], tmp_path: Path
) -> None:
    emulator = Emulator(planted, tmp_path)
    emulator.deploy(A="AWS::SNS::Topic", B=kind)
    assert emulator.deleted == deleted
    assert emulator.record["_resources"] == {}


def test_what_could_not_be_deleted_stays_in_the_stack(tmp_path: Path) -> None:
    """Its next deletion tries again, as CloudFormation's does."""
    emulator = Emulator({"B": UNSTABLE}, tmp_path)
    emulator.undeletable = "B"
    emulator.deploy(A="AWS::SNS::Topic", B="AWS::ElastiCache::ReplicationGroup")
    kept = emulator.record["_resources"]["B"]
    assert (kept["PhysicalResourceId"], kept["ResourceStatus"]) == ("made-B", "DELETE_FAILED")
