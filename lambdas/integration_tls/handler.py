"""Let API Gateway take the certificate that a task of the query API made for itself.

`AWS::ApiGateway::Method` has no property for it. API Gateway then asks no public authority, and still checks
the host's name, the days of validity and that a root is there (`TlsConfig` in its API reference).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from lifeline.lambdas.custom_resource.answer import answer_with

CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 5})
OWN_AUTHORITY = [{"op": "replace", "path": "/tlsConfig/insecureSkipVerification", "value": "true"}]


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Lambda's entry."""
    answer_with(
        lambda asked: take_own_authority(asked, boto3.client("apigateway", config=CONFIG)), event
    )


def take_own_authority(event: Mapping[str, Any], api: Any) -> tuple[str, Mapping[str, str]]:
    """Patch each integration on create and update. Run again it changes nothing; deleting does nothing."""
    asked = event["ResourceProperties"]
    api_id = str(asked["ApiId"])
    if event["RequestType"] != "Delete":
        for resource_id in asked["ResourceIds"]:
            api.update_integration(
                restApiId=api_id,
                resourceId=str(resource_id),
                httpMethod="GET",
                patchOperations=OWN_AUTHORITY,
            )
    return f"integration-tls-{api_id}", {}
