"""Letting the API take the query API's own certificates; requests are checked against the service's model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lifeline.lambdas.integration_tls.handler import take_own_authority

PATCH = {"op": "replace", "path": "/tlsConfig/insecureSkipVerification", "value": "true"}


@pytest.fixture
def stubbed() -> Iterator[tuple[Any, Stubber]]:
    make: Any = boto3.client
    api = make(
        "apigateway", region_name="ca-central-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with Stubber(api) as stubber:
        yield api, stubber
        stubber.assert_no_pending_responses()


def asked(kind: str) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResourceProperties": {"ApiId": "a1", "ResourceIds": ["r1", "r2"], "Deployment": "D1"},
    }


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_each_read_is_patched(stubbed: tuple[Any, Stubber], kind: str) -> None:
    api, stubber = stubbed
    for resource in ("r1", "r2"):
        said = {"restApiId": "a1", "resourceId": resource, "httpMethod": "GET"}
        answer = {"type": "HTTP_PROXY", "tlsConfig": {"insecureSkipVerification": True}}
        stubber.add_response("update_integration", answer, {**said, "patchOperations": [PATCH]})
    assert take_own_authority(asked(kind), api) == ("integration-tls-a1", {})


def test_deleting_changes_nothing(stubbed: tuple[Any, Stubber]) -> None:
    """The methods go with their API."""
    api, _stubber = stubbed
    assert take_own_authority(asked("Delete"), api) == ("integration-tls-a1", {})
