"""What the drill reads of a recovery: the evidence of the run that made the region active."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws

from drill.platform_records import timeline
from drill.targets import Target

REGION, BUCKET = "ca-west-1", "evidence-caw1-123456789012-test"


class Observed:
    """An environment whose services can be asked."""

    suffix = "test"

    def observer(self, service: str, region: str) -> Any:
        make: Any = boto3.client
        return make(service, region_name=region)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        s3 = Observed().observer("s3", REGION)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield s3


def put(s3: Any, name: str, step: str, **more: Any) -> None:
    body = {"timeline": [{"step": step, "started_at": "2026-11-21T05:00:00Z"}], **more}
    s3.put_object(Bucket=BUCKET, Key=name, Body=json.dumps(body))


def steps(epoch: int) -> list[str]:
    target = cast(Target, Observed())
    return [one["step"] for one in timeline(target, REGION, epoch)]


def test_without_evidence_there_is_no_timeline(bucket: Any) -> None:
    put(bucket, "recover-e20-r1.json", "of another epoch", completed=True)
    put(bucket, "recover-e2-r1.txt", "of another kind", completed=True)
    assert steps(2) == []


def test_the_first_run_that_completed_is_the_recovery(bucket: Any) -> None:
    put(bucket, "recover-e2-r1.json", "one", completed=False)
    assert steps(2) == ["one"]
    put(bucket, "recover-e2-r2.json", "two", completed=False)
    assert steps(2) == ["two"], "the newest, while none completed"
    put(bucket, "recover-e2-r9.json", "nine", completed=True)
    put(bucket, "recover-e2-r10.json", "ten", completed=True)
    assert steps(2) == ["nine"]


def test_a_record_of_the_first_release_is_read(bucket: Any) -> None:
    put(bucket, "recover-e2.json", "old")
    assert steps(2) == ["old"]
