"""The archive's bucket: how long objects live, and who may do what with them."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from lifeline.foundation.bucket import BucketEmptying
from lifeline.streaming.topic_archive import TopicArchive
from tests.unit.constructs.conftest import MakeStack, StackUnderTest


def _archive(made: StackUnderTest) -> TopicArchive:
    return TopicArchive(
        made.stack,
        "Archive",
        site=made.site,
        keys=made.keys,
        emptying=BucketEmptying(made.stack, "Emptying", site=made.site, keys=made.keys),
    )


def _policy(made: StackUnderTest) -> iam.ManagedPolicy:
    role = iam.Role(made.stack, "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
    return iam.ManagedPolicy(made.stack, "Policy", roles=[role])


def test_objects_grow_cold_and_go_after_seven_years_in_prod(make_stack: MakeStack) -> None:
    made = make_stack(profile="prod")
    _archive(made)
    (bucket,) = made.resources("AWS::S3::Bucket")
    assert bucket["Properties"]["BucketName"] == "archive-cac1-123456789012-test"
    assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert [one["StorageClass"] for one in rule["Transitions"]] == [
        "STANDARD_IA",
        "GLACIER_IR",
        "DEEP_ARCHIVE",
    ]
    assert rule["ExpirationInDays"] >= 7 * 365


def test_a_throw_away_environment_keeps_a_month_and_moves_nothing(make_stack: MakeStack) -> None:
    made = make_stack(profile="dev")
    _archive(made)
    (bucket,) = made.resources("AWS::S3::Bucket")
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 30
    assert "Transitions" not in rule


def test_who_reads_cannot_write(make_stack: MakeStack) -> None:
    made = make_stack(profile="staging")
    _archive(made).grant_read(_policy(made))
    assert _actions(made) == {"s3:ListBucket", "s3:GetObject", "kms:Decrypt"}


def test_who_writes_cannot_delete(make_stack: MakeStack) -> None:
    made = make_stack(profile="staging")
    _archive(made).grant_write(_policy(made))
    reading = {"s3:ListBucket", "s3:GetObject", "kms:Decrypt"}
    assert _actions(made) == reading | {"s3:PutObject", "kms:GenerateDataKey"}


def _actions(made: StackUnderTest) -> set[str]:
    """Of the policy that is not the emptying function's."""
    found = made.resources("AWS::IAM::ManagedPolicy")
    (mine,) = [
        one["Properties"]["PolicyDocument"]["Statement"]
        for one in found
        if any(
            "Archive" in row.get("Sid", "")
            for row in one["Properties"]["PolicyDocument"]["Statement"]
        )
    ]
    return {row["Action"] for row in mine}


def test_nothing_is_left_to_find(make_stack: MakeStack) -> None:
    made = make_stack(nag=True, profile="staging")
    _archive(made).grant_write(_policy(made))
    made.template()
