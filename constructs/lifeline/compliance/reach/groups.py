"""Security groups: which rule lets a connection out of one side and into the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any

from lifeline.compliance.reach.world import World

GROUP = "AWS::EC2::SecurityGroup"
INGRESS, EGRESS = "Ingress", "Egress"
DEFAULT_EGRESS = {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}
"""What EC2 itself writes into a group whose template lists no egress of its own."""


@dataclass(frozen=True)
class Side:
    """One side of a connection: its security groups and the ranges its addresses lie in."""

    groups: frozenset[str]
    ranges: tuple[IPv4Network, ...]
    name: str
    foreign: bool = False
    """In another region's network: its groups mean nothing here, only its ranges do."""


@dataclass(frozen=True)
class Rule:
    """One rule of one group; `cite` is empty for EC2's own."""

    group: str
    direction: str
    said: Mapping[str, Any] = field(hash=False)
    cite: str

    def lets(self, port: int, other: Side) -> bool:
        """Whether TCP at `port` may pass between the rule's group and all of `other`."""
        protocol = str(self.said.get("IpProtocol", "-1"))
        if protocol not in ("-1", "tcp", "6"):
            return False
        if protocol != "-1" and not (
            int(self.said.get("FromPort", 0)) <= port <= int(self.said.get("ToPort", 65535))
        ):
            return False
        if "CidrIp" in self.said:
            allowed = IPv4Network(self.said["CidrIp"])
            return bool(other.ranges) and all(one.subnet_of(allowed) for one in other.ranges)
        key = "SourceSecurityGroupId" if self.direction == INGRESS else "DestinationSecurityGroupId"
        named = self.said.get(key)
        return named is not None and not other.foreign and group_of(named) in other.groups


def group_of(reference: object) -> str:
    """The token of the group that `Ref` or `GetAtt GroupId` names."""
    return str(reference).removesuffix(".GroupId")


class Groups:
    """All rules of all groups of a world."""

    def __init__(self, world: World) -> None:
        self._rules = [*_inline(world), *_separate(world)]

    def passage(self, caller: Side, target: Side, port: int) -> tuple[frozenset[str], list[str]]:
        """The rules that let `caller` reach `target`, and what is missing, in sentences."""
        cites, missing = set[str](), list[str]()
        for direction, own, other in ((EGRESS, caller, target), (INGRESS, target, caller)):
            if not own.groups:
                continue
            rule = next(self._rules_for(own.groups, direction, port, other), None)
            if rule is None:
                missing.append(_sentence(direction, own, other, port))
            elif rule.cite:
                cites.add(rule.cite)
        return frozenset(cites), missing

    def _rules_for(
        self, groups: Iterable[str], direction: str, port: int, other: Side
    ) -> Iterator[Rule]:
        wanted = set(groups)
        for rule in self._rules:
            if rule.group in wanted and rule.direction == direction and rule.lets(port, other):
                yield rule


def _sentence(direction: str, own: Side, other: Side, port: int) -> str:
    groups = ", ".join(sorted(own.groups))
    if direction == EGRESS:
        return (
            f"no egress rule of {groups} lets {own.name} out to {other.name} at port {port}; "
            "add an egress rule to one of these groups"
        )
    return (
        f"no ingress rule of {groups} lets {other.name} in to {own.name} at port {port}; "
        f"add an ingress rule for the caller's group or range {_said(other.ranges)}"
    )


def _said(ranges: Sequence[IPv4Network]) -> str:
    return ", ".join(str(one) for one in ranges)


def _inline(world: World) -> Iterator[Rule]:
    for one in world.of_type(GROUP):
        for direction in (INGRESS, EGRESS):
            name = f"SecurityGroup{direction}"
            for number, said in enumerate(one.properties.get(name, [])):
                yield Rule(one.token, direction, said, f"{one.token}/{name}/{number}")
        if "SecurityGroupEgress" not in one.properties:
            yield Rule(one.token, EGRESS, DEFAULT_EGRESS, "")


def _separate(world: World) -> Iterator[Rule]:
    for direction in (INGRESS, EGRESS):
        for one in world.of_type(f"{GROUP}{direction}"):
            yield Rule(group_of(one.properties["GroupId"]), direction, one.properties, one.token)
