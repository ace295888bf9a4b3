"""The edge stream in somebody else's application, and a stream that something else made."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Template

from lifeline.streaming.edge_stream import EdgeStream
from lifeline.streaming.event_stream import EventStreamAttributes, IEventStream

STREAM = "AWS::Kinesis::Stream"


def plain_stack() -> cdk.Stack:
    return cdk.Stack(cdk.App(analytics_reporting=False), "Orders")


def test_two_stand_in_one_plain_stack() -> None:
    stack = plain_stack()
    for one in ("Orders", "Wards"):
        EdgeStream(stack, one)
    template = Template.from_stack(stack)
    for resource_type, name in ((STREAM, "Name"), ("AWS::Lambda::Function", "FunctionName")):
        names = {one["Properties"][name] for one in template.find_resources(resource_type).values()}
        assert len(names) == 2


def test_she_chooses_name_shards_and_key() -> None:
    stack = plain_stack()
    key = kms.Key(stack, "Key")
    EdgeStream(
        stack,
        "Edge",
        stream_name="orders",
        shard_count=7,
        encryption_key=key,
        removal_policy=cdk.RemovalPolicy.RETAIN,
    )
    template = Template.from_stack(stack)
    template.has_resource(
        STREAM,
        {
            "DeletionPolicy": "Retain",
            "Properties": {
                "Name": "orders",
                "ShardCount": 7,
                "StreamEncryption": {"KeyId": stack.resolve(key.key_arn)},
            },
        },
    )


def test_a_stream_made_elsewhere_grants_and_measures() -> None:
    stack = plain_stack()
    key = kms.Key(stack, "Key")
    stream: IEventStream = EdgeStream.from_event_stream_attributes(
        stack,
        "Edge",
        EventStreamAttributes(stream_name="orders", incarnation="1", encryption_key=key),
    )
    role = iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
    assert stream.grant_put(role).success
    assert stream.grant_read(role).success
    template = Template.from_stack(stack)
    template.resource_count_is(STREAM, 0)
    said = str(template.find_resources("AWS::IAM::Policy"))
    for word in ("PutIntoTheStream", "DecryptTheStream", "stream/orders"):
        assert word in said
    metric = stream.metric("IncomingBytes", statistic="Sum", label="bytes")
    assert metric.dimensions == {"StreamName": "orders"}
    assert (metric.statistic, metric.label) == ("Sum", "bytes")


def test_a_stream_without_a_key_grants_none() -> None:
    stack = plain_stack()
    stream = EdgeStream.from_event_stream_attributes(
        stack, "Edge", EventStreamAttributes(stream_name="orders", incarnation="1")
    )
    stream.grant_put(iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal()))
    assert "kms:" not in str(Template.from_stack(stack).find_resources("AWS::IAM::Policy"))
