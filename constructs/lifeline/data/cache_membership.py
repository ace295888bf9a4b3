"""A cache's membership of a global datastore, ended before the cache is deleted."""

from __future__ import annotations

from aws_cdk import CfnResource
from aws_cdk import aws_elasticache as elasticache
from constructs import Construct

from lifeline.foundation.keys import Keys
from lifeline.foundation.provisioner import Provisioner
from lifeline.site import Site

PATIENCE_SECONDS = 540
"""How long a deletion waits for the member to leave: three runs. Later it fails, and is repeated."""


class CacheMembership(Construct):
    """Takes the member out of its datastore when it is deleted, and turns Multi-AZ on when it is made.

    ElastiCache deletes no member of a global datastore, and CloudFormation's handler takes none out of it.
    Covers: the destruction of the stack, and its rollback once the member stands. Does not cover: a member
    whose own creation fails half-way, which must be disassociated by hand; the member that takes the
    writes, which leaves last: switch back first (docs/runbooks/destroy.md).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        member: elasticache.CfnReplicationGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        provider = Provisioner(
            self,
            "Provider",
            site=site,
            package="cache_membership",
            description="Takes the cache out of its global datastore before it is deleted",
            keys=keys,
        )
        group = str(member.replication_group_id)
        provider.allow(
            "LeaveTheDatastore",
            [
                "elasticache:DescribeReplicationGroups",
                "elasticache:DisassociateGlobalReplicationGroup",
                "elasticache:ModifyReplicationGroup",
            ],
            [
                site.arn("elasticache", f"replicationgroup:{group}"),
                site.global_arn(
                    "elasticache", f"globalreplicationgroup:{member.global_replication_group_id}"
                ),
            ],
        )
        name = site.names.regional_name("cache-membership", "function")
        provider.allow(
            "CallItselfAgain", ["lambda:InvokeFunction"], [site.arn("lambda", f"function:{name}")]
        )
        made = provider.resource(
            "Left",
            resource_type="CacheMembership",
            properties={"ReplicationGroupId": group, "PatienceSeconds": str(PATIENCE_SECONDS)},
        )
        resource = made.node.default_child
        assert isinstance(resource, CfnResource)
        resource.add_property_override("ServiceTimeout", str(PATIENCE_SECONDS + 60))
        # Made after the member, and so deleted before it.
        made.node.add_dependency(member)
