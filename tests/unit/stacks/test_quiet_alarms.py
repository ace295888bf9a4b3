"""Every alarm of a stack follows one parameter, which tells people unless somebody says no."""

from __future__ import annotations

import json

import pytest

from lifeline.cli.places import Places
from lifeline.naming import ALARM_ACTIONS, OFF, ON
from scripts.before_deploy import stack_of
from tests.conftest import Assembly

pytestmark = pytest.mark.synth
REGIONS = {"ca-central-1": "Observability-cac1", "ca-west-1": "Observability-caw1"}


@pytest.mark.parametrize("region", REGIONS)
def test_each_alarm_of_the_stack_follows_the_parameter(dev: Assembly, region: str) -> None:
    """The region's own alarms; what other stacks alarm by themselves is on from the start."""
    template = json.loads((dev.folder / f"{REGIONS[region]}.template.json").read_text())
    parameter = template["Parameters"][ALARM_ACTIONS]
    assert (parameter["Default"], parameter["AllowedValues"]) == (ON, [ON, OFF])
    alarms = [
        one["Properties"]
        for one in template["Resources"].values()
        if one["Type"] == "AWS::CloudWatch::Alarm"
    ]
    assert len(alarms) > 20
    assert [
        one["AlarmName"] for one in alarms if one["ActionsEnabled"] != {"Ref": ALARM_ACTIONS}
    ] == []


@pytest.mark.parametrize("region", REGIONS)
def test_the_stack_is_found_by_its_name(dev: Assembly, region: str) -> None:
    """By `lifeline activate`, and by `make deploy` before it is made."""
    manifest = json.loads((dev.folder / "manifest.json").read_text())
    name = manifest["artifacts"][REGIONS[region]]["properties"]["stackName"]
    assert name == stack_of(region, "test")
    assert name == Places("test", "ca-central-1", "ca-west-1", "us-east-2").alarms_stack(region)
