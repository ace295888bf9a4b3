"""The API of one region: events go straight into the stream, reads go to the query API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Unpack

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from lifeline.application.edge_identity import READ, WRITE, EdgeIdentity
from lifeline.application.private_balancer import PrivateBalancer
from lifeline.application.put_records import ANSWERS, REQUEST_SCHEMA, put_records_integration
from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.foundation.metric_options import MetricOptions, metric
from lifeline.foundation.provisioner import Provisioner
from lifeline.lambdas.contracts.query_api import TOKEN_HEADER
from lifeline.site import Site
from lifeline.streaming.event_stream import IEventStream

STAGE = "live"
TLS_POLICY = "SecurityPolicy_TLS13_1_3_2025_09"
"""TLS 1.3 and nothing older. An enhanced policy wants an access mode beside it."""
ACCESS_MODE = "STRICT"
"""The name in the TLS handshake must be the name that is asked for, at a regional endpoint."""
READ_TIMEOUT_SECONDS = 3
CREDENTIALS = "request.header.Authorization"

ACCESS_LOG_FIELDS = {
    "requestId": "$context.requestId",
    "requestTime": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "client": "$context.authorizer.claims.client_id",
    "httpMethod": "$context.httpMethod",
    "resourcePath": "$context.resourcePath",
    "protocol": "$context.protocol",
    "tlsVersion": "$context.tlsVersion",
    "status": "$context.status",
    "errorType": "$context.error.responseType",
    "wafStatus": "$context.waf.status",
    "integrationStatus": "$context.integration.status",
    "integrationLatencyMs": "$context.integration.latency",
    "responseLatencyMs": "$context.responseLatency",
    "responseLength": "$context.responseLength",
}
"""No body, no token, no query; the path as the API defines it (`/v1/events/{eventId}`), not as it came."""

REFUSAL = '{"error": "$context.error.responseType", "requestId": "$context.requestId"}'
"""What the API itself answers: a word such as THROTTLED or UNAUTHORIZED, and nothing from the inside."""


class EventsApi(Construct):
    """`POST /v1/events`, `GET /health`, `/v1/watermark`, `/v1/events/{eventId}`, a patient's vital signs.

    Callers bring a token of this region's pool: `events/write` to post, `events/read` to read; `/health`
    is open, because probes and edges ask it to find out where to go.

    Covers: a service that is down while events come in (they do not pass through it). Does not cover: the
    loss of the region: edges hold both regions' endpoints. The stage's throttle holds for all callers
    together.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        vpc: ec2.IVpc,
        vpc_subnets: ec2.SubnetSelection | None = None,
        stream: IEventStream,
        query_api: ecs.FargateService,
        watermark: ecs.FargateService | None = None,
        identity: EdgeIdentity,
        keys: Keys | None = None,
    ) -> None:
        """Raises ValueError for surroundings in which it could not stand.

        `vpc_subnets`: of the load balancer in front of the query API; private ones by default. `watermark`:
        what answers health and watermark, where the query API may have no task.
        """
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self._site = site
        self.name = site.names.regional_name("events-api")
        self._private = PrivateBalancer(
            self,
            "Private",
            site=site,
            vpc=vpc,
            vpc_subnets=vpc_subnets,
            query_api=query_api,
            watermark=watermark,
        )
        self.query_api_url = self._private.url
        self.api = self._rest_api(stream, self._access_log(keys))
        self.url = (
            f"https://{self.api.rest_api_id}.execute-api.{site.region.name}.amazonaws.com/{STAGE}"
        )
        self.stage_arn = self.api.deployment_stage.stage_arn
        # The service would make this group itself: without our key, for ever, and left by a destruction.
        execution_logs = log_group(
            self,
            "ExecutionLogs",
            site=site,
            keys=keys,
            name=f"API-Gateway-Execution-Logs_{self.api.rest_api_id}/{STAGE}",
        )
        acknowledge(
            execution_logs,
            "LifelineContinuity-NameWithoutSuffix",
            reason="API Gateway gives this name: it holds the API's own id, which one environment has alone.",
        )
        self.api.deployment_stage.node.add_dependency(execution_logs)
        self._authorizer = apigateway.CognitoUserPoolsAuthorizer(
            self,
            "Authorizer",
            authorizer_name=site.names.regional_name("edges"),
            cognito_user_pools=[
                cognito.UserPool.from_user_pool_arn(self, "Pool", identity.pool_arn)
            ],
            results_cache_ttl=Duration.minutes(5),
        )
        self._link = apigateway.VpcLink(
            self,
            "Link",
            vpc_link_name=site.names.regional_name("query-api"),
            targets=[self._private.balancer],
        )
        self._write(stream, keys)
        self._take_own_certificates(self._reads(), keys)
        self._refusals()
        self._acknowledge()

    def metric_latency_p95(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Milliseconds from request to answer, the slowest twentieth."""
        return self._metric("Latency", "p95", **options)

    def metric_server_errors(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Answers 5xx a minute."""
        return self._metric("5XXError", "Sum", **options)

    def metric_client_errors(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Answers 4xx a minute."""
        return self._metric("4XXError", "Sum", **options)

    def metric_requests(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Requests a minute."""
        return self._metric("Count", "Sum", **options)

    def _metric(
        self, name: str, default: str, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        return metric(
            "AWS/ApiGateway",
            name,
            {"ApiName": self.name, "Stage": STAGE},
            default_statistic=default,
            **options,
        )

    def _access_log(self, keys: Keys) -> logs.LogGroup:
        return log_group(
            self,
            "AccessLog",
            site=self._site,
            keys=keys,
            name=f"/lifeline/{self.name}",
        )

    def _rest_api(self, stream: IEventStream, access_log: logs.LogGroup) -> apigateway.RestApi:
        api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=self.name,
            description="Events in, what is safe out.",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            # It is one an account and region, and no environment's (ApiLogRole).
            cloud_watch_role=False,
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE,
                variables={
                    "stream": stream.stream_name,
                    "incarnation": stream.incarnation,
                    "region": self._site.region.name,
                },
                throttling_rate_limit=self._site.settings.capacity.requests_per_second,
                throttling_burst_limit=self._site.settings.capacity.burst_requests,
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,
                metrics_enabled=True,
                tracing_enabled=True,
                access_log_destination=apigateway.LogGroupLogDestination(access_log),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG_FIELDS)),
            ),
        )
        resource = api.node.default_child
        assert isinstance(resource, apigateway.CfnRestApi)
        resource.security_policy = TLS_POLICY
        resource.endpoint_access_mode = ACCESS_MODE
        return api

    def _write(self, stream: IEventStream, keys: Keys) -> None:
        role = iam.Role(
            self,
            "PutRole",
            role_name=self._site.names.cross_region_name("events-api", "role"),
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
        events.add_method(
            "POST",
            put_records_integration(role.without_policy_updates()),
            authorization_type=apigateway.AuthorizationType.COGNITO,
            authorizer=self._authorizer,
            authorization_scopes=[WRITE],
            request_models={"application/json": model},
            request_validator=validator,
            method_responses=[apigateway.MethodResponse(status_code=one) for one in ANSWERS],
        )

    def _reads(self) -> list[apigateway.Method]:
        version = self.api.root.resource_for_path("/v1")
        health = self._read(self.api.root.add_resource("health"), "/health", open_to_all=True)
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
        patient = version.add_resource("patients").add_resource("{patientId}")
        vital_signs = self._read(
            patient.add_resource("vital-signs"),
            "/v1/patients/{patientId}/vital-signs",
            parameter="patientId",
        )
        return [health, watermark, event, vital_signs]

    def _take_own_certificates(self, reads: Sequence[apigateway.Method], keys: Keys | None) -> None:
        """The tasks' certificates are of no public authority; each deployment has the patched methods."""
        provider = Provisioner(
            self,
            "ReadsTls",
            site=self._site,
            package="integration_tls",
            description="Lets the API take the query API's own certificates",
            keys=keys,
        )
        own = f"arn:{self._site.partition}:apigateway:{self._site.region.name}::/restapis"
        provider.allow(
            "PatchIntegrations",
            ["apigateway:PATCH"],
            [
                f"{own}/{self.api.rest_api_id}/resources/{read.resource.resource_id}"
                "/methods/GET/integration"
                for read in reads
            ],
        )
        deployment = self.api.latest_deployment
        assert deployment is not None
        made = deployment.node.default_child
        assert isinstance(made, apigateway.CfnDeployment)
        patched = provider.resource(
            "Patched",
            resource_type="IntegrationTls",
            properties={
                "ApiId": self.api.rest_api_id,
                "ResourceIds": [read.resource.resource_id for read in reads],
                # Updating a method may take the patch away; this id changes whenever a method does.
                "Deployment": made.logical_id,
            },
        )
        patched.node.add_dependency(*reads)
        deployment.node.add_dependency(patched)

    def _read(
        self,
        resource: apigateway.IResource,
        path: str,
        *,
        open_to_all: bool = False,
        parameter: str | None = None,
    ) -> apigateway.Method:
        place = "request.path." + parameter if parameter else None
        asked = apigateway.AuthorizationType
        return resource.add_method(
            "GET",
            apigateway.Integration(
                type=apigateway.IntegrationType.HTTP_PROXY,
                integration_http_method="GET",
                uri=f"{self._private.events_url if parameter else self._private.tls_url}{path}",
                options=apigateway.IntegrationOptions(
                    connection_type=apigateway.ConnectionType.VPC_LINK,
                    vpc_link=self._link,
                    timeout=Duration.seconds(READ_TIMEOUT_SECONDS),
                    request_parameters=(
                        {
                            f"integration.{place}": f"method.{place}",
                            # By a name of its own: `Authorization` may be renamed on the way.
                            f"integration.request.header.{TOKEN_HEADER}": f"method.{CREDENTIALS}",
                        }
                        if place
                        else None
                    ),
                ),
            ),
            authorization_type=asked.NONE if open_to_all else asked.COGNITO,
            authorizer=None if open_to_all else self._authorizer,
            authorization_scopes=None if open_to_all else [READ],
            request_parameters=(
                {f"method.{place}": True, f"method.{CREDENTIALS}": False} if place else None
            ),
        )

    def _refusals(self) -> None:
        for name, kind in (
            ("ClientError", apigateway.ResponseType.DEFAULT_4_XX),
            ("ServerError", apigateway.ResponseType.DEFAULT_5_XX),
        ):
            self.api.add_gateway_response(name, type=kind, templates={"application/json": REFUSAL})

    def _acknowledge(self) -> None:
        """Findings of the whole API; the ones of single methods stand beside the methods."""
        stage = self.api.deployment_stage
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
