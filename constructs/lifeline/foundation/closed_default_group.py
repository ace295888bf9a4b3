"""The default security group of a VPC, emptied: nothing that forgets to name a group can talk."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.keys import Keys
from lifeline.foundation.provisioner import Provisioner
from lifeline.site import Site


class ClosedDefaultGroup(Construct):
    """Revokes every rule of the default group when the stack is made.

    Covers: a resource launched without a group. Does not cover: a rule that a person adds later.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        vpc: ec2.Vpc,
        keys: Keys | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        provider = Provisioner(
            self,
            "Provider",
            site=site,
            package="close_default_group",
            description="Empties the default security group",
            keys=keys,
        )
        group = vpc.vpc_default_security_group
        provider.allow(
            "RevokeRules",
            ["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
            [site.arn("ec2", f"security-group/{group}")],
        )
        provider.allow("ReadRules", ["ec2:DescribeSecurityGroups"], ["*"])
        acknowledge(
            provider.policy,
            "AwsSolutions-IAM5[Resource::*]",
            reason="DescribeSecurityGroups takes no narrower resource.",
        )
        provider.resource(
            "Closed", resource_type="ClosedDefaultGroup", properties={"GroupId": group}
        )
        acknowledge(
            vpc.node.default_child or vpc,
            "VPCDefaultSecurityGroupClosed",
            reason="Closed by the custom resource beside it; templates cannot show it.",
        )
