"""The way between the two regions' networks: MirrorMaker reads the peer's log over it, the fence signs in."""

from __future__ import annotations

from aws_cdk import CfnTag
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from lifeline.foundation.peer_lookup import PeerAttribute, PeerLookup
from lifeline.site import Site
from lifeline.streaming.kafka_log import IAM_PORT
from lifeline.streaming.replicated_log import ReplicatedLog


class LogPeering(Construct):
    """A peering connection, made at home and used from both sides; routes to the peer's literal range.

    It makes sense between two networks of the platform only: each side knows the other's range from the
    number of its region (`Network`). Home's Replication stack deploys first (it makes the connection,
    which the account accepts by itself) and is deleted last. Brokers' names resolve to private addresses
    everywhere, so there is no DNS to set up. The log lets the peer's network in at its one port, and with
    `FencePath` the database does; a client there still has to sign in.

    Covers: replication without the public internet. Does not cover: the loss of the peer; nothing in this
    region but replication and the fence uses the connection, and neither is waited for (B19, D7).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        vpc: ec2.IVpc,
        log: ReplicatedLog | None,
        peer_lookup: PeerLookup,
    ) -> None:
        """`vpc`: of `log`; a `Network`'s, as both sides know each other's range by the region's number.

        `log` lets the peer's network in; None: MSK Replicator reads it by private links.
        """
        super().__init__(scope, construct_id)
        site = self._site = Site.of(self, site)
        self.peer_cidr = f"10.{site.peer.region.second_octet}.0.0/16"
        self.peering_id = (
            self._connection(site, vpc, peer_lookup)
            if site.is_home
            else peer_lookup.attribute(PeerAttribute.PEERING_ID)
        )
        for kind, subnets in (("Workload", vpc.private_subnets), ("Store", vpc.isolated_subnets)):
            for number, subnet in enumerate(subnets, start=1):
                ec2.CfnRoute(
                    self,
                    f"{kind}Route{number}",
                    route_table_id=subnet.route_table.route_table_id,
                    destination_cidr_block=self.peer_cidr,
                    vpc_peering_connection_id=self.peering_id,
                )
        if log is not None:
            self._let_in(log)

    def _let_in(self, log: ReplicatedLog) -> None:
        ec2.CfnSecurityGroupIngress(
            self,
            "FromThePeer",
            group_id=log.group.security_group_id,
            cidr_ip=self.peer_cidr,
            ip_protocol="tcp",
            from_port=IAM_PORT,
            to_port=IAM_PORT,
            description=f"The replicator of {self._site.peer.region.name}",
        )

    def _connection(self, site: Site, vpc: ec2.IVpc, peer_lookup: PeerLookup) -> str:
        made = ec2.CfnVPCPeeringConnection(
            self,
            "Connection",
            vpc_id=vpc.vpc_id,
            peer_vpc_id=peer_lookup.attribute(PeerAttribute.NETWORK_ID),
            peer_region=site.peer.region.name,
            tags=[CfnTag(key="Name", value=site.names.regional_name("log-peering"))],
        )
        return made.ref
