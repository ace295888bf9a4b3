"""What a rule looks at: a resource as it is to be, as it was, and what stands around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.refusals.values import UNKNOWN, Unknown, pseudo_parameters, resolved

Template = Mapping[str, Any]


@dataclass(frozen=True)
class Resource:
    """A resource of a template, its intrinsics resolved where the template says enough."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    body: Mapping[str, Any]

    @property
    def path(self) -> str:
        """Where it is in the construct tree; else its logical id."""
        return str(self.body.get("Metadata", {}).get("aws:cdk:path", self.logical_id))

    def at(self, place: str) -> Any:
        """The value at a place such as `A.B`: None when it is not given, UNKNOWN when it is not known."""
        found: Any = self.properties
        for name in place.split("."):
            if isinstance(found, Unknown):
                return UNKNOWN
            if not isinstance(found, dict) or name not in found:
                return None
            found = found[name]
        return found

    def given(self, place: str) -> bool:
        """Whether something is written there, known or not."""
        return self.at(place) is not None

    def known(self, place: str) -> Any:
        """The value; None when it is not given, and when nobody knows it yet."""
        found = self.at(place)
        return None if isinstance(found, Unknown) else found

    def text(self, place: str) -> str:
        """The value if it is a known text, else nothing."""
        found = self.known(place)
        return found if isinstance(found, str) else ""

    def items(self, place: str) -> list[Any]:
        """The known list there, else nothing."""
        found = self.known(place)
        return found if isinstance(found, list) else []

    def number(self, place: str) -> float | None:
        """The value as a number, if it is one."""
        found = self.known(place)
        try:
            return None if isinstance(found, bool) or found is None else float(found)
        except (TypeError, ValueError):
            return None

    def true(self, place: str) -> bool:
        """Whether it surely says true."""
        return str(self.known(place)).lower() == "true"

    def false(self, place: str) -> bool:
        """Whether it is left out, or surely says false."""
        found = self.at(place)
        return found is None or str(found).lower() == "false"

    def refers_to(self, other: Resource) -> bool:
        """Whether it names the other one of its template, by reference or by DependsOn."""
        return other.logical_id in _references(self.body)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _references(one)
    if not isinstance(value, dict):
        return
    for name, one in value.items():
        if name in ("Ref", "DependsOn"):
            yield from [one] if isinstance(one, str) else one
        elif name == "Fn::GetAtt":
            yield one.split(".")[0] if isinstance(one, str) else str(one[0])
        else:
            yield from _references(one)


def resources_of(template: Template, region: str) -> dict[str, Resource]:
    """A template's resources by logical id. Parameters give their defaults."""
    parameters = {
        name: one["Default"]
        for name, one in template.get("Parameters", {}).items()
        if "Default" in one and not str(one.get("Type", "")).startswith("AWS::SSM")
    }
    known = {**parameters, **pseudo_parameters(region)}
    return {
        name: Resource(name, one["Type"], resolved(one.get("Properties", {}), known), one)
        for name, one in template.get("Resources", {}).items()
    }


@dataclass(frozen=True)
class Surroundings:
    """What stands beside the stack. What is not said is unknown, and nothing is refused for it."""

    other_stacks: tuple[tuple[str, Template], ...] = ()
    """(region, template) of the environment's other stacks."""
    account_log_role: bool | None = None
    """Whether API Gateway has its log role in the region already."""
    lambda_concurrency: int | None = None
    """The region's quota of concurrent executions."""


@dataclass(frozen=True)
class Situation:
    """One stack's deployment. `before` is None for a stack that is made now."""

    region: str
    now: Mapping[str, Resource]
    before: Mapping[str, Resource] | None = None
    around: Surroundings = field(default_factory=Surroundings)

    def of_type(self, *types: str) -> list[Resource]:
        """The stack's resources of these types, as they are to be."""
        return [one for one in self.now.values() if one.type in types]

    def beside(self, *types: str, region: str | None = None) -> list[Resource]:
        """Resources of these types in the other stacks: of every region, or of one."""
        return [
            one
            for place, template in self.around.other_stacks
            if region in (None, place)
            for one in resources_of(template, place).values()
            if one.type in types
        ]


@dataclass(frozen=True)
class Case:
    """One resource in a situation. A rule that looks at `before` is given only resources that had one."""

    resource: Resource
    before: Resource | None
    situation: Situation
