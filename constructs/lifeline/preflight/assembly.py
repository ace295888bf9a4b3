"""What a deployment would create: the resources of a synthesized assembly, by region."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STACK = "aws:cloudformation:stack"


class NoAssembly(ValueError):
    """The folder holds no assembly that this can read; the message is a sentence."""


@dataclass(frozen=True)
class Stack:
    """One stack: `id` is what the CDK command line calls it, `name` what CloudFormation does."""

    id: str
    name: str
    region: str
    bootstrap_parameter: str
    bootstrap_version: int


@dataclass(frozen=True)
class Resource:
    """One resource; `properties` are the template's, the account and the region filled in."""

    stack: str
    logical_id: str
    region: str
    type: str
    properties: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A property that is a text; empty when it is missing, or known only when it is deployed."""
        value = self.properties.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str, otherwise: float = 0) -> float:
        """A property that is a number, or a text of one."""
        try:
            return float(self.properties.get(name, otherwise))
        except (TypeError, ValueError):
            return otherwise


@dataclass(frozen=True)
class Assembly:
    """Every stack and resource of one environment."""

    stacks: tuple[Stack, ...]
    resources: tuple[Resource, ...]

    @property
    def regions(self) -> tuple[str, ...]:
        """Each region that gets a stack, in the order of the assembly."""
        return tuple(dict.fromkeys(stack.region for stack in self.stacks))


def read_assembly(folder: Path, account: str) -> Assembly:
    """The assembly in `folder` as it would be deployed into `account`. Raises NoAssembly."""
    try:
        artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    except (OSError, ValueError, KeyError) as error:
        raise NoAssembly(
            f"{folder} holds no assembly ({type(error).__name__}); `make synth` writes one."
        ) from error
    stacks: list[Stack] = []
    resources: list[Resource] = []
    for name, artifact in artifacts.items():
        if artifact["type"] != STACK:
            continue
        facts = artifact["properties"]
        region = artifact["environment"].rpartition("/")[2]
        stack = Stack(
            id=artifact.get("displayName", name).split(" ")[0],
            name=facts["stackName"],
            region=region,
            bootstrap_parameter=facts.get("bootstrapStackVersionSsmParameter", ""),
            bootstrap_version=int(facts.get("requiresBootstrapStackVersion", 0)),
        )
        stacks.append(stack)
        template = json.loads((folder / facts["templateFile"]).read_text())
        values = {
            "AWS::AccountId": account,
            "AWS::Region": region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
        }
        for logical_id, one in template["Resources"].items():
            properties = resolved(one.get("Properties", {}), values)
            resources.append(Resource(stack.name, logical_id, region, one["Type"], properties))
    return Assembly(tuple(stacks), tuple(resources))


def resolved(value: Any, values: Mapping[str, str]) -> Any:
    """`value` with what is known before a deployment filled in; other functions stay as they are."""
    if isinstance(value, list):
        return [resolved(one, values) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"} and value["Ref"] in values:
        return values[value["Ref"]]
    if set(value) == {"Fn::Join"}:
        separator, parts = value["Fn::Join"]
        parts = resolved(parts, values)
        if isinstance(parts, list) and all(isinstance(one, str) for one in parts):
            return str(separator).join(parts)
        return {"Fn::Join": [separator, parts]}
    return {key: resolved(one, values) for key, one in value.items()}


def of_type(resources: Sequence[Resource], *types: str) -> list[Resource]:
    """Those of the given types."""
    return [one for one in resources if one.type in types]
