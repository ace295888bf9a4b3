"""The text of a snapshot: a reviewer reads what changed, and nothing changes unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Assembly
from tests.snapshot import test_templates
from tests.snapshot.template_text import difference, template_text

STATEMENT = {
    "Action": ["kinesis:PutRecord", "kinesis:PutRecords"],
    "Effect": "Allow",
    "Resource": {"Fn::Join": ["", ["arn:aws:kinesis:ca-central-1:", {"Ref": "Account"}, ":a"]]},
}
DOCUMENT = {"Version": "2012-10-17", "Statement": [STATEMENT]}
TEMPLATE = {
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": DOCUMENT, "RoleName": "keeper"},
        },
        "Managed": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"PolicyDocument": DOCUMENT, "Roles": [{"Ref": "Role"}]},
        },
        "Endpoint": {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {"PolicyDocument": DOCUMENT, "ServiceName": "s3"},
        },
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": DOCUMENT, "Enabled": True}},
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": "lease",
                "DeletionProtectionEnabled": "false",
                "ReadCapacity": 5,
                "Tags": [{"Key": "Project", "Value": "lifeline"}],
                "Key": {"Fn::ImportValue": "foundation:key"},
                "Text": {"Fn::Sub": ["${name}", {"name": "one"}]},
            },
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "DependsOn": ["Key"],
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {"MemorySize": 256, "Code": {"S3Key": f"{'ab' * 32}.zip"}},
        },
        "Plan": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"DefinitionString": "{}", "StateMachineName": "plan"},
        },
        "Acl": {
            "Type": "AWS::WAFv2::WebACL",
            "Properties": {"Rules": [{"Name": "one", "Statement": {"RateBasedStatement": {}}}]},
        },
    }
}


def changed(*path: str | int, to: Any) -> str:
    """What a reviewer is told when the value at `path` of the resources becomes `to`."""
    after = json.loads(json.dumps(TEMPLATE))
    place: Any = after["Resources"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return difference(template_text(TEMPLATE), template_text(after))


@pytest.mark.parametrize(
    "place",
    [
        ("Role", "Properties", "AssumeRolePolicyDocument"),
        ("Managed", "Properties", "PolicyDocument"),
        ("Endpoint", "Properties", "PolicyDocument"),
        ("Key", "Properties", "KeyPolicy"),
    ],
)
def test_a_changed_statement_is_told_as_text(place: tuple[str, ...]) -> None:
    told = changed(*place, "Statement", 0, "Action", 1, to="kinesis:*").splitlines()
    assert told[0].startswith(f"changed: {place[0]} AWS::")
    lines = {line.replace(" ", "") for line in told}
    assert {"--kinesis:PutRecords", "+-kinesis:*"} <= lines
    assert "-kinesis:PutRecord" in lines, "what stands beside it gives the place"


def test_the_failure_of_a_snapshot_shows_the_statement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = json.loads(json.dumps(TEMPLATE))
    after["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0][
        "Action"
    ] = "sts:AssumeRole"
    (tmp_path / "Data.template.json").write_text(json.dumps(after))
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "Data.txt").write_text(template_text(TEMPLATE))
    monkeypatch.setattr(test_templates, "FOLDER", tmp_path)
    monkeypatch.delenv("UPDATE_SNAPSHOTS", raising=False)
    with pytest.raises(AssertionError) as failure:
        test_templates.test_snapshot("dev", "Data", lambda _profile: Assembly(tmp_path, 0, ""))
    said = str(failure.value)
    assert "dev/Data is not what it was" in said
    assert "Action: sts:AssumeRole" in said
    assert "- kinesis:PutRecords" in said


def test_a_changed_property_of_a_store_is_told_as_text() -> None:
    told = changed("Table", "DeletionPolicy", to="Retain")
    assert "- DeletionPolicy: Delete" in told
    assert "+ DeletionPolicy: Retain" in told


def test_a_role_stands_in_full() -> None:
    assert "+ RoleName: admin" in changed("Role", "Properties", "RoleName", to="admin")


def test_text_and_value_are_not_the_same() -> None:
    told = changed("Table", "Properties", "DeletionProtectionEnabled", to=False)
    assert '- DeletionProtectionEnabled: "false"' in told
    assert "+ DeletionProtectionEnabled: false" in told
    assert changed("Table", "Properties", "ReadCapacity", to="5")


def test_a_resource_that_comes_or_goes_is_named() -> None:
    empty: dict[str, Any] = {"Resources": {}}
    whole = template_text(TEMPLATE)
    came, went = difference("", whole), difference(whole, template_text(empty))
    assert "added: Table AWS::DynamoDB::Table" in came
    assert "removed: Function AWS::Lambda::Function" in went


def test_a_new_asset_and_the_plan_s_text_change_nothing() -> None:
    assert changed("Function", "Properties", "Code", "S3Key", to=f"{'cd' * 32}.zip") == ""
    assert changed("Plan", "Properties", "DefinitionString", to="another") == ""


def leaves(value: Any, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    """The path of every value that holds no other."""
    if isinstance(value, dict | list) and value:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in pairs:
            yield from leaves(one, *path, key)
    else:
        yield path


def test_no_change_of_any_value_is_unseen() -> None:
    scrubbed: set[tuple[str | int, ...]] = {
        ("Function", "Properties", "Code", "S3Key"),
        ("Plan", "Properties", "DefinitionString"),
    }
    places = set(leaves(TEMPLATE["Resources"])) - scrubbed
    assert len(places) > 40
    unseen = [place for place in places if not changed(*place, to="AWS::Changed")]
    assert unseen == []


def test_the_same_template_is_the_same_text_in_any_order() -> None:
    backwards = {"Resources": dict(reversed(list(TEMPLATE["Resources"].items())))}
    assert template_text(backwards) == template_text(TEMPLATE)
