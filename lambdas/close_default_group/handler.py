"""Revoke every rule of a default security group. Run again: nothing is left to revoke."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from lifeline.lambdas.custom_resource.answer import answer_with

CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 3})


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Lambda's entry."""
    answer_with(close_group, event)


def close_group(event: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    """Empty the group on create and update; deleting leaves it empty, it goes with its VPC."""
    group_id = event["ResourceProperties"]["GroupId"]
    if event["RequestType"] != "Delete":
        ec2 = boto3.client("ec2", config=CONFIG)
        group = ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
        if group.get("IpPermissions"):
            ec2.revoke_security_group_ingress(
                GroupId=group_id, IpPermissions=group["IpPermissions"]
            )
        if group.get("IpPermissionsEgress"):
            ec2.revoke_security_group_egress(
                GroupId=group_id, IpPermissions=group["IpPermissionsEgress"]
            )
    return f"closed-{group_id}", {}
