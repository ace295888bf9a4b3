"""What the environments of an account share stands in stacks of its own (N2)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from lifeline.compliance.packs import attach_packs
from lifeline.stacks.account import build_account

REGIONS = ("ca-central-1", "ca-west-1")


@pytest.fixture
def stacks(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """The resources of each stack by its name, written with every rule pack attached."""
    app = cdk.App(outdir=str(tmp_path), analytics_reporting=False)
    build_account(app, REGIONS)
    attach_packs(app)
    assembly = app.synth()
    return {one.stack_name: one.template["Resources"] for one in assembly.stacks}


def test_each_region_has_a_stack_without_a_suffix(stacks: dict[str, Any]) -> None:
    assert set(stacks) == {"account-cac1", "account-caw1"}


def test_the_log_role_and_its_setting_outlive_the_stack(stacks: dict[str, Any]) -> None:
    """CloudFormation leaves the setting when its stack goes: a role that went would be missed."""
    for name, resources in stacks.items():
        kept = {one["Type"]: one for one in resources.values()}
        setting, role = kept["AWS::ApiGateway::Account"], kept["AWS::IAM::Role"]
        assert setting["DeletionPolicy"] == role["DeletionPolicy"] == "Retain"
        assert role["Properties"]["RoleName"] == name.replace("account", "api-logs")
        assert "apigateway.amazonaws.com" in json.dumps(role["Properties"])


def test_a_region_that_nobody_looked_at_is_refused() -> None:
    with pytest.raises(ValueError, match="'eu-west-1' is not in the region catalog"):
        build_account(cdk.App(), ["eu-west-1"])
