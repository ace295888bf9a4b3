"""What CloudFormation does with the resource whose creation failed, and a way to make one fail.

Runs in the emulator's process. The emulator takes back what was made before the failure, in reverse order,
and forgets the failed resource itself. CloudFormation deletes that one first:

- A custom resource whose create answered FAILED gets a Delete with the physical id of that answer
  (https://github.com/aws/aws-cdk/pull/5525). One that never answered gets a Delete as well
  (https://github.com/aws/aws-cdk/issues/26139); under which id is not documented: here the logical id.
- A resource that was made and did not become stable is deleted like one that did (inferred).

What could not be deleted stays in the stack, whose next deletion tries again; the emulator forgets it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CUSTOM = "Custom::"
REFUSED, UNSTABLE = "refused", "unstable"
"""How a planted resource fails: before anything is made, or after it was made."""


class FailedCreates:
    """The resources whose creation failed, by stack, until their stack is rolled back."""

    def __init__(self, planted: Path) -> None:
        self._planted = planted
        self._answered: dict[tuple[str, str], str] = {}
        self._failed: dict[tuple[str, str], dict[str, Any]] = {}

    def install(self, stacks: Any, custom_resources: Any) -> None:
        """Wrap the emulator's `cloudformation.stacks` and `cloudformation.custom_resource` modules."""
        create, roll_back = stacks._provision_resource, stacks._roll_back_operation
        deliver = custom_resources.deliver_response

        def delivered(token: str, answer: dict[str, Any]) -> Any:
            if answer.get("Status") == "FAILED" and answer.get("PhysicalResourceId"):
                key = str(answer.get("StackId")), str(answer.get("LogicalResourceId"))
                self._answered[key] = answer["PhysicalResourceId"]
            return deliver(token, answer)

        def created(kind: str, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
            how = self._plant(stack, logical_id)
            resource = {"ResourceType": kind, "Properties": properties}
            if how == REFUSED:
                raise ValueError(f"planted: {kind} {logical_id} is refused")
            try:
                made = create(kind, logical_id, properties, stack)
            except Exception:
                if kind.startswith(CUSTOM):
                    self._failed[stack, logical_id] = resource
                raise
            if how == UNSTABLE:
                self._failed[stack, logical_id] = {**resource, "PhysicalResourceId": made[0]}
                raise ValueError(f"planted: {kind} {logical_id} did not become stable")
            return made

        async def rolled_back(
            stack_name: str, stack_id: str, stack: Any, operation: dict[str, Any], *more: Any
        ) -> None:
            self._hand_over(stack_name, stack_id, stack, operation)
            await roll_back(stack_name, stack_id, stack, operation, *more)
            _keep_what_stands(stack)

        custom_resources.deliver_response = delivered
        stacks._provision_resource = created
        stacks._roll_back_operation = rolled_back

    def _plant(self, stack: str, logical_id: str) -> str | None:
        if not self._planted.is_file():
            return None
        planted: dict[str, dict[str, str]] = json.loads(self._planted.read_text())
        return planted.get(stack, {}).get(logical_id)

    def _hand_over(
        self, stack_name: str, stack_id: str, stack: Any, operation: dict[str, Any]
    ) -> None:
        """Make the failed resource the last one made: the rollback deletes it first."""
        logical_id = operation.get("failed_logical_id") or ""
        failed = self._failed.pop((stack_name, logical_id), None)
        answered = self._answered.pop((stack_id, logical_id), logical_id)
        if failed is not None and not operation.get("failed_update"):
            there = {"PhysicalResourceId": answered, "LogicalResourceId": logical_id, **failed}
            stack["_resources"][logical_id] = there
            operation["created"].append(logical_id)


def _keep_what_stands(stack: Any) -> None:
    """Leave in the stack what its rollback could not delete, in the order of its creation."""
    failed = stack.get("_rollback_failed") or {}
    for logical_id, record in reversed(failed.items()):
        if "Properties" in record:
            stack["_resources"][logical_id] = {
                **record, "LogicalResourceId": logical_id, "ResourceStatus": "DELETE_FAILED",
            }  # fmt: skip
