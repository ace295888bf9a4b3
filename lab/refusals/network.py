"""What EC2 refuses."""

from __future__ import annotations

from ipaddress import IPv4Network

from lab.refusals.row import Row
from lab.refusals.situation import Case, Resource

SUBNET, VPC, ENDPOINT = "AWS::EC2::Subnet", "AWS::EC2::VPC", "AWS::EC2::VPCEndpoint"
PEERING = "AWS::EC2::VPCPeeringConnection"
GUIDE = "https://docs.aws.amazon.com/vpc/latest"


def _range(one: Resource) -> IPv4Network | None:
    try:
        return IPv4Network(one.text("CidrBlock"))
    except ValueError:
        return None


def _outside(case: Case) -> object:
    own = _range(case.resource)
    for vpc in case.situation.of_type(VPC):
        around = _range(vpc)
        if case.resource.refers_to(vpc) and own and around and not own.subnet_of(around):
            return f"{own} in {around}"
    return False


def _overlaps(case: Case) -> str:
    own, subnets = _range(case.resource), case.situation.of_type(SUBNET)
    place = [one.logical_id for one in subnets].index(case.resource.logical_id)
    return ", ".join(
        f"{own} and {other.path}"
        for other in subnets[:place]
        if other.body["Properties"].get("VpcId") == case.resource.body["Properties"].get("VpcId")
        and own
        and (theirs := _range(other))
        and own.overlaps(theirs)
    )


def _same_addresses(case: Case) -> str:
    """Peered networks of the environment, where each region has one."""
    peer = case.resource.text("PeerRegion")
    situation = case.situation
    own = situation.of_type(VPC) + situation.beside(VPC, region=situation.region)
    theirs = situation.beside(VPC, region=peer) if peer else []
    if len(own) != 1 or len(theirs) != 1:
        return ""
    here, there = _range(own[0]), _range(theirs[0])
    return f"{here} and {there}" if here and there and here.overlaps(there) else ""


def _no_names(case: Case) -> bool:
    if not case.resource.true("PrivateDnsEnabled"):
        return False
    return any(
        case.resource.refers_to(vpc)
        and (
            str(vpc.at("EnableDnsSupport")).lower() == "false"
            or vpc.at("EnableDnsHostnames") is None
            or str(vpc.at("EnableDnsHostnames")).lower() == "false"
        )
        for vpc in case.situation.of_type(VPC)
    )


def _is_gateway(case: Case) -> bool:
    kind = case.resource.at("VpcEndpointType")
    return kind is None or kind == "Gateway"


ROWS = (
    Row(
        id="subnet-outside-its-network",
        types=(SUBNET,),
        refuses=_outside,
        sentence="A subnet's addresses are a part of its VPC's.",
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html",
    ),
    Row(
        id="subnets-overlap",
        types=(SUBNET,),
        refuses=_overlaps,
        sentence="The subnets of a VPC share no address.",
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html",
    ),
    Row(
        id="peered-networks-overlap",
        types=(PEERING,),
        refuses=_same_addresses,
        sentence="Networks that are peered share no address.",
        source=f"{GUIDE}/peering/vpc-peering-basics.html",
    ),
    Row(
        id="gateway-endpoint-with-groups",
        types=(ENDPOINT,),
        refuses=lambda case: (
            _is_gateway(case)
            and ", ".join(
                name for name in ("SecurityGroupIds", "SubnetIds") if case.resource.given(name)
            )
        ),
        sentence="A gateway endpoint has route tables, no security groups and no subnets.",
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html",
    ),
    Row(
        id="private-names-in-a-network-without-names",
        types=(ENDPOINT,),
        refuses=_no_names,
        sentence="Private DNS of an endpoint takes a VPC with DNS support and DNS host names.",
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html",
    ),
)
