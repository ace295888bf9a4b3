"""What CloudFormation's own schemas refuse, and what nobody can know before the deployment."""

from __future__ import annotations

from typing import Any

import pytest

from lab.refusals import Refusal, judge
from lab.refusals.values import UNKNOWN, pseudo_parameters, resolved

REGION = "ca-west-1"
STREAM = "AWS::Kinesis::Stream"


def stream(**properties: Any) -> dict[str, Any]:
    """A template with one stream."""
    return {"Resources": {"It": {"Type": STREAM, "Properties": properties}}}


def refusals(template: dict[str, Any], before: dict[str, Any] | None = None) -> list[Refusal]:
    """What the schemas alone refuse."""
    return judge(template, REGION, before, rows=[])


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        ({"Shards": 1}, "Shards is no property of the type."),
        ({"ShardCount": "four"}, "ShardCount is 'four'; allowed is integer."),
        ({"ShardCount": 0}, "ShardCount is 0; allowed is at least 1."),
        ({"RetentionPeriodHours": 9_000}, "RetentionPeriodHours is 9000; allowed is at most 8760."),
        ({"Name": "a b"}, "Name is 'a b', which is not of the form"),
        ({"Name": "a" * 129}, "Name has 129; allowed are at most 128."),
        ({"Name": []}, "Name is []; allowed is string."),
        ({"Arn": "arn:aws:kinesis"}, "Arn is read-only."),
        ({"StreamModeDetails": {}}, "StreamModeDetails has no StreamMode, which is required."),
        ({"StreamModeDetails": {"StreamMode": "AUTO"}}, "allowed are ON_DEMAND, PROVISIONED."),
        ({"Tags": {"Key": "a"}}, "Tags is {'Key': 'a'}; allowed is array."),
        ({"Tags": [{"Key": "a", "Value": "b", "C": 1}]}, "Tags.0.C is no property of the type."),
    ],
)
def test_what_the_schema_does_not_allow_is_refused(
    properties: dict[str, Any], sentence: str
) -> None:
    (found,) = refusals(stream(**properties))
    assert sentence in found.sentence
    assert found.row == "registry-schema"


@pytest.mark.parametrize(
    "properties",
    [
        {"ShardCount": "4"},
        {"ShardCount": {"Ref": "Other"}},
        {"ShardCount": {"Fn::If": ["C", 0, "x"]}},
        {"Name": {"Fn::Sub": "a b-${Other}"}},
        {"StreamModeDetails": {"StreamMode": {"Fn::ImportValue": "x"}}},
        {"StreamModeDetails": {"Ref": "Other"}},
        {"Arn": {"Ref": "AWS::NoValue"}},
        {"Name": "{{resolve:ssm:/a b}}"},
    ],
)
def test_what_nobody_knows_is_not_refused(properties: dict[str, Any]) -> None:
    assert refusals(stream(**properties)) == []


def test_what_a_template_alone_says_is_known() -> None:
    known = {**pseudo_parameters("ca-west-1"), "Suffix": "dev"}
    assert resolved({"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}]]}, known) == "a-ca-west-1"
    assert resolved({"Fn::Sub": "${Suffix}-${!Kept}"}, known) == "dev-${Kept}"
    assert resolved({"Fn::Sub": ["${Own}.${AWS::URLSuffix}", {"Own": "x"}]}, known) == (
        "x.amazonaws.com"
    )
    assert resolved({"Fn::GetAtt": ["A", "Arn"]}, known) is UNKNOWN
    assert resolved([1, {"Ref": "AWS::NoValue"}], known) == [1]


def test_a_number_is_in_the_schemas_range_when_it_is_a_reference_to_a_default() -> None:
    template = stream(ShardCount={"Ref": "Shards"})
    template["Parameters"] = {"Shards": {"Type": "Number", "Default": 0}}
    (found,) = refusals(template)
    assert "at least 1" in found.sentence


def test_a_type_that_the_region_lacks_is_refused() -> None:
    template = {"Resources": {"It": {"Type": "AWS::Kinesis::River", "Properties": {}}}}
    (found,) = refusals(template)
    assert found.sentence == "AWS::Kinesis::River is not in ca-west-1."


def test_a_resource_of_its_own_name_is_not_replaced() -> None:
    """CloudFormation makes the new one first: "Name type", AWS CloudFormation User Guide."""
    cache = "AWS::ElastiCache::ReplicationGroup"

    def group(name: str, port: int) -> dict[str, Any]:
        given = {"ReplicationGroupId": name, "ReplicationGroupDescription": "d", "Port": port}
        return {"Resources": {"It": {"Type": cache, "Properties": given}}}

    (found,) = refusals(group("cache", 6_380), group("cache", 6_379))
    assert found.sentence.startswith("Port cannot change without a new resource")
    assert refusals(group("cache", 6_379), group("cache", 6_379)) == []
    assert refusals(group("second", 6_380), group("cache", 6_379)) == []


def test_one_way_of_several_is_enough() -> None:
    """`oneOf` and `anyOf`: refused only when each way surely fails."""
    rule = {"Id": "a", "Status": "Enabled", "ExpirationInDays": "soon"}
    bucket = {"LifecycleConfiguration": {"Rules": [rule]}}
    template = {"Resources": {"It": {"Type": "AWS::S3::Bucket", "Properties": bucket}}}
    assert [one.row for one in refusals(template)] == ["registry-schema"]
    rule["ExpirationInDays"] = "30"
    assert refusals(template) == []
