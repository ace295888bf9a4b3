"""The network of one region: private subnets in three zones, and who may talk to which store."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from lifeline.capacity import AVAILABILITY_ZONES
from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_retention import retention_of
from lifeline.site import Site

INTERFACE_ENDPOINTS = {
    "KinesisEndpoint": ec2.InterfaceVpcEndpointAwsService.KINESIS_STREAMS,
    "ImageApiEndpoint": ec2.InterfaceVpcEndpointAwsService.ECR,
    "ImageEndpoint": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "LogsEndpoint": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "KeysEndpoint": ec2.InterfaceVpcEndpointAwsService.KMS,
}


class Network(Construct):
    """A VPC with a literal address range of its own region.

    Stores let in *groups*, not addresses: a workload joins `database_clients` or `log_clients`.
    Covers: the loss of a zone (three of them; in production a NAT gateway in each). Does not cover: the
    loss of the one NAT gateway in dev and staging, which stops keepers: the standby then decides.
    """

    def __init__(self, scope: Construct, construct_id: str, *, site: Site, keys: Keys) -> None:
        super().__init__(scope, construct_id)
        self.cidr = f"10.{site.region.second_octet}.0.0/16"
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name=site.names.here("network"),
            ip_addresses=ec2.IpAddresses.cidr(self.cidr),
            max_azs=AVAILABILITY_ZONES,
            nat_gateways=site.settings.profile.nat_gateways,
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Public",
                    subnet_type=ec2.SubnetType.PUBLIC,
                    cidr_mask=24,
                    map_public_ip_on_launch=False,
                ),
                ec2.SubnetConfiguration(
                    name="Private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=20
                ),
            ],
            gateway_endpoints={
                "ObjectsEndpoint": ec2.GatewayVpcEndpointOptions(
                    service=ec2.GatewayVpcEndpointAwsService.S3
                ),
                "TablesEndpoint": ec2.GatewayVpcEndpointOptions(
                    service=ec2.GatewayVpcEndpointAwsService.DYNAMODB
                ),
            },
        )
        self.database_clients = self._group(
            "DatabaseClients", "May connect to the database of this region."
        )
        self.log_clients = self._group("LogClients", "May connect to the log of this region.")
        if site.settings.profile.interface_endpoints:
            self._add_interface_endpoints()
        self._record_flows(site, keys)
        self._acknowledge_routes()

    def _group(self, construct_id: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, construct_id, vpc=self.vpc, description=description, allow_all_outbound=True
        )

    def _add_interface_endpoints(self) -> None:
        group = self._group("Endpoints", "AWS services inside the network.")
        group.add_ingress_rule(ec2.Peer.ipv4(self.cidr), ec2.Port.tcp(443), "From the network")
        for construct_id, service in INTERFACE_ENDPOINTS.items():
            self.vpc.add_interface_endpoint(
                construct_id,
                service=service,
                security_groups=[group],
                open=False,
                private_dns_enabled=True,
            )

    def _record_flows(self, site: Site, keys: Keys) -> None:
        group = logs.LogGroup(
            self,
            "Flows",
            log_group_name=f"/lifeline/{site.names.here('flows')}",
            encryption_key=keys.logs,
            retention=retention_of(site.settings.profile.log_retention_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = iam.Role(
            self, "FlowsRole", assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com")
        )
        policy = iam.ManagedPolicy(self, "FlowsPolicy", roles=[role])
        allow(
            policy,
            "WriteFlows",
            ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            [group.log_group_arn],
        )
        acknowledge(
            policy,
            "AwsSolutions-IAM5[Resource::<NetworkFlows5E2F8E6B.Arn>]",
            reason="The ARN that CloudFormation returns for a log group ends in :*, its streams.",
        )
        record = ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_id=self.vpc.vpc_id,
            resource_type="VPC",
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_group_name=group.log_group_name,
            deliver_logs_permission_arn=role.role_arn,
        )
        record.node.add_dependency(policy, group)

    def _acknowledge_routes(self) -> None:
        for subnet in self.vpc.public_subnets:
            acknowledge(
                subnet.node.find_child("DefaultRoute"),
                "VPCNoUnrestrictedRouteToIGW",
                reason="The public subnets hold NAT gateways only: keepers reach the witness and "
                "the other region through them. No workload has a public address.",
            )
