"""What the step `fence` needs between the regions: a way into the database here, a sign-in to the peer's."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.data.database_member import IGlobalDatabase
from lifeline.foundation.function import Function, allow
from lifeline.foundation.peer_lookup import PeerAttribute, PeerLookup
from lifeline.site import Site


class FencePath(Construct):
    """Lets the peer's network in to this region's database, and this region's step sign in to the peer's.

    One in each region, where the networks are peered and a witness's directory says where the peer's
    database is. RDS makes up the id that a sign-in names, so `peer_lookup` asks for it at deploy time.

    Covers: a region that is left while it still answers (a planned switch, a wrong configuration, a
    failback): its database gets the new epoch (A8). Does not cover: a lost region, whose writer stops by
    itself (A1); a peer that was built anew, until this stack is deleted and deployed again.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        database: IGlobalDatabase,
        step: Function,
        peer_cidr: str,
        peer_lookup: PeerLookup,
    ) -> None:
        """`step`: runs the plan's steps in this region. Raises ValueError for a database without a group."""
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        groups = database.connections.security_groups
        if not groups:
            raise ValueError(
                f"{self.node.path} was given a database without a security group, into which nobody can "
                "be let; give the database its `security_group`."
            )
        ec2.CfnSecurityGroupIngress(
            self,
            "FromThePeer",
            group_id=groups[0].security_group_id,
            cidr_ip=peer_cidr,
            ip_protocol="tcp",
            from_port=database.port,
            to_port=database.port,
            description=f"The fence of {site.peer.region.name}",
        )
        # A policy of its own: the id is known only when the peer stands, long after the function is made.
        policy = iam.ManagedPolicy(
            self,
            "Policy",
            roles=[step.role],
            description="The fence signs in to the peer's database",
        )
        resource_id = peer_lookup.attribute(PeerAttribute.DATABASE_RESOURCE_ID)
        allow(
            policy,
            "SignInToThePeersDatabase",
            ["rds-db:connect"],
            [site.peer.arn("rds-db", f"dbuser:{resource_id}/{database.user}")],
        )
