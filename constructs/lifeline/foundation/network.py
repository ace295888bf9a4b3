"""The network of one region: private subnets in three zones, and who may talk to which store."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.capacity import AVAILABILITY_ZONES
from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.foundation.zones import require_zones
from lifeline.site import Site

_SERVICE = ec2.InterfaceVpcEndpointAwsService
INTERFACE_ENDPOINTS = {
    "KinesisEndpoint": _SERVICE.KINESIS_STREAMS,
    "ImageApiEndpoint": _SERVICE.ECR,
    "ImageEndpoint": _SERVICE.ECR_DOCKER,
    "LogsEndpoint": _SERVICE.CLOUDWATCH_LOGS,
    "MetricsEndpoint": _SERVICE.CLOUDWATCH_MONITORING,
    "KeysEndpoint": _SERVICE.KMS,
    "SecretsEndpoint": _SERVICE.SECRETS_MANAGER,
    "TokensEndpoint": _SERVICE.STS,
    "PlansEndpoint": _SERVICE.STEP_FUNCTIONS,
    "DatabasesEndpoint": _SERVICE.RDS,
    "CachesEndpoint": _SERVICE.ELASTICACHE,
    "FilesEndpoint": _SERVICE.ELASTIC_FILESYSTEM,
    "ServicesEndpoint": _SERVICE.ECS,
    "TopicsEndpoint": _SERVICE.SNS,
}
"""Every service that functions and tasks in the network call. Not among them: Cognito, whose client
credentials do not work through an endpoint; SSM, which says where the cache is and nothing else; the API
itself, whose endpoint would hide the public name from the probes; Lambda, which only a plan with further
steps calls, without patient data; Glue, which nothing in the network calls."""

OBJECTS_ENDPOINT = "ObjectsEndpoint"
GATEWAY_ENDPOINTS = {
    OBJECTS_ENDPOINT: ec2.GatewayVpcEndpointAwsService.S3,
    "TablesEndpoint": ec2.GatewayVpcEndpointAwsService.DYNAMODB,
}


class Network(Construct):
    """A VPC with a literal address range of its own region.

    The stacks let groups into the stores, not addresses: a workload joins `database_clients`, `log_clients`,
    `cache_clients` or `file_clients`. Workloads live in private subnets, stores in isolated ones.
    Covers: the loss of a zone (three of them; in production a NAT gateway in each); patient data on the
    way to an AWS service (it takes an endpoint, which serves this account's principals and resources
    only). Does not cover: the loss of the one NAT gateway in dev and staging, which stops keepers: the
    standby then decides; a profile without interface endpoints, whose calls go out through NAT.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self.cidr = f"10.{site.region.second_octet}.0.0/16"
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name=site.names.regional_name("network"),
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
                ec2.SubnetConfiguration(
                    name="Store", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=22
                ),
            ],
        )
        stores = self.vpc.select_subnets(subnet_type=self.store_subnets.subnet_type)
        require_zones(self, stores, AVAILABILITY_ZONES, "a network that outlives a zone")
        self._add_gateway_endpoints(site)
        self.database_clients = self._group(
            "DatabaseClients", "May connect to the database of this region."
        )
        self.log_clients = self._group("LogClients", "May connect to the log of this region.")
        self.cache_clients = self._group("CacheClients", "May connect to the cache of this region.")
        self.file_clients = self._group("FileClients", "May mount the files of this region.")
        if site.settings.profile.interface_endpoints:
            self._add_interface_endpoints(site)
        self._record_flows(site, keys)
        self._acknowledge_routes()

    @property
    def workload_subnets(self) -> ec2.SubnetSelection:
        """Private, with a way out through NAT: for functions and tasks."""
        return ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)

    @property
    def store_subnets(self) -> ec2.SubnetSelection:
        """Isolated, without a route to anywhere else: for the database, the log, the cache, the files."""
        return ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)

    def _group(self, construct_id: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, construct_id, vpc=self.vpc, description=description, allow_all_outbound=True
        )

    def _add_gateway_endpoints(self, site: Site) -> None:
        for construct_id, service in GATEWAY_ENDPOINTS.items():
            endpoint = self.vpc.add_gateway_endpoint(construct_id, service=service)
            endpoint.add_to_policy(_own_account(site))
            if construct_id == OBJECTS_ENDPOINT:
                endpoint.add_to_policy(_image_layers(site))

    def _add_interface_endpoints(self, site: Site) -> None:
        group = self._group("Endpoints", "AWS services inside the network.")
        group.add_ingress_rule(ec2.Peer.ipv4(self.cidr), ec2.Port.tcp(443), "From the network")
        statement = _own_account(site)
        for construct_id, service in INTERFACE_ENDPOINTS.items():
            self.vpc.add_interface_endpoint(
                construct_id,
                service=service,
                security_groups=[group],
                subnets=self.workload_subnets,
                open=False,
                private_dns_enabled=True,
            ).add_to_policy(statement)

    def _record_flows(self, site: Site, keys: Keys) -> None:
        group = log_group(
            self,
            "Flows",
            site=site,
            keys=keys,
            name=f"/lifeline/{site.names.regional_name('flows')}",
        )
        role = iam.Role(
            self,
            "FlowsRole",
            role_name=site.names.cross_region_name("flows", "role"),
            description="The network's flow logs are written (runs as this role)",
            assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com"),
        )
        policy = iam.ManagedPolicy(self, "FlowsPolicy", roles=[role])
        allow(
            policy,
            "WriteFlows",
            ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            [group.log_group_arn],
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


def _own_account(site: Site) -> iam.PolicyStatement:
    """Only principals of this account, only at resources of this account where a call names one.

    An endpoint's policy grants nothing: it bounds what the callers' own policies allow, hence its stars.
    """
    return iam.PolicyStatement(
        sid="OwnAccountOnly",
        principals=[iam.AnyPrincipal()],
        actions=["*"],
        resources=["*"],
        conditions={
            "StringEquals": {"aws:PrincipalAccount": site.account},
            "StringEqualsIfExists": {"aws:ResourceAccount": site.account},
        },
    )


def _image_layers(site: Site) -> iam.PolicyStatement:
    """The registry keeps the layers of images in a bucket of its own, read with a signed address."""
    return iam.PolicyStatement(
        sid="ImageLayers",
        principals=[iam.AnyPrincipal()],
        actions=["s3:GetObject"],
        resources=[site.bucket_arn(f"prod-{site.region.name}-starport-layer-bucket", "*")],
    )
