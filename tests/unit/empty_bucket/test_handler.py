"""Emptying a bucket before its stack deletes it; S3 is moto's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError
from moto import mock_aws

from lifeline.lambdas.empty_bucket.handler import UnfinishedError, empty, provide
from tests.support.stack_server import NOBODY, STACK_ID, StackServer

BUCKET = "evidence-caw1-123456789012-test"
REGION = "ca-west-1"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        client = boto3.client("s3", region_name=REGION)
        client.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ca-west-1"}
        )
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture(autouse=True)
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[StackServer]:
    """The stack that is deleted, unless a test says otherwise."""
    with StackServer() as server:
        server.status = "DELETE_IN_PROGRESS"
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", server.url)
        yield server


def plenty() -> float:
    """Time enough."""
    return 60.0


def request(kind: str) -> dict[str, Any]:
    """What CloudFormation sends."""
    return {
        "RequestType": kind,
        "StackId": STACK_ID,
        "ResourceProperties": {"BucketName": BUCKET},
    }


def test_versions_and_delete_markers_go_on_delete(s3: Any) -> None:
    for body in (b"first", b"second"):
        s3.put_object(Bucket=BUCKET, Key="recover-e1.json", Body=body)
    s3.delete_object(Bucket=BUCKET, Key="recover-e1.json")
    s3.put_object(Bucket=BUCKET, Key="recover-e2.json", Body=b"kept until the end")
    provide(request("Delete"), plenty)
    s3.delete_bucket(Bucket=BUCKET)  # refused by S3 while anything is left


def test_more_than_one_page_goes(s3: Any) -> None:
    for number in range(1_050):
        s3.put_object(Bucket=BUCKET, Key=f"{number}", Body=b"")
    assert empty(s3, BUCKET, plenty) == 1_050
    s3.delete_bucket(Bucket=BUCKET)


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_nothing_goes_before_the_delete(s3: Any, kind: str) -> None:
    s3.put_object(Bucket=BUCKET, Key="recover-e1.json", Body=b"evidence")
    provide(request(kind), plenty)
    assert s3.get_object(Bucket=BUCKET, Key="recover-e1.json")["Body"].read() == b"evidence"


@pytest.mark.parametrize(
    "status",
    ["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"],
)
def test_nothing_goes_while_the_stack_stays(s3: Any, stack: StackServer, status: str) -> None:
    """An update dropped the resource or gave it another logical id."""
    stack.status = status
    s3.put_object(Bucket=BUCKET, Key="recover-e1.json", Body=b"evidence")
    assert provide(request("Delete"), plenty) == (f"empty-{BUCKET}", {})
    assert s3.get_object(Bucket=BUCKET, Key="recover-e1.json")["Body"].read() == b"evidence"


def test_nothing_goes_on_a_guess(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", NOBODY)
    s3.put_object(Bucket=BUCKET, Key="recover-e1.json", Body=b"evidence")
    with pytest.raises(BotoCoreError):
        provide(request("Delete"), plenty)
    assert s3.get_object(Bucket=BUCKET, Key="recover-e1.json")["Body"].read() == b"evidence"


def test_a_bucket_that_is_gone_is_empty(s3: Any) -> None:
    s3.delete_bucket(Bucket=BUCKET)
    provide(request("Delete"), plenty)


def test_a_run_without_time_says_so_and_the_next_goes_on(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="recover-e1.json", Body=b"evidence")
    with pytest.raises(UnfinishedError, match="delete again"):
        empty(s3, BUCKET, lambda: 0.0)
    assert empty(s3, BUCKET, plenty) == 1
