"""Each thing that a route needs, taken away: the route says what is missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lifeline.compliance.reach.network import Network, Placement, Store
from tests.unit.constructs.compliance.reach.small_world import (
    FROM_THE_NETWORK,
    HOME,
    NOTHING_OUT,
    STANDBY,
    Resources,
    arn_of,
    endpoint,
    endpoint_group,
    made,
    ref,
    region,
    world,
)

KEEPER = Placement(("Home.Private1", "Home.Private2"), frozenset({"Home.Clients"}))
DATABASE = Store("Home.Database", ("Home.Store",), frozenset({"Home.StoreGroup"}), 5432)
PEER = Store("Standby.Database", ("Standby.Store",), frozenset({"Standby.StoreGroup"}), 5432)
Change = Callable[[Resources], object]


def network(change: Change | None = None) -> Network:
    """Home's network, changed; the standby's as it is."""
    home = region(HOME)
    if change:
        change(home)
    return Network(world(home))


def test_a_subnet_goes_out_by_its_own_nat_gateway_and_names_all_it_rests_on() -> None:
    route = network().to_the_internet(KEEPER, 443, "sns")
    assert route.missing == ()
    assert {
        "Home.Clients/SecurityGroupEgress/0",
        "Home.Private1Default",
        "Home.Private2Default",
        "Home.Private1Association",
        "Home.Nat",
        "Home.PublicDefault",
        "Home.PublicAssociation",
        "Home.Attachment",
    } <= route.cites


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("Private2Default", "subnet Home.Private2 has no route to sns"),
        ("Private2Association", "subnet Home.Private2 has no route to sns"),
        ("Nat", "no default route to a NAT gateway"),
        ("PublicDefault", "the subnet of Home.Nat has no route to an attached internet gateway"),
        ("Attachment", "the subnet of Home.Nat has no route to an attached internet gateway"),
    ],
)
def test_a_missing_part_of_the_way_out_is_named(gone: str, said: str) -> None:
    route = network(lambda home: home.pop(gone)).to_the_internet(KEEPER, 443, "sns")
    assert said in "; ".join(route.missing)


def test_a_group_without_egress_keeps_the_caller_in() -> None:
    def change(home: Resources) -> None:
        home["Clients"]["Properties"]["SecurityGroupEgress"] = NOTHING_OUT

    changed = network(change)
    (out,) = changed.to_the_internet(KEEPER, 443, "sns").missing
    assert out.startswith("no egress rule of Home.Clients lets the caller out to sns at port 443")
    assert "no egress rule" in changed.to_store(KEEPER, DATABASE).missing[0]


def test_a_group_whose_template_lists_no_egress_has_ec2s_own_rule() -> None:
    """A rule that stands alone (N20) leaves it there."""

    def change(home: Resources) -> None:
        del home["Clients"]["Properties"]["SecurityGroupEgress"]

    route = network(change).to_store(KEEPER, DATABASE)
    assert (route.missing, route.cites) == ((), frozenset({"Home.FromClients"}))


@pytest.mark.parametrize(
    "change",
    [
        lambda home: home.pop("FromClients"),
        lambda home: home["FromClients"]["Properties"].update(FromPort=5431, ToPort=5431),
        lambda home: home["FromClients"]["Properties"].update(IpProtocol="udp"),
        lambda home: home["FromClients"]["Properties"].update(
            SourceSecurityGroupId=arn_of("StoreGroup", "GroupId")
        ),
    ],
    ids=["none", "another port", "another protocol", "another group"],
)
def test_a_store_without_ingress_for_the_caller_is_not_reached(change: Change) -> None:
    (said,) = network(change).to_store(KEEPER, DATABASE).missing
    assert said.startswith("no ingress rule of Home.StoreGroup lets the caller in to Home.Database")


def test_a_range_must_hold_every_subnet_of_the_caller() -> None:
    def change(home: Resources) -> None:
        rule = home["FromClients"]["Properties"]
        del rule["SourceSecurityGroupId"]
        rule["CidrIp"] = "10.20.16.0/20"

    assert network(change).to_store(KEEPER, DATABASE).missing
    both = Placement(("Home.Private1",), KEEPER.groups)
    assert network(change).to_store(both, DATABASE).missing == ()


def with_endpoint(**more: object) -> Change:
    """SNS by an endpoint whose group lets the network in."""

    def change(home: Resources) -> None:
        home["EndpointGroup"] = endpoint_group(FROM_THE_NETWORK)
        home["Topics"] = endpoint("sns", **more)

    return change


def test_an_endpoint_with_private_dns_takes_the_services_name() -> None:
    route = network(with_endpoint()).to_service(KEEPER, "sns", "sns")
    assert (route.by, route.endpoint, route.missing) == ("interface endpoint", "Home.Topics", ())
    assert "Home.EndpointGroup/SecurityGroupIngress/0" in route.cites
    assert network(with_endpoint()).to_service(KEEPER, "kms", "kms").by == "NAT"


def test_an_endpoint_that_lets_nobody_in_cuts_the_service_off_although_there_is_nat() -> None:
    def change(home: Resources) -> None:
        with_endpoint()(home)
        home["EndpointGroup"] = endpoint_group()

    (said,) = network(change).to_service(KEEPER, "sns", "sns").missing
    assert said.startswith("no ingress rule of Home.EndpointGroup lets the caller in")


def test_without_dns_host_names_a_name_does_not_lead_to_its_endpoint() -> None:
    def change(home: Resources) -> None:
        with_endpoint()(home)
        home["Vpc"]["Properties"]["EnableDnsHostnames"] = False

    (said,) = network(change).to_service(KEEPER, "sns", "sns").missing
    assert "does not resolve to its endpoint" in said


def gateway(*tables: str) -> Change:
    """DynamoDB by a gateway endpoint in these route tables."""

    def change(home: Resources) -> None:
        home["Tables"] = made(
            "EC2::VPCEndpoint",
            VpcId=ref("Vpc"),
            ServiceName={"Fn::Join": ["", ["com.amazonaws.", ref("AWS::Region"), ".dynamodb"]]},
            RouteTableIds=[ref(one) for one in tables],
        )

    return change


def test_a_gateway_endpoint_serves_the_subnets_of_its_route_tables_only() -> None:
    whole = network(gateway("Private1Table", "Private2Table")).to_service(KEEPER, "dynamodb", "it")
    assert "Home.Nat" not in whole.cites
    half = network(gateway("Private1Table")).to_service(KEEPER, "dynamodb", "it")
    assert {"Home.Tables", "Home.Nat", "Home.Private2Default"} <= half.cites

    def change(home: Resources) -> None:
        gateway("Private1Table")(home)
        del home["Private2Default"]

    assert network(change).to_service(KEEPER, "dynamodb", "it").missing


def peered(change: Callable[[Resources, Resources], object] | None = None) -> Network:
    """Both networks with a peering connection, routes both ways and a rule for the caller's range."""
    home, standby = region(HOME), region(STANDBY)
    home["Peering"] = made("EC2::VPCPeeringConnection", VpcId=ref("Vpc"), PeerRegion=STANDBY)
    for name in ("Private1", "Private2"):
        home[f"{name}There"] = made(
            "EC2::Route",
            RouteTableId=ref(f"{name}Table"),
            DestinationCidrBlock="10.30.0.0/16",
            VpcPeeringConnectionId=ref("Peering"),
        )
    standby["PeeringId"] = {
        "Type": "Custom::PeerAttribute",
        "Properties": {"Attribute": "peering-id", "PeerRegion": HOME, "Name": "network"},
    }
    standby["Back"] = made(
        "EC2::Route",
        RouteTableId=ref("StoreTable"),
        DestinationCidrBlock="10.20.0.0/16",
        VpcPeeringConnectionId=arn_of("PeeringId", "Value"),
    )
    standby["FromThePeer"] = made(
        "EC2::SecurityGroupIngress",
        GroupId=arn_of("StoreGroup", "GroupId"),
        CidrIp="10.20.0.0/16",
        IpProtocol="tcp",
        FromPort=5432,
        ToPort=5432,
    )
    if change:
        change(home, standby)
    return Network(world(home, standby))


def test_a_peered_store_is_reached_by_routes_both_ways() -> None:
    route = peered().to_store(KEEPER, PEER)
    assert (route.by, route.missing) == ("peering", ())
    assert {
        "Home.Private1There",
        "Home.Private2There",
        "Home.Peering",
        "Standby.Back",
        "Standby.StoreAssociation",
        "Standby.FromThePeer",
    } <= route.cites


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda home, _: home.pop("Private2There"), "subnet Home.Private2 has no route there"),
        (lambda _, there: there.pop("Back"), "subnet Standby.Store has no route back"),
        (lambda home, _: home.pop("Peering"), "has no route there to Standby.Database"),
        (lambda _, there: there.pop("FromThePeer"), "no ingress rule of Standby.StoreGroup"),
    ],
)
def test_each_part_of_a_peering_is_needed(
    change: Callable[[Resources, Resources], object], said: str
) -> None:
    assert said in "; ".join(peered(change).to_store(KEEPER, PEER).missing)


def test_a_group_of_another_region_is_no_source_of_a_rule() -> None:
    """EC2 does not take one over an inter-Region peering ("Update your security groups to reference peer
    security groups", VPC Peering Guide)."""

    def change(_: Resources, standby: Resources) -> None:
        rule = standby["FromThePeer"]["Properties"]
        del rule["CidrIp"]
        rule["SourceSecurityGroupId"] = "Home.Clients.GroupId"

    assert "no ingress rule" in "; ".join(peered(change).to_store(KEEPER, PEER).missing)


def test_egress_by_group_reaches_what_is_in_the_group() -> None:
    def change(home: Resources) -> None:
        home["Clients"]["Properties"]["SecurityGroupEgress"] = NOTHING_OUT
        home["Out"] = made(
            "EC2::SecurityGroupEgress",
            GroupId=arn_of("Clients", "GroupId"),
            DestinationSecurityGroupId=arn_of("StoreGroup", "GroupId"),
            IpProtocol="tcp",
            FromPort=5432,
            ToPort=5432,
        )

    route = network(change).to_store(KEEPER, DATABASE)
    assert (route.missing, route.cites) == ((), frozenset({"Home.Out", "Home.FromClients"}))
