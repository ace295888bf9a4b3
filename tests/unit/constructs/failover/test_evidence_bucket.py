"""The evidence bucket: patient data's key, seven years, the name that the recovery plan is given."""

from __future__ import annotations

from aws_cdk.assertions import Match

from lifeline.failover.evidence_bucket import EvidenceBucket
from lifeline.foundation.bucket import Bucket, BucketEmptying
from tests.unit.constructs.conftest import ACCOUNT, MakeStack, StackUnderTest


def add_evidence(made: StackUnderTest) -> EvidenceBucket:
    """The bucket with the emptying function beside it."""
    return EvidenceBucket(
        made.stack,
        "Evidence",
        site=made.site,
        keys=made.keys,
        emptying=BucketEmptying(made.stack, "Emptying", site=made.site, keys=made.keys),
        access_log=Bucket.access_log_of(made.site),
    )


def test_evidence_is_kept_for_seven_years_under_a_regions_name(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    assert add_evidence(made).bucket_name == f"evidence-caw1-{ACCOUNT}-test"
    made.template().has_resource_properties(
        "AWS::S3::Bucket",
        {
            "LifecycleConfiguration": {"Rules": [Match.object_like({"ExpirationInDays": 2_557})]},
            "LoggingConfiguration": {
                "DestinationBucketName": f"access-log-caw1-{ACCOUNT}-test",
                "LogFilePrefix": "evidence/",
            },
        },
    )


def test_evidence_needs_the_key_of_patient_data(make_stack: MakeStack) -> None:
    made = make_stack()
    add_evidence(made)
    template = made.template()
    keys = template.find_resources("AWS::KMS::Key")
    (data,) = [
        name for name, one in keys.items() if "Encrypts data" in one["Properties"]["Description"]
    ]
    (bucket,) = template.find_resources("AWS::S3::Bucket").values()
    (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == {"Fn::GetAtt": [data, "Arn"]}


def test_no_rule_finds_anything(make_stack: MakeStack) -> None:
    made = make_stack(nag=True)
    add_evidence(made)
    made.template()
