"""Where stores and workloads stand in anybody's VPC; what it lacks for them is said in a sentence."""

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


def store_subnets(
    scope: Construct,
    vpc: ec2.IVpc,
    chosen: ec2.SubnetSelection | None = None,
    *,
    least_zones: int,
    why: str,
) -> ec2.SelectedSubnets:
    """The `chosen` subnets of a store, one a zone; by default isolated ones, else private ones.

    Raises ValueError for a VPC that has only public subnets, and for fewer than `least_zones`.
    """
    selection = chosen or _of_stores(scope, vpc)
    # One a zone: EFS takes no second mount target there, MSK no second subnet.
    subnets = vpc.select_subnets(
        availability_zones=selection.availability_zones,
        one_per_az=True,
        subnet_filters=selection.subnet_filters,
        subnet_group_name=selection.subnet_group_name,
        subnets=selection.subnets,
        subnet_type=selection.subnet_type,
    )
    require_zones(scope, subnets, least_zones, why)
    return subnets


def workload_subnets(
    scope: Construct, vpc: ec2.IVpc, chosen: ec2.SubnetSelection | None = None
) -> ec2.SubnetSelection:
    """The `chosen` subnets of functions and tasks; by default private ones with a way out.

    Raises ValueError for a VPC that has none: what runs there calls AWS.
    """
    if chosen is not None:
        return chosen
    if not vpc.private_subnets:
        raise ValueError(
            f"{scope.node.path} found no private subnet with a way out in its VPC; what runs there calls "
            "AWS. Give the VPC one (PRIVATE_WITH_EGRESS), or say with `vpc_subnets` which have endpoints."
        )
    return ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)


def _of_stores(scope: Construct, vpc: ec2.IVpc) -> ec2.SubnetSelection:
    if vpc.isolated_subnets:
        return ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    if vpc.private_subnets:
        return ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
    raise ValueError(
        f"{scope.node.path} found only public subnets in its VPC; patient data takes isolated or private "
        "ones (PRIVATE_ISOLATED, PRIVATE_WITH_EGRESS)."
    )
