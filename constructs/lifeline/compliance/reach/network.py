"""Routes: how a connection leaves a subnet, and by what it arrives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from lifeline.compliance.reach.groups import Groups, Side, group_of
from lifeline.compliance.reach.world import Found, World

ANYWHERE = IPv4Network("0.0.0.0/0")
HTTPS = 443
GATEWAY = "Gateway"
TARGETS = ("NatGatewayId", "GatewayId", "VpcPeeringConnectionId", "TransitGatewayId")


@dataclass(frozen=True)
class Placement:
    """Where a caller's network interfaces are. Without a network: None in its place."""

    subnets: tuple[str, ...]
    groups: frozenset[str]


@dataclass(frozen=True)
class Store:
    """What listens at a port inside a network."""

    name: str
    subnets: tuple[str, ...]
    groups: frozenset[str]
    port: int


@dataclass(frozen=True)
class Route:
    """How a call travels, with everything in the templates that it rests on."""

    by: str
    cites: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    endpoint: str = ""
    """The VPC endpoint whose policy judges the call; empty for none."""

    def joined(self, other: Route) -> Route:
        """This route and `other`: a call that needs both."""
        missing = tuple(dict.fromkeys((*self.missing, *other.missing)))
        return Route(self.by, self.cites | other.cites, missing, self.endpoint or other.endpoint)


@dataclass(frozen=True)
class _Entry:
    destination: IPv4Network
    target: str
    cite: str


class Network:
    """All networks of a world: subnets, route tables, gateways, endpoints, peerings and groups."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.groups = Groups(world)
        self._subnets = {one.token: one for one in world.of_type("AWS::EC2::Subnet")}
        self._tables = {
            str(one.properties["SubnetId"]): (str(one.properties["RouteTableId"]), one.token)
            for one in world.of_type("AWS::EC2::SubnetRouteTableAssociation")
        }
        self._entries: dict[str, list[_Entry]] = {}
        for one in world.of_type("AWS::EC2::Route"):
            target = next(
                (str(one.properties[key]) for key in TARGETS if key in one.properties), ""
            )
            self._entries.setdefault(str(one.properties["RouteTableId"]), []).append(
                _Entry(IPv4Network(one.properties["DestinationCidrBlock"]), target, one.token)
            )
        self._endpoints = list(world.of_type("AWS::EC2::VPCEndpoint"))

    def network_of(self, subnets: Iterable[str]) -> str:
        """The VPC of these subnets."""
        return str(self._subnets[next(iter(subnets))].properties["VpcId"])

    def ranges(self, subnets: Iterable[str]) -> tuple[IPv4Network, ...]:
        """The address ranges of these subnets."""
        return tuple(IPv4Network(self._subnets[one].properties["CidrBlock"]) for one in subnets)

    def side(self, name: str, subnets: Sequence[str], groups: Iterable[str]) -> Side:
        """One side of a connection."""
        return Side(frozenset(groups), self.ranges(subnets), name)

    def to_the_internet(self, placement: Placement, port: int, what: str) -> Route:
        """Out of each subnet through a NAT gateway and an internet gateway."""
        anyone = Side(frozenset(), (ANYWHERE,), what)
        caller = self.side("the caller", placement.subnets, placement.groups)
        cites, missing = self.groups.passage(caller, anyone, port)
        found = Route("NAT", cites, tuple(missing))
        for subnet in placement.subnets:
            found = found.joined(self._out_of(subnet, what))
        return found

    def to_service(self, placement: Placement, service: str, what: str) -> Route:
        """To an AWS service of the caller's own region: by an endpoint where one takes the name."""
        vpc = self.network_of(placement.subnets)
        for one in self._endpoints:
            name = str(one.properties["ServiceName"])
            if one.properties["VpcId"] != vpc or name.split(".", 3)[3:] != [service]:
                continue
            if one.properties.get("VpcEndpointType", GATEWAY) == GATEWAY:
                return self._by_gateway(placement, one, what)
            if one.properties.get("PrivateDnsEnabled"):
                return self._by_interface(placement, one, what)
        return self.to_the_internet(placement, HTTPS, what)

    def to_store(self, placement: Placement, store: Store) -> Route:
        """To what listens inside this network, or inside a peered one."""
        caller = self.side("the caller", placement.subnets, placement.groups)
        target = self.side(store.name, store.subnets, store.groups)
        if self.network_of(placement.subnets) == self.network_of(store.subnets):
            cites, missing = self.groups.passage(caller, target, store.port)
            return Route("own network", cites, tuple(missing))
        caller = Side(caller.groups, caller.ranges, caller.name, foreign=True)
        target = Side(target.groups, target.ranges, target.name, foreign=True)
        cites, missing = self.groups.passage(caller, target, store.port)
        there = self._across(placement.subnets, target.ranges, store.name, "there")
        back = self._across(store.subnets, caller.ranges, "the caller", "back")
        return Route("peering", cites, tuple(missing)).joined(there).joined(back)

    def _by_gateway(self, placement: Placement, endpoint: Found, what: str) -> Route:
        """A gateway endpoint serves the subnets whose route tables it is in; the others go out by NAT."""
        listed = {str(one) for one in endpoint.properties.get("RouteTableIds", [])}
        anyone = Side(frozenset(), (ANYWHERE,), what)
        caller = self.side("the caller", placement.subnets, placement.groups)
        cites, missing = self.groups.passage(caller, anyone, HTTPS)
        found = Route("gateway endpoint", cites, tuple(missing))
        for subnet in placement.subnets:
            table, cite = self._tables.get(subnet, ("", ""))
            if table in listed:
                used = frozenset({cite, endpoint.token})
                found = found.joined(Route("", used, endpoint=endpoint.token))
            else:
                found = found.joined(self._out_of(subnet, what))
        return found

    def _by_interface(self, placement: Placement, endpoint: Found, what: str) -> Route:
        groups = {group_of(one) for one in endpoint.properties.get("SecurityGroupIds", [])}
        subnets = [str(one) for one in endpoint.properties["SubnetIds"]]
        caller = self.side("the caller", placement.subnets, placement.groups)
        target = self.side(f"the endpoint {endpoint.token}", subnets, groups)
        cites, missing = self.groups.passage(caller, target, HTTPS)
        vpc = self._world.by_token(str(endpoint.properties["VpcId"]))
        flags = ("EnableDnsHostnames", "EnableDnsSupport")
        if vpc is not None and not all(vpc.properties.get(one) is True for one in flags):
            missing.append(
                f"{vpc.token} has no DNS host names, so {what} does not resolve to its endpoint; "
                "set EnableDnsHostnames and EnableDnsSupport"
            )
        used = cites | {endpoint.token}
        return Route("interface endpoint", used, tuple(missing), endpoint.token)

    def _entry(self, subnet: str, to: IPv4Network) -> tuple[_Entry | None, str]:
        """The most specific route of a subnet to a range, and the association that leads to it."""
        table, cite = self._tables.get(subnet, ("", ""))
        fitting = [one for one in self._entries.get(table, []) if to.subnet_of(one.destination)]
        return max(fitting, key=lambda one: one.destination.prefixlen, default=None), cite

    def _out_of(self, subnet: str, what: str) -> Route:
        entry, association = self._entry(subnet, ANYWHERE)
        nat = self._world.by_token(entry.target) if entry else None
        if entry is None or nat is None or nat.type != "AWS::EC2::NatGateway":
            return _lost(
                f"subnet {subnet} has no route to {what}: no default route to a NAT gateway; "
                "add one, or an endpoint of the service"
            )
        outer, outer_association = self._entry(str(nat.properties["SubnetId"]), ANYWHERE)
        gateway = self._world.by_token(outer.target) if outer else None
        attached = [
            one.token
            for one in self._world.of_type("AWS::EC2::VPCGatewayAttachment")
            if gateway is not None and one.properties.get("InternetGatewayId") == gateway.token
        ]
        if outer is None or not attached:
            return _lost(
                f"the subnet of {nat.token} has no route to an attached internet gateway; "
                "add the default route and the attachment"
            )
        parts = {entry.cite, association, nat.token, outer.cite, outer_association, attached[0]}
        return Route("", frozenset(parts))

    def _across(
        self, subnets: Sequence[str], to: Sequence[IPv4Network], what: str, way: str
    ) -> Route:
        found = Route("")
        for subnet in subnets:
            for one in to:
                entry, association = self._entry(subnet, one)
                peering = self._world.by_token(entry.target) if entry else None
                if entry is None or peering is None or "Peering" not in peering.type:
                    found = found.joined(
                        _lost(
                            f"subnet {subnet} has no route {way} to {what} ({one}) over a peering "
                            "connection; add the route to its route table"
                        )
                    )
                else:
                    used = {entry.cite, association, peering.token}
                    found = found.joined(Route("", frozenset(used)))
        return found


def _lost(sentence: str) -> Route:
    return Route("", missing=(sentence,))
