"""The API of one region: events go straight into the stream, reads go to `serve`."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from lifeline.application.put_records import ANSWERS, REQUEST_SCHEMA, put_records_integration
from lifeline.application.services import SERVE_PORT
from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_retention import retention_of
from lifeline.site import Site
from lifeline.streaming.edge_stream import EdgeStream

STAGE = "live"
SIGNED = "Callers are machines that sign with SigV4: no user pool is involved."
REQUESTS_PER_SECOND = 2_500
BURST_REQUESTS = 1_250
"""What API Gateway gives the smaller of the two regions; a request carries up to 500 events."""
READ_TIMEOUT_SECONDS = 3


class EventsApi(Construct):
    """`POST /v1/events`, `GET /health`, `/v1/watermark`, `/v1/events/{eventId}`.

    Covers: a service that is down while events come in (they do not pass through it). Does not cover: the
    loss of the region: edges hold both regions' endpoints. Requests are signed (SigV4), except
    `/health`, which probes and edges read without credentials.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site,
        vpc: ec2.IVpc,
        stream: EdgeStream,
        serve: ecs.FargateService,
        keys: Keys,
    ) -> None:
        super().__init__(scope, construct_id)
        self._site = site
        self._balance(vpc, serve)
        access_log = logs.LogGroup(
            self,
            "AccessLog",
            log_group_name=f"/lifeline/{site.names.here('events-api')}",
            encryption_key=keys.logs,
            retention=retention_of(site.settings.profile.log_retention_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=site.names.here("events-api"),
            description="Events in, what is safe out.",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=RemovalPolicy.DESTROY,
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE,
                variables={
                    "stream": stream.stream_name,
                    "incarnation": stream.incarnation,
                    "region": site.region.name,
                },
                throttling_rate_limit=REQUESTS_PER_SECOND,
                throttling_burst_limit=BURST_REQUESTS,
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,
                metrics_enabled=True,
                tracing_enabled=True,
                access_log_destination=apigateway.LogGroupLogDestination(access_log),
                access_log_format=apigateway.AccessLogFormat.json_with_standard_fields(
                    caller=True,
                    http_method=True,
                    ip=True,
                    protocol=True,
                    request_time=True,
                    resource_path=True,
                    response_length=True,
                    status=True,
                    user=True,
                ),
            ),
        )
        self.url = (
            f"https://{self.api.rest_api_id}.execute-api.{site.region.name}.amazonaws.com/{STAGE}"
        )
        self._link = apigateway.VpcLink(
            self,
            "Link",
            vpc_link_name=site.names.here("serve"),
            targets=[self.balancer],
        )
        self._write(stream, keys)
        self._reads()
        self._acknowledge()

    def _balance(self, vpc: ec2.IVpc, serve: ecs.FargateService) -> None:
        self.balancer = elb.NetworkLoadBalancer(
            self,
            "Balancer",
            load_balancer_name=self._site.names.here("serve", "load-balancer"),
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            internet_facing=False,
            cross_zone_enabled=True,
            deletion_protection=self._site.settings.deletion_protection,
        )
        self.listener = self.balancer.add_listener("Listener", port=SERVE_PORT)
        self.listener.add_targets("Serve", port=SERVE_PORT, targets=[serve])
        self.serve_url = f"http://{self.balancer.load_balancer_dns_name}:{SERVE_PORT}"

    def _write(self, stream: EdgeStream, keys: Keys) -> None:
        role = iam.Role(
            self,
            "PutRole",
            role_name=self._site.names.shared("events-api", "role"),
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
        )
        policy = iam.ManagedPolicy(self, "PutPolicy", roles=[role])
        allow(policy, "PutEvents", ["kinesis:PutRecords"], [stream.stream_arn])
        allow(policy, "EncryptEvents", ["kms:GenerateDataKey"], [keys.data.key_arn])
        model = self.api.add_model(
            "EventsModel",
            model_name="Events",
            content_type="application/json",
            schema=REQUEST_SCHEMA,
        )
        validator = self.api.add_request_validator(
            "BodyValidator", validate_request_body=True, validate_request_parameters=True
        )
        events = self.api.root.add_resource("v1").add_resource("events")
        post = events.add_method(
            "POST",
            put_records_integration(role.without_policy_updates()),
            authorization_type=apigateway.AuthorizationType.IAM,
            request_models={"application/json": model},
            request_validator=validator,
            method_responses=[apigateway.MethodResponse(status_code=one) for one in ANSWERS],
        )
        acknowledge(post, "AwsSolutions-COG4", reason=SIGNED)

    def _reads(self) -> None:
        version = self.api.root.resource_for_path("/v1")
        health = self._read(self.api.root.add_resource("health"), "/health", signed=False)
        acknowledge(
            health,
            "AwsSolutions-APIG4",
            "AwsSolutions-COG4",
            reason="Probes and edges ask without credentials; the answer holds no patient data.",
        )
        watermark = self._read(version.add_resource("watermark"), "/v1/watermark")
        events = version.get_resource("events")
        assert events is not None
        event = self._read(
            events.add_resource("{eventId}"), "/v1/events/{eventId}", parameter="eventId"
        )
        for read in (watermark, event):
            acknowledge(read, "AwsSolutions-COG4", reason=SIGNED)

    def _read(
        self,
        resource: apigateway.IResource,
        path: str,
        *,
        signed: bool = True,
        parameter: str | None = None,
    ) -> apigateway.Method:
        place = "request.path." + parameter if parameter else None
        return resource.add_method(
            "GET",
            apigateway.Integration(
                type=apigateway.IntegrationType.HTTP_PROXY,
                integration_http_method="GET",
                uri=f"{self.serve_url}{path}",
                options=apigateway.IntegrationOptions(
                    connection_type=apigateway.ConnectionType.VPC_LINK,
                    vpc_link=self._link,
                    timeout=Duration.seconds(READ_TIMEOUT_SECONDS),
                    request_parameters=(
                        {f"integration.{place}": f"method.{place}"} if place else None
                    ),
                ),
            ),
            authorization_type=(
                apigateway.AuthorizationType.IAM if signed else apigateway.AuthorizationType.NONE
            ),
            request_parameters={f"method.{place}": True} if place else None,
        )

    def _acknowledge(self) -> None:
        """Findings of the whole API; the ones of single methods stand beside the methods."""
        stage = self.api.deployment_stage
        acknowledge(
            stage,
            "NIST.800.53.R5-APIGWAssociatedWithWAF",
            "AwsSolutions-APIG3",
            reason="Callers are few and sign every request; the web ACL comes with the edge's identity.",
        )
        acknowledge(
            stage,
            "APIGWCacheEnabledAndEncrypted",
            reason="A cache would answer writes and watermarks with what is no longer true.",
        )
        acknowledge(
            stage,
            "APIGWSSLEnabled",
            reason="The back ends are a signed AWS call and a private link; neither asks a client "
            "certificate.",
        )
        acknowledge(
            self.api.node.find_child("CloudWatchRole"),
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
            "AmazonAPIGatewayPushToCloudWatchLogs]",
            reason="API Gateway's one log role of the account and region is meant to have it.",
        )
        acknowledge(
            self.balancer,
            "ELBDeletionProtectionEnabled",
            reason="Everything is destroyable by design; protection is the deletionProtection setting.",
        )
        acknowledge(
            self.balancer,
            "ELBLoggingEnabled",
            "AwsSolutions-ELB2",
            reason="A network load balancer logs TLS listeners only; the API's access log has every call.",
        )
        acknowledge(
            self.listener,
            "ELBv2ACMCertificateRequired",
            reason="Internal, reached over the API's private link and from the region's own functions; "
            "no public name to certify.",
        )
