"""The audit trail: what it records, who may write where, and what a profile without one still has."""

from __future__ import annotations

from typing import Any

import pytest

from lifeline.foundation.audit import AuditTrail
from lifeline.foundation.bucket import BucketEmptying
from tests.unit.constructs.conftest import ACCOUNT, MakeStack, StackUnderTest


def add_trail(made: StackUnderTest) -> AuditTrail:
    """The trail with the emptying function beside it."""
    emptying = BucketEmptying(made.stack, "Emptying", site=made.site, keys=made.keys)
    return AuditTrail(made.stack, "Audit", site=made.site, keys=made.keys, emptying=emptying)


def statements_of(policies: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The named statements of some bucket policies."""
    return {
        one["Sid"]: one
        for policy in policies
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
        if "Sid" in one
    }


def test_a_trail_of_calls_and_of_patient_data_objects(make_stack: MakeStack) -> None:
    made = make_stack(profile="prod")
    add_trail(made)
    (trail,) = made.resources("AWS::CloudTrail::Trail")
    assert trail["DeletionPolicy"] == trail["UpdateReplacePolicy"] == "Delete"
    properties = trail["Properties"]
    assert properties["TrailName"] == "trail-test"
    assert properties["EnableLogFileValidation"] is True
    assert properties["IsMultiRegionTrail"] is False
    assert "KMSKeyId" in properties
    calls, objects = properties["AdvancedEventSelectors"]
    assert calls["FieldSelectors"] == [{"Field": "eventCategory", "Equals": ["Management"]}]
    assert objects["FieldSelectors"][-1] == {
        "Field": "resources.ARN",
        "StartsWith": [
            f"arn:aws:s3:::archive-cac1-{ACCOUNT}-test/",
            f"arn:aws:s3:::evidence-cac1-{ACCOUNT}-test/",
        ],
    }


def test_only_this_trail_and_this_accounts_access_logs_may_write(make_stack: MakeStack) -> None:
    made = make_stack(profile="prod")
    add_trail(made)
    named = statements_of(made.resources("AWS::S3::BucketPolicy"))
    trail = f"arn:aws:cloudtrail:ca-central-1:{ACCOUNT}:trail/trail-test"
    writes = named["TrailWrites"]
    assert writes["Resource"] == f"arn:aws:s3:::audit-cac1-{ACCOUNT}-test/AWSLogs/{ACCOUNT}/*"
    assert writes["Condition"]["StringEquals"]["aws:SourceArn"] == trail
    assert named["TrailLooksAtTheBucket"]["Condition"]["StringEquals"]["aws:SourceArn"] == trail
    logged = named["AccessLogsOfThisRegion"]
    assert logged["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    assert (
        f"arn:aws:s3:::audit-cac1-{ACCOUNT}-test" in logged["Condition"]["ArnLike"]["aws:SourceArn"]
    )


def test_the_trail_waits_for_its_buckets_policy_and_its_role(make_stack: MakeStack) -> None:
    made = make_stack(profile="prod")
    add_trail(made)
    template = made.template()
    (trail,) = template.find_resources("AWS::CloudTrail::Trail").values()
    policies = template.find_resources("AWS::S3::BucketPolicy")
    (audit,) = [name for name, one in policies.items() if "TrailWrites" in str(one)]
    (own,) = [
        name
        for name, one in template.find_resources("AWS::IAM::ManagedPolicy").items()
        if "WriteCalls" in str(one)
    ]
    assert {audit, own} <= set(trail["DependsOn"])


def test_a_profile_without_a_trail_has_both_buckets_for_seven_years(make_stack: MakeStack) -> None:
    made = make_stack(profile="dev")
    trail = add_trail(made)
    assert trail.trail is None
    template = made.template()
    template.resource_count_is("AWS::CloudTrail::Trail", 0)
    buckets = template.find_resources("AWS::S3::Bucket").values()
    assert {one["Properties"]["BucketName"] for one in buckets} == {
        f"audit-cac1-{ACCOUNT}-test",
        f"access-log-cac1-{ACCOUNT}-test",
    }
    for one in buckets:
        (rule,) = one["Properties"]["LifecycleConfiguration"]["Rules"]
        assert rule["ExpirationInDays"] == 2_557
        assert [move["StorageClass"] for move in rule["Transitions"]][-1] == "DEEP_ARCHIVE"


@pytest.mark.parametrize("account", [ACCOUNT, None])
def test_no_rule_finds_anything(make_stack: MakeStack, account: str | None) -> None:
    made = make_stack(profile="prod", nag=True, account=account)
    add_trail(made)
    made.template()
