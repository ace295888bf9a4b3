"""The stacks that let drills in: by a setting alone, marked, with what a drill must find."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drill.targets.aws_environment import ENVIRONMENT, MARK, OUTPUTS
from tests.conftest import Assembly, synthesize

pytestmark = pytest.mark.synth
DRILLS = ["Drill-cac1", "Drill-caw1"]


def test_without_the_setting_there_is_nothing_to_break_with(dev: Assembly) -> None:
    assert not set(DRILLS) & set(dev.stacks())


def test_with_it_each_region_has_what_a_drill_looks_for(tmp_path: Path) -> None:
    made = synthesize(tmp_path, "--profile", "dev", "--suffix", "test", "-c", "drills=confirmed")
    assert made.exit_code == 0, made.said
    manifest = json.loads((tmp_path / "manifest.json").read_text())["artifacts"]
    for stack in DRILLS:
        tags = manifest[stack]["properties"]["tags"]
        assert (tags[MARK], tags[ENVIRONMENT]) == ("confirmed", "test")
        assert manifest[stack]["properties"]["stackName"] == f"{stack.lower()}-test"
        assert set(made.template(stack)["Outputs"]) >= set(OUTPUTS)
        (machine,) = made.resources(stack, "AWS::StepFunctions::StateMachine")
        text = json.dumps(machine["Properties"]["DefinitionString"])
        assert "DefaultNetworkAcl" in text
        assert f"events-api-{stack.lower().removeprefix('drill-')}-test" in text


def test_a_role_of_every_api_is_named_as_the_denial_names_it(dev: Assembly) -> None:
    for code in ("cac1", "caw1"):
        names = {
            one["Properties"].get("RoleName")
            for one in dev.resources(f"Application-{code}", "AWS::IAM::Role")
        }
        assert f"events-api-{code}-test" in names
