"""Buckets: private, versioned, logged, emptied in the right order, with a lifecycle that S3 takes."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Match

from lifeline.foundation.bucket import ACCESS_LOG, BUCKETS, Bucket, BucketEmptying, Lifecycle
from lifeline.foundation.keys import Purpose
from tests.unit.constructs.conftest import ACCOUNT, MakeStack, StackUnderTest


def add_bucket(made: StackUnderTest, name: str = "archive", **changed: Any) -> Bucket:
    """A bucket with patient data's key and the region's access log, unless `changed`."""
    given: dict[str, Any] = {
        "purpose": Purpose.DATA,
        "access_log": Bucket.access_log_of(made.site),
        "emptying": BucketEmptying(made.stack, "Emptying", site=made.site, keys=made.keys),
    }
    return Bucket(
        made.stack, "Made", site=made.site, keys=made.keys, name=name, **(given | changed)
    )


def test_a_bucket_is_private_versioned_encrypted_and_logged(make_stack: MakeStack) -> None:
    made = make_stack()
    add_bucket(made)
    made.template().has_resource(
        "AWS::S3::Bucket",
        {
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {
                "BucketName": f"archive-cac1-{ACCOUNT}-test",
                "VersioningConfiguration": {"Status": "Enabled"},
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {
                            "BucketKeyEnabled": True,
                            "ServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms",
                                "KMSMasterKeyID": Match.any_value(),
                            },
                        }
                    ]
                },
                "LoggingConfiguration": {
                    "DestinationBucketName": f"access-log-cac1-{ACCOUNT}-test",
                    "LogFilePrefix": "archive/",
                },
            },
        },
    )


def test_policy_then_content_then_bucket_are_deleted(make_stack: MakeStack) -> None:
    """CloudFormation deletes what depends first: a log delivered after the emptying blocks a delete."""
    made = make_stack()
    add_bucket(made)
    template = made.template()
    ((bucket_id, _),) = template.find_resources("AWS::S3::Bucket").items()
    ((emptied_id, emptied),) = template.find_resources("Custom::EmptyBucket").items()
    (policy,) = template.find_resources("AWS::S3::BucketPolicy").values()
    assert bucket_id in emptied["DependsOn"]
    assert emptied_id in policy["DependsOn"]
    assert emptied["Properties"]["BucketName"] == f"archive-cac1-{ACCOUNT}-test"


def test_only_the_regions_own_buckets_can_be_emptied(make_stack: MakeStack) -> None:
    made = make_stack()
    BucketEmptying(made.stack, "Emptying", site=made.site, keys=made.keys)
    (policy,) = made.resources("AWS::IAM::ManagedPolicy")
    by_sid = {one["Sid"]: one for one in policy["Properties"]["PolicyDocument"]["Statement"]}
    names = sorted(f"arn:aws:s3:::{name}-cac1-{ACCOUNT}-test" for name in BUCKETS)
    assert sorted(by_sid["ListVersions"]["Resource"]) == names
    assert sorted(by_sid["DeleteVersions"]["Resource"]) == [f"{name}/*" for name in names]
    assert all("*" not in action for one in by_sid.values() for action in one["Action"])


def test_a_lifecycle_moves_to_colder_classes_and_expires(make_stack: MakeStack) -> None:
    made = make_stack()
    cold = Lifecycle(
        infrequent_days=30, instant_archive_days=90, deep_archive_days=365, expire_days=2_557
    )
    add_bucket(made, lifecycle=cold)
    (bucket,) = made.resources("AWS::S3::Bucket")
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert [(one["StorageClass"], one["TransitionInDays"]) for one in rule["Transitions"]] == [
        ("STANDARD_IA", 30),
        ("GLACIER_IR", 90),
        ("DEEP_ARCHIVE", 365),
    ]
    assert rule["ExpirationInDays"] == 2_557
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_a_lifecycle_that_s3_refuses_is_refused() -> None:
    with pytest.raises(ValueError, match="30 and more"):
        Lifecycle(infrequent_days=7)
    with pytest.raises(ValueError, match="grow from class to class"):
        Lifecycle(infrequent_days=90, deep_archive_days=60)
    with pytest.raises(ValueError, match="grow from class to class"):
        Lifecycle(deep_archive_days=365, expire_days=365)


def test_a_bucket_that_nothing_could_empty_is_refused(make_stack: MakeStack) -> None:
    with pytest.raises(ValueError, match="allowed are access-log, audit"):
        add_bucket(make_stack(), "scratch")


def test_only_the_access_log_has_neither_key_nor_log(make_stack: MakeStack) -> None:
    with pytest.raises(ValueError, match="only the access log itself"):
        add_bucket(make_stack(), access_log=None)
    made = make_stack()
    add_bucket(made, ACCESS_LOG, purpose=None, access_log=None)
    (bucket,) = made.resources("AWS::S3::Bucket")
    (encryption,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert "LoggingConfiguration" not in bucket["Properties"]


def test_grants_name_the_objects_and_the_key(make_stack: MakeStack) -> None:
    made = make_stack()
    bucket = add_bucket(made)
    policy = iam.ManagedPolicy(made.stack, "Writer")
    bucket.grant_put(policy, "events/*", reason="One object for each hour.")
    bucket.grant_get(policy, "index.json", reason="")
    statements = {
        one["Sid"]: one
        for found in made.resources("AWS::IAM::ManagedPolicy")
        for one in found["Properties"]["PolicyDocument"]["Statement"]
    }
    objects = f"arn:aws:s3:::archive-cac1-{ACCOUNT}-test"
    assert statements["WriteArchive"]["Action"] == "s3:PutObject"
    assert statements["WriteArchive"]["Resource"] == f"{objects}/events/*"
    assert statements["ReadArchive"]["Resource"] == f"{objects}/index.json"
    assert statements["WriteArchiveKey"]["Action"] == "kms:GenerateDataKey"
    assert statements["ReadArchiveKey"]["Action"] == "kms:Decrypt"


@pytest.mark.parametrize("account", [ACCOUNT, None])
def test_no_rule_finds_anything(make_stack: MakeStack, account: str | None) -> None:
    made = make_stack(nag=True, account=account)
    bucket = add_bucket(made)
    log = Bucket(
        made.stack,
        "Log",
        site=made.site,
        keys=made.keys,
        name=ACCESS_LOG,
        purpose=None,
        emptying=_emptying_of(made),
        access_log=None,
    )
    writer = iam.Role(
        made.stack, "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")
    )
    policy = iam.ManagedPolicy(made.stack, "Writer", roles=[writer])
    bucket.grant_put(policy, "events/*", reason="One object for each hour.")
    assert log.bucket_name.startswith("access-log-")
    made.template()


def _emptying_of(made: StackUnderTest) -> BucketEmptying:
    found = made.stack.node.find_child("Emptying")
    assert isinstance(found, BucketEmptying)
    return found
