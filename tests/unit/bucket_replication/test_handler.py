"""Replication between two regions' buckets as the function configures it; S3 is moto's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from lifeline.lambdas.bucket_replication.handler import provide, replicate, wanted

HOME, RECOVERY = "ca-central-1", "ca-west-1"
OWN, PEER = "audit-caw1-123456789012-test", "audit-cac1-123456789012-test"
KEY = "arn:aws:kms:ca-central-1:123456789012:alias/logs-key-test"
ROLE = "arn:aws:iam::123456789012:role/replicate-buckets-caw1-test"
PROPERTIES = {"Bucket": OWN, "PeerBucket": PEER, "PeerKey": KEY, "Role": ROLE}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """S3 with both buckets, versioned, seen from the recovery region."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", RECOVERY)
    with mock_aws():
        made: Any = boto3.client
        for bucket, region in ((OWN, RECOVERY), (PEER, HOME)):
            client = made("s3", region_name=region)
            client.create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region}
            )
            client.put_bucket_versioning(
                Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
            )
        yield made("s3", region_name=RECOVERY)


def request(kind: str, **changed: str) -> dict[str, Any]:
    """What CloudFormation sends."""
    return {"RequestType": kind, "ResourceProperties": PROPERTIES | changed}


def rule_of(s3: Any) -> dict[str, Any]:
    """The one rule of the own bucket."""
    (rule,) = s3.get_bucket_replication(Bucket=OWN)["ReplicationConfiguration"]["Rules"]
    found: dict[str, Any] = rule
    return found


def test_objects_go_to_the_peer_under_its_key(s3: Any) -> None:
    provide(request("Create"))
    rule = rule_of(s3)
    assert rule["Status"] == "Enabled"
    assert rule["Destination"]["Bucket"] == f"arn:aws:s3:::{PEER}"
    assert rule["Destination"]["EncryptionConfiguration"] == {"ReplicaKmsKeyID": KEY}
    # S3 copies nothing that a KMS key encrypts unless told to; moto does not keep that part.
    (asked,) = wanted(PROPERTIES)["Rules"]
    assert asked["SourceSelectionCriteria"] == {"SseKmsEncryptedObjects": {"Status": "Enabled"}}


def test_deletions_stay_in_their_region(s3: Any) -> None:
    provide(request("Create"))
    assert rule_of(s3)["DeleteMarkerReplication"] == {"Status": "Disabled"}


def test_a_bucket_that_s3_encrypts_itself_names_no_key(s3: Any) -> None:
    provide(request("Create", PeerKey=""))
    assert "EncryptionConfiguration" not in rule_of(s3)["Destination"]
    (asked,) = wanted(PROPERTIES | {"PeerKey": ""})["Rules"]
    assert "SourceSelectionCriteria" not in asked


def answered(configuration: dict[str, Any]) -> dict[str, Any]:
    """What S3 answers for a configuration: all of it, the filter of everything as an empty one."""
    rules = [one | {"Filter": {}} for one in configuration["Rules"]]
    return {"ReplicationConfiguration": configuration | {"Rules": rules}}


def test_what_is_there_already_is_not_written_again(s3: Any) -> None:
    """With the peer dead a write would be refused: the stub refuses every call that is not expected."""
    with Stubber(s3) as stub:
        stub.add_response("get_bucket_replication", answered(wanted(PROPERTIES)), {"Bucket": OWN})
        assert replicate(s3, OWN, wanted(PROPERTIES)) is False
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    "changed", [{"PeerKey": ""}, {"Role": f"{ROLE}2"}, {"PeerBucket": "other"}]
)
def test_another_configuration_is_written(s3: Any, changed: dict[str, str]) -> None:
    other = wanted(PROPERTIES | changed)
    with Stubber(s3) as stub:
        stub.add_response("get_bucket_replication", answered(wanted(PROPERTIES)), {"Bucket": OWN})
        stub.add_response(
            "put_bucket_replication", {}, {"Bucket": OWN, "ReplicationConfiguration": other}
        )
        assert replicate(s3, OWN, other) is True
        stub.assert_no_pending_responses()


def test_a_destination_that_s3_cannot_find_fails_the_deploy(s3: Any) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error(
            "get_bucket_replication", service_error_code="ReplicationConfigurationNotFoundError"
        )
        stub.add_client_error("put_bucket_replication", service_error_code="InvalidRequest")
        with pytest.raises(ClientError, match="InvalidRequest"):
            replicate(s3, OWN, wanted(PROPERTIES))


def test_no_other_error_counts_as_having_none(s3: Any) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("get_bucket_replication", service_error_code="AccessDenied")
        with pytest.raises(ClientError, match="AccessDenied"):
            replicate(s3, OWN, wanted(PROPERTIES))


def test_a_delete_stops_it_and_may_be_repeated(s3: Any) -> None:
    provide(request("Create"))
    provide(request("Delete"))
    with pytest.raises(ClientError, match="ReplicationConfigurationNotFoundError"):
        s3.get_bucket_replication(Bucket=OWN)
    provide(request("Delete"))
    s3.delete_bucket(Bucket=OWN)
    provide(request("Delete"))
