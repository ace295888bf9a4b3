"""Bucket replication: to which bucket, under which key, and how little S3's role may do."""

from __future__ import annotations

from typing import Any

import pytest

from lifeline.foundation.bucket_replication import REPLICATED, RULE, BucketReplication
from lifeline.lambdas.bucket_replication import handler as function
from tests.unit.constructs.conftest import ACCOUNT, MakeStack, StackUnderTest

EVERY = list(REPLICATED)


def add_replication(made: StackUnderTest, buckets: list[str]) -> BucketReplication:
    """Replication of `buckets` from the stack's region."""
    return BucketReplication(made.stack, "Buckets", site=made.site, keys=made.keys, buckets=buckets)


def statements_of(made: StackUnderTest) -> dict[str, dict[str, Any]]:
    """The statements of all policies by their names."""
    return {
        one["Sid"]: one
        for policy in made.resources("AWS::IAM::ManagedPolicy")
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
    }


def test_each_bucket_goes_to_the_peers_of_the_same_type(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    add_replication(made, EVERY)
    found = {
        one["Properties"]["Bucket"]: one["Properties"]
        for one in made.resources("Custom::BucketReplication")
    }
    assert set(found) == {f"{name}-caw1-{ACCOUNT}-test" for name in EVERY}
    for bucket, properties in found.items():
        assert properties["PeerBucket"] == bucket.replace("-caw1-", "-cac1-")


def test_a_copy_is_encrypted_with_the_peers_key_of_the_same_purpose(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    add_replication(made, EVERY)
    keys = {
        one["Properties"]["Bucket"].split("-caw1-")[0]: one["Properties"]["PeerKey"]
        for one in made.resources("Custom::BucketReplication")
    }
    peer = f"arn:aws:kms:ca-central-1:{ACCOUNT}:alias"
    assert keys == {
        "access-log": "",
        "audit": f"{peer}/logs-key-test",
        "archive": f"{peer}/data-key-test",
        "evidence": f"{peer}/data-key-test",
    }


def test_s3_reads_here_and_writes_there_and_deletes_nowhere(make_stack: MakeStack) -> None:
    made = make_stack()
    add_replication(made, ["audit"])
    named = statements_of(made)
    assert named["ReadVersions"]["Resource"] == f"arn:aws:s3:::audit-cac1-{ACCOUNT}-test/*"
    assert named["WriteCopies"]["Resource"] == f"arn:aws:s3:::audit-caw1-{ACCOUNT}-test/*"
    actions = {action for one in named.values() for action in one["Action"]}
    assert not {"s3:ReplicateDelete", "s3:DeleteObject", "s3:PutObject"} & actions


def test_only_keys_of_the_peers_alias_encrypt_the_copies(make_stack: MakeStack) -> None:
    made = make_stack()
    add_replication(made, ["audit", "access-log"])
    there = statements_of(made)["EncryptThere"]
    assert there["Resource"] == f"arn:aws:kms:ca-west-1:{ACCOUNT}:key/*"
    assert there["Condition"] == {
        "StringEquals": {"kms:ViaService": "s3.ca-west-1.amazonaws.com"},
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/logs-key-test"]},
    }


def test_a_copy_under_a_bucket_key_takes_decrypt_there_too(make_stack: MakeStack) -> None:
    """S3 opens the target's bucket key before it encrypts a copy with it: "Replicating encrypted objects",
    Amazon S3 User Guide, https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
    """
    made = make_stack()
    add_replication(made, ["audit"])
    there = statements_of(made)["EncryptThere"]
    assert set(there["Action"]) == {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"}


def test_an_access_log_alone_needs_no_key(make_stack: MakeStack) -> None:
    made = make_stack()
    add_replication(made, ["access-log"])
    assert not {"DecryptHere", "EncryptThere"} & set(statements_of(made))


def test_the_function_hands_over_this_role_to_s3_only(make_stack: MakeStack) -> None:
    made = make_stack()
    add_replication(made, ["audit"])
    handed = statements_of(made)["HandTheRoleToS3"]
    assert handed["Condition"] == {"StringEquals": {"iam:PassedToService": "s3.amazonaws.com"}}


def test_the_metrics_are_of_the_rule_that_the_function_writes(make_stack: MakeStack) -> None:
    replication = add_replication(make_stack(), ["audit"])
    assert function.RULE == RULE
    metric = replication.metric_failed("audit")
    assert metric.metric_name == "OperationsFailedReplication"
    assert metric.dimensions == {
        "SourceBucket": f"audit-cac1-{ACCOUNT}-test",
        "DestinationBucket": f"audit-caw1-{ACCOUNT}-test",
        "RuleId": RULE,
    }
    metric = replication.metric_latency_seconds("audit")
    assert metric.dimensions == {  # of what is copied here: S3 publishes it where copies arrive
        "SourceBucket": f"audit-caw1-{ACCOUNT}-test",
        "DestinationBucket": f"audit-cac1-{ACCOUNT}-test",
        "RuleId": RULE,
    }
    with pytest.raises(ValueError, match="allowed are audit"):
        replication.metric_latency_seconds("archive")


@pytest.mark.parametrize("buckets", [[], ["pipeline"]])
def test_a_bucket_without_a_peer_is_refused(make_stack: MakeStack, buckets: list[str]) -> None:
    with pytest.raises(ValueError, match="allowed are one or more of access-log, audit"):
        add_replication(make_stack(), buckets)


@pytest.mark.parametrize("account", [ACCOUNT, None])
def test_no_rule_finds_anything(make_stack: MakeStack, account: str | None) -> None:
    made = make_stack(nag=True, account=account)
    add_replication(made, EVERY)
    made.template()
