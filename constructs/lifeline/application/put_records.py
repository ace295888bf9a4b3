"""POST /v1/events: one API call is one Kinesis PutRecords, with no code in between.

The mapping templates are files because the lab's edge gateway renders the very same ones.
"""

from __future__ import annotations

from pathlib import Path

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam

from lifeline.lambdas.failover.event_limits import MAX_AGGREGATE_ID

MAPPING = Path(__file__).parent / "mapping"
MAX_EVENTS = 500

REQUEST_SCHEMA = apigateway.JsonSchema(
    schema=apigateway.JsonSchemaVersion.DRAFT4,
    title="Events",
    type=apigateway.JsonSchemaType.OBJECT,
    required=["events"],
    properties={
        "events": apigateway.JsonSchema(
            type=apigateway.JsonSchemaType.ARRAY,
            min_items=1,
            max_items=MAX_EVENTS,
            items=apigateway.JsonSchema(
                properties={
                    "aggregateId": apigateway.JsonSchema(max_length=MAX_AGGREGATE_ID),
                    "eventText": apigateway.JsonSchema(type=apigateway.JsonSchemaType.STRING),
                }
            ),
        )
    },
)
"""Only what would spoil a whole request is refused here; a malformed event goes to error.dlq (B7)."""

ANSWERS = ("202", "207", "400", "413", "503")


def template(name: str) -> str:
    """The text of one mapping template."""
    return (MAPPING / f"{name}.vtl").read_text()


def put_records_integration(role: iam.IRole) -> apigateway.Integration:
    """The direct integration: what Kinesis answers decides between 202, 207, 413, 400 and 503 (B3)."""
    return apigateway.AwsIntegration(
        service="kinesis",
        action="PutRecords",
        integration_http_method="POST",
        options=apigateway.IntegrationOptions(
            credentials_role=role,
            passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
            request_parameters={
                "integration.request.header.Content-Type": "'application/x-amz-json-1.1'"
            },
            request_templates={"application/json": template("put_records.request")},
            integration_responses=[
                _answer("202", "200", "put_records.response"),
                # One response a status code, or the later replaces the earlier; the template sets others.
                _answer("400", "4\\d{2}", "put_records.refused"),
                apigateway.IntegrationResponse(
                    status_code="503",
                    response_templates={"application/json": template("put_records.unreachable")},
                ),
            ],
        ),
    )


def _answer(status: str, pattern: str, name: str) -> apigateway.IntegrationResponse:
    return apigateway.IntegrationResponse(
        status_code=status,
        selection_pattern=pattern,
        response_templates={"application/json": template(name)},
    )
