"""What the continuity rules look at: every template of one environment, and the policy they are held to.

Rules compare regions with each other, so they see the whole assembly at once, as it will be deployed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lifeline.compliance.continuity_policy import ContinuityPolicy

REGION_OF_ENVIRONMENT = re.compile(r"aws://[^/]+/(?P<region>[a-z0-9-]+)")


@dataclass(frozen=True, eq=False)
class StackTemplate:
    """One stack as it was written."""

    name: str
    """The stack's construct path, such as `Data-cac1`."""
    region: str
    template: dict[str, Any]
    path: str = ""
    """Where the template lies, as the CDK gave it; empty in tests."""

    @cached_property
    def resources(self) -> dict[str, Resource]:
        """Every resource by its logical id."""
        return {
            logical_id: Resource(self, logical_id, body)
            for logical_id, body in self.template.get("Resources", {}).items()
        }

    @property
    def exports(self) -> set[str]:
        """The names under which the stack exports outputs, rendered."""
        outputs = self.template.get("Outputs", {}).values()
        return {rendered(one["Export"]["Name"]) for one in outputs if "Export" in one}


@dataclass(frozen=True, eq=False)
class Resource:
    """One resource of one template."""

    stack: StackTemplate
    logical_id: str
    body: dict[str, Any]

    @property
    def type(self) -> str:
        """Its CloudFormation type."""
        return str(self.body["Type"])

    @property
    def region(self) -> str:
        """Where it is made."""
        return self.stack.region

    @property
    def properties(self) -> dict[str, Any]:
        """Its properties; empty when it has none."""
        found: dict[str, Any] = self.body.get("Properties", {})
        return found

    def text(self, name: str) -> str:
        """A property rendered as text; empty when it is absent."""
        return rendered(self.properties.get(name, ""))


@dataclass(frozen=True)
class SynthesizedEnvironment:
    """Every stack of one environment."""

    policy: ContinuityPolicy
    stacks: Sequence[StackTemplate]

    def of_type(self, *types: str) -> list[Resource]:
        """Every resource of these types, in the order of stacks and templates."""
        return [one for one in self.resources() if one.type in types]

    def resources(self) -> Iterator[Resource]:
        """Every resource of every stack."""
        for stack in self.stacks:
            yield from stack.resources.values()


def rendered(value: Any) -> str:
    """A template value as text: `Fn::Join` and `Fn::Sub` written out, references as `${LogicalId}`."""
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list):
        return "".join(rendered(one) for one in value)
    if not isinstance(value, dict):
        return ""
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(rendered(one) for one in parts)
    if "Fn::Sub" in value:
        text = value["Fn::Sub"]
        return str(text[0] if isinstance(text, list) else text)
    if "Ref" in value:
        return f"${{{value['Ref']}}}"
    if "Fn::GetAtt" in value:
        found = value["Fn::GetAtt"]
        return f"${{{found if isinstance(found, str) else '.'.join(map(str, found))}}}"
    return "".join(rendered(one) for one in value.values())


def texts(value: Any, *, without: frozenset[str] = frozenset()) -> Iterator[str]:
    """Every text below `value`, joins rendered, except below the keys `without`."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)) in ("Fn::Join", "Fn::Sub"):
            yield rendered(value)
            return
        for key, one in value.items():
            if key not in without:
                yield from texts(one, without=without)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one, without=without)
    elif isinstance(value, str):
        yield value


def intrinsics(value: Any, name: str) -> Iterator[Any]:
    """The argument of every `name` (such as `Fn::ImportValue`) below `value`."""
    if isinstance(value, dict):
        if name in value:
            yield value[name]
        for one in value.values():
            yield from intrinsics(one, name)
    elif isinstance(value, list):
        for one in value:
            yield from intrinsics(one, name)


def read_environment(folder: Path, policy: ContinuityPolicy) -> SynthesizedEnvironment:
    """The environment of a written cloud assembly. Raises OSError or KeyError for anything else."""
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    stacks = []
    for name, artifact in sorted(artifacts.items()):
        if artifact["type"] != "aws:cloudformation:stack":
            continue
        region = REGION_OF_ENVIRONMENT.fullmatch(artifact["environment"])
        path = folder / artifact["properties"]["templateFile"]
        template = json.loads(path.read_text())
        stacks.append(StackTemplate(name, region["region"] if region else "", template, str(path)))
    return SynthesizedEnvironment(policy, tuple(stacks))
