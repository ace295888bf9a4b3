"""The rewriting of an assembly for the lab: nothing is dropped, nothing undecided gets through."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from lab import inventory
from lab.assembly import PLACEHOLDER, Substitution, rewrite_assembly, rewrite_template
from lab.overrides import endpoints, overridden
from lab.places import HOME, RECOVERY, WITNESS, Places
from lab.substitutions import INERT, NATIVE, PROVIDED, Kind, UndecidedTypeError, kind_of

PLACES = Places(19000)
EMULATOR = Path(__file__).resolve().parents[3] / ".venv-emulator"


def rewritten(resources: dict[str, Any], **more: Any) -> tuple[dict[str, Any], Substitution]:
    done = Substitution()
    template = rewrite_template(
        {"Resources": resources, **more},
        region=HOME,
        environment=lambda variables: overridden(variables, endpoints(PLACES, HOME)),
        done=done,
    )
    return template, done


def test_a_type_in_no_list_is_refused_with_a_sentence() -> None:
    with pytest.raises(UndecidedTypeError, match=r"AWS::Made::Up is in none of the lab's lists"):
        rewritten({"Strange": {"Type": "AWS::Made::Up"}})


def test_no_type_is_in_two_lists() -> None:
    assert not NATIVE & INERT
    assert not (NATIVE | INERT) & set(PROVIDED)


def test_our_own_custom_resources_are_native() -> None:
    assert kind_of("Custom::StreamIncarnation") is Kind.NATIVE


def test_an_alarm_on_math_stays_inert() -> None:
    assert kind_of("AWS::CloudWatch::Alarm", {"MetricName": "Lag"}) is Kind.NATIVE
    assert kind_of("AWS::CloudWatch::Alarm", {"Metrics": []}) is Kind.INERT


def test_the_emulator_makes_every_native_type_and_none_of_the_inert() -> None:
    found = list(
        EMULATOR.glob(
            "lib/python3.*/site-packages/ministack/services/cloudformation/provisioners.py"
        )
    )
    if not found:
        pytest.skip("the emulator is not installed")
    table = found[0].read_text().split("_RESOURCE_HANDLERS = {")[1]
    makes = set(re.findall(r'"(AWS::\w+::\w+)"', table))
    assert sorted(NATIVE - makes) == []
    # A layer could be made, but its content is built for another processor.
    assert INERT & makes == {"AWS::Lambda::LayerVersion"}


def test_every_resource_keeps_its_place_and_is_counted() -> None:
    template, done = rewritten(
        {
            "Gate": {"Type": "AWS::EC2::NatGateway", "DependsOn": ["Net"]},
            "Net": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
            "Global": {
                "Type": "AWS::RDS::GlobalCluster",
                "Properties": {"GlobalClusterIdentifier": "global-x"},
                "DeletionPolicy": "Delete",
            },
        }
    )
    assert set(template["Resources"]) == {"Gate", "Net", "Global"}
    assert template["Resources"]["Gate"]["Type"] == PLACEHOLDER
    assert template["Resources"]["Gate"]["DependsOn"] == ["Net"]
    assert template["Resources"]["Net"]["Properties"] == {"CidrBlock": "10.0.0.0/16"}
    provided = template["Resources"]["Global"]
    assert provided["Type"] == "Custom::LabGlobalCluster"
    assert provided["DeletionPolicy"] == "Delete"
    assert provided["Properties"]["GlobalClusterIdentifier"] == "global-x"
    assert provided["Properties"]["ServiceToken"].endswith(":function:lab-provider")
    assert {kind: done.total(kind) for kind in Kind} == {
        Kind.NATIVE: 1,
        Kind.PROVIDED: 1,
        Kind.INERT: 1,
    }


def test_references_to_inert_resources_become_literals_everywhere() -> None:
    template, _done = rewritten(
        {
            "Gate": {"Type": "AWS::EC2::NatGateway"},
            "Way": {
                "Type": "AWS::EC2::Route",
                "Properties": {
                    "NatGatewayId": {"Ref": "Gate"},
                    "Zone": {"Ref": "AWS::Region"},
                    "Text": {"Fn::Sub": "${Gate}-${Gate.SomeArn}-${AWS::Region}-${Way}"},
                    "More": {"Fn::Sub": ["${Gate}${x}", {"x": {"Ref": "Gate"}}]},
                },
            },
        },
        Outputs={"Arn": {"Value": {"Fn::GetAtt": ["Gate", "Arn"]}}},
    )
    assert template["Resources"]["Way"]["Properties"] == {
        "NatGatewayId": "lab-gate",
        "Zone": {"Ref": "AWS::Region"},
        "Text": {
            "Fn::Sub": "lab-gate-arn:aws:ec2:ca-central-1:000000000000:lab/Gate-${AWS::Region}-${Way}"
        },
        "More": {"Fn::Sub": ["lab-gate${x}", {"x": "lab-gate"}]},
    }
    assert template["Outputs"]["Arn"]["Value"] == "arn:aws:ec2:ca-central-1:000000000000:lab/Gate"


def test_a_transform_that_only_aws_runs_is_left_out() -> None:
    schedule = {"Type": "AWS::SecretsManager::RotationSchedule"}
    template, _done = rewritten({"Rotation": schedule}, Transform="AWS::SecretsManager-2024-09-16")
    assert "Transform" not in template
    assert template["Resources"]["Rotation"]["Type"] == PLACEHOLDER


def test_a_suffix_is_found_as_a_word_in_names_and_tags() -> None:
    found = {
        "lambda ca-central-1 Functions keeper-a1": "{}",
        "lambda ca-central-1 Functions keeper-a12": "{}",
        "ec2 ca-west-1 Vpcs vpc-0": '{"Tags": [{"Key": "Environment", "Value": "a1"}]}',
        "ec2 ca-west-1 Vpcs vpc-0a1": "{}",
    }
    assert inventory.of_suffix(found, "a1") == [
        "ec2 ca-west-1 Vpcs vpc-0",
        "lambda ca-central-1 Functions keeper-a1",
    ]


def test_functions_lose_the_layer_and_get_endpoints_only_where_they_have_them() -> None:
    template, _done = rewritten(
        {
            "Layer": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": {}}},
            "Bridge": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.14",
                    "Layers": [{"Ref": "Layer"}],
                    "Environment": {"Variables": {"KAFKA_BOOTSTRAP": "aws", "STREAM_NAME": "s"}},
                },
            },
        }
    )
    properties = template["Resources"]["Bridge"]["Properties"]
    assert "Layers" not in properties
    variables = properties["Environment"]["Variables"]
    assert variables["KAFKA_BOOTSTRAP"] == f"127.0.0.1:{PLACES.broker(HOME)}"
    assert variables["AWS_ENDPOINT_URL"] == PLACES.proxy_url("cac1")
    assert variables["STREAM_NAME"] == "s"
    assert "DATABASE_HOST" not in variables


def test_what_the_stack_leaves_empty_stays_empty() -> None:
    """An application without a query API must not be told of one."""
    seen = endpoints(PLACES, HOME)
    made = overridden({"QUERY_API_URL": "", "OWN_API_URL": "https://api"}, seen)
    assert made["QUERY_API_URL"] == ""
    assert made["OWN_API_URL"] == seen["OWN_API_URL"]


def test_what_lies_in_another_region_is_reached_through_a_link() -> None:
    seen = endpoints(PLACES, RECOVERY)
    targets = json.loads(seen["PROBE_TARGETS"])
    link = PLACES.link("probe", RECOVERY, HOME)
    assert targets[HOME].endswith(f":{link.listen_port}")
    assert targets[RECOVERY].endswith(f":{PLACES.gateway(RECOVERY)}")
    # The stacks write neither: the variable beside which they stand shows which function it is.
    probe = overridden({"RESULTS_TABLE": "t"}, seen)
    assert {name: probe[name] for name in ("PROBE_TARGETS", "PROBE_CONTROL_URL")} == {
        name: seen[name] for name in ("PROBE_TARGETS", "PROBE_CONTROL_URL")
    }
    fence = PLACES.link("fence", RECOVERY, HOME)
    assert seen["PEER_DATABASE_PORT"] == str(fence.listen_port)
    assert fence.target_port == PLACES.database(HOME)
    assert "DATABASE_HOST" not in endpoints(PLACES, WITNESS)


def test_an_edited_template_gets_the_key_of_its_new_content(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    template = {
        "Resources": {
            "Layer": {
                "Type": "AWS::Lambda::LayerVersion",
                "Properties": {"Content": {"S3Bucket": "b", "S3Key": "layerkey.zip"}},
            },
            "Gate": {"Type": "AWS::EC2::NatGateway"},
        }
    }
    (source / "S.template.json").write_text(json.dumps(template))
    file = {"destinations": {"x": {"objectKey": "oldkey.json"}}}
    (source / "S.assets.json").write_text(
        json.dumps(
            {
                "files": {
                    "oldkey": {"source": {"path": "S.template.json"}, **file},
                    "layerkey": {"source": {"path": "asset.layerkey"}, "destinations": {}},
                    "kept": {"source": {"path": "asset.kept"}, "destinations": {}},
                },
                "dockerImages": {"image": {}},
            }
        )
    )
    artifact = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://000000000000/{HOME}",
        "properties": {
            "templateFile": "S.template.json",
            "stackTemplateAssetObjectUrl": "s3://bucket/oldkey.json",
        },
    }
    (source / "manifest.json").write_text(json.dumps({"artifacts": {"S": artifact}}))

    def edit(synthesized: dict[str, Any]) -> dict[str, Any]:
        synthesized["Resources"]["Added"] = {"Type": "AWS::SNS::Topic"}
        return synthesized

    target = tmp_path / "target"
    rewrite_assembly(source, target, PLACES, edit)
    assert "Added" in json.loads((target / "S.template.json").read_text())["Resources"]

    key = hashlib.sha256((target / "S.template.json").read_bytes()).hexdigest()
    assets = json.loads((target / "S.assets.json").read_text())
    assert set(assets["files"]) == {key, "kept"}
    assert assets["files"][key]["destinations"]["x"]["objectKey"] == f"{key}.json"
    assert assets["dockerImages"] == {}
    properties = json.loads((target / "manifest.json").read_text())["artifacts"]["S"]["properties"]
    assert properties["stackTemplateAssetObjectUrl"] == f"s3://bucket/{key}.json"
    assert json.loads((source / "S.template.json").read_text()) == template
