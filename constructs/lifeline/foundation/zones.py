"""How many availability zones a store needs under it, said in a sentence when they are not there."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from constructs import Construct


def require_zones(scope: Construct, subnets: ec2.SelectedSubnets, least: int, why: str) -> None:
    """Raises ValueError when `subnets` lie in fewer than `least` zones.

    A VPC in a plain `cdk.Stack` without account and region gets two zones, whatever `max_azs` says.
    """
    zones = sorted(set(subnets.availability_zones))
    if len(zones) < least:
        raise ValueError(
            f"{scope.node.path} would stand in {len(zones)} availability zones; {why} needs at least "
            f"{least}. Give the VPC `availability_zones`, or its stack an account and a region: without "
            "them the CDK assumes two zones, whatever `max_azs` says."
        )


def store_subnets(scope: Construct, vpc: ec2.IVpc) -> ec2.SubnetSelection:
    """Where a store stands in anybody's VPC: isolated subnets, else private ones.

    Raises ValueError for a VPC that has only public subnets.
    """
    if vpc.isolated_subnets:
        return ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    if vpc.private_subnets:
        return ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
    raise ValueError(
        f"{scope.node.path} found only public subnets in its VPC; patient data takes isolated or private "
        "ones (PRIVATE_ISOLATED, PRIVATE_WITH_EGRESS)."
    )
