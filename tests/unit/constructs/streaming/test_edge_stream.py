"""The edge buffer: shards, retention, who may put and read."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import aws_iam as iam

from lifeline.streaming import edge_stream
from lifeline.streaming.edge_stream import EdgeStream
from lifeline.tiers import RecoveryTier
from tests.unit.constructs.conftest import MakeStack


def _policy(template: Any, name: str) -> list[dict[str, Any]]:
    (found,) = template.find_resources(
        "AWS::IAM::ManagedPolicy", {"Properties": {"ManagedPolicyName": name}}
    ).values()
    return list(found["Properties"]["PolicyDocument"]["Statement"])


def test_the_stream_keeps_three_days_encrypted_with_as_many_shards_as_planned(
    make_stack: MakeStack,
) -> None:
    made = make_stack(events_per_minute=100_000)
    EdgeStream(made.stack, "Edge", site=made.site, keys=made.keys)
    (stream,) = made.resources("AWS::Kinesis::Stream")
    said = stream["Properties"]
    assert said["RetentionPeriodHours"] == 72
    assert said["ShardCount"] == 12
    assert said["StreamEncryption"]["EncryptionType"] == "KMS"
    assert stream["DeletionPolicy"] == stream["UpdateReplacePolicy"] == "Delete"


@pytest.mark.parametrize("hours", [0, 23, 8_761])
def test_a_retention_that_kinesis_does_not_have_is_refused(
    make_stack: MakeStack, hours: int
) -> None:
    made = make_stack()
    with pytest.raises(ValueError, match="allowed are 24 to 8760 h"):
        EdgeStream(made.stack, "Edge", site=made.site, keys=made.keys, retention_hours=hours)


def test_a_retention_that_ends_before_a_failover_is_refused(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No tier is so slow today; a slow detection is enough."""
    made = make_stack(tier=RecoveryTier.DEFERRABLE)
    monkeypatch.setattr(edge_stream, "DETECT_BUDGET_SECONDS", 21 * 3_600)
    with pytest.raises(ValueError, match="does not outlast a failover"):
        EdgeStream(made.stack, "Edge", site=made.site, keys=made.keys, retention_hours=24)


def test_grants_name_the_stream_and_its_key_only(make_stack: MakeStack) -> None:
    made = make_stack()
    stream = EdgeStream(made.stack, "Edge", site=made.site, keys=made.keys)
    for name, grant in (("put", stream.grant_put), ("read", stream.grant_read)):
        grant(iam.ManagedPolicy(made.stack, name.title(), managed_policy_name=name))
    template = made.template()
    put, encrypt = _policy(template, "put")
    read, decrypt = _policy(template, "read")
    assert "kinesis:PutRecords" in put["Action"]
    assert "kinesis:GetRecords" not in put["Action"]
    assert "kinesis:GetRecords" in read["Action"]
    assert "kinesis:PutRecords" not in read["Action"]
    assert put["Resource"] == read["Resource"]
    assert put["Resource"].endswith("stream/edge-events-test")
    assert (encrypt["Action"], decrypt["Action"]) == ("kms:GenerateDataKey", "kms:Decrypt")


def test_metrics_are_of_this_stream_by_the_minute(make_stack: MakeStack) -> None:
    made = make_stack()
    stream = EdgeStream(made.stack, "Edge", site=made.site, keys=made.keys)
    for metric in (
        stream.metric_iterator_age(),
        stream.metric_write_throttled(),
        stream.metric_incoming_records(),
    ):
        assert metric.dimensions == {"StreamName": "edge-events-test"}
        assert metric.period.to_seconds() == 60


def test_nothing_is_left_to_find(make_stack: MakeStack) -> None:
    made = make_stack(nag=True)
    EdgeStream(made.stack, "Edge", site=made.site, keys=made.keys)
    made.template()
