"""Who may reach a store: the CDK's `Connections` of its security group, at its port."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2


def connections_of(group: ec2.ISecurityGroup | None, port: int) -> ec2.Connections:
    """Of a store in `group`; without one they open nothing.

    A store makes them once and always answers with the same: while the CDK writes a rule that spans two
    stacks it notes in them which of the two the rule belongs to.
    """
    return ec2.Connections(
        security_groups=[] if group is None else [group], default_port=ec2.Port.tcp(port)
    )
