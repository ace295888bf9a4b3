"""The drill pipeline: its stages, what each may do, when it runs, and that nothing keeps billing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from drill.scenarios import SCENARIOS
from lifeline.foundation.bucket import BucketEmptying
from lifeline.recovery.dr_pipeline import DrPipeline
from lifeline.recovery.drill_schedule import DRILLINGS
from lifeline.recovery.pipeline_project import STEPS, buildspec
from lifeline.settings import Repository
from tests.unit.constructs.conftest import ACCOUNT, Bench, BenchMaker

ALL = sorted(path.stem for path in STEPS.glob("*.sh"))
CONNECTION = f"arn:aws:codeconnections:ca-central-1:{ACCOUNT}:connection/1"


def made(bench: BenchMaker, **settings: Any) -> tuple[Bench, dict[str, Any]]:
    one = bench(profile="prod", **settings)
    emptying = BucketEmptying(one.stack, "Emptying", site=one.site, keys=one.keys)
    DrPipeline(one.stack, "Drills", site=one.site, keys=one.keys, emptying=emptying)
    resources: dict[str, Any] = one.template().to_json()["Resources"]
    return one, resources


def of_type(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one["Properties"] for one in resources.values() if one["Type"] == f"AWS::{kind}"]


def statements(resources: dict[str, Any], policy: str) -> dict[str, dict[str, Any]]:
    """By Sid, of the policy whose logical id holds `policy`."""
    (document,) = [
        one["Properties"]["PolicyDocument"]
        for name, one in resources.items()
        if one["Type"] == "AWS::IAM::ManagedPolicy" and policy in name
    ]
    return {one["Sid"]: one for one in document["Statement"]}


def test_the_stages_follow_each_other_one_run_at_a_time(bench: BenchMaker) -> None:
    _, resources = made(bench)
    (pipeline,) = of_type(resources, "CodePipeline::Pipeline")
    assert pipeline["PipelineType"] == "V2"
    assert pipeline["ExecutionMode"] == "QUEUED"
    assert [one["Name"] for one in pipeline["Stages"]] == [
        "Source",
        "Check",
        "Deploy",
        "Drill",
        "Validate",
        "Destroy",
    ]
    assert pipeline["ArtifactStore"]["EncryptionKey"]["Type"] == "KMS"
    assert {one["Name"]: one["DefaultValue"] for one in pipeline["Variables"]} == {
        "SCENARIO": "region-loss",
        "ENVIRONMENT": "no",
    }
    (validate,) = pipeline["Stages"][4]["Actions"]
    assert validate["InputArtifacts"] == [{"Name": "Source"}, {"Name": "Evidence"}]
    assert validate["Configuration"]["PrimarySource"] == "Source"
    told = json.loads(validate["Configuration"]["EnvironmentVariables"])
    assert {"name": "SCENARIO", "value": "#{variables.SCENARIO}", "type": "PLAINTEXT"} in told


def test_the_source_is_the_bucket_or_the_repository_of_the_settings(bench: BenchMaker) -> None:
    _, resources = made(bench)
    (pipeline,) = of_type(resources, "CodePipeline::Pipeline")
    (source,) = pipeline["Stages"][0]["Actions"]
    assert source["ActionTypeId"]["Provider"] == "S3"
    assert source["Configuration"]["S3ObjectKey"] == "source.zip"
    repository = Repository(connection_arn=CONNECTION, name="owner/lifeline", branch="next")
    _, resources = made(bench, repository=repository)
    (pipeline,) = of_type(resources, "CodePipeline::Pipeline")
    (source,) = pipeline["Stages"][0]["Actions"]
    assert source["ActionTypeId"]["Provider"] == "CodeStarSourceConnection"
    assert source["Configuration"]["BranchName"] == "next"
    (policy,) = [
        one
        for one in of_type(resources, "IAM::ManagedPolicy")
        if any(s["Sid"] == "UseTheConnection" for s in one["PolicyDocument"]["Statement"])
    ]
    assert CONNECTION in json.dumps(policy)
    assert "ReadTheSource" not in json.dumps(policy)


def test_deploying_is_assuming_the_bootstrap_roles_by_name(bench: BenchMaker) -> None:
    _, resources = made(bench)
    (assume,) = [statements(resources, "DeployPolicy")["AssumeTheBootstrapRoles"]]
    assert assume["Action"] == "sts:AssumeRole"
    assert sorted(assume["Resource"]) == sorted(
        f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-{kind}-role-{ACCOUNT}-{region}"
        for kind in ("deploy", "file-publishing", "lookup")
        for region in ("ca-central-1", "ca-west-1", "us-east-2")
    )
    for step in ("CheckPolicy", "DrillPolicy", "ValidatePolicy"):
        assert "sts:AssumeRole" not in json.dumps(statements(resources, step))


def test_no_action_and_only_one_resource_is_a_bare_wildcard(bench: BenchMaker) -> None:
    _, resources = made(bench)
    bare = set()
    for one in of_type(resources, "IAM::ManagedPolicy"):
        for statement in one["PolicyDocument"]["Statement"]:
            listed = statement["Resource"]
            for resource in listed if isinstance(listed, list) else [listed]:
                if resource == "*":
                    bare.add(statement["Sid"])
            actions = statement["Action"]
            assert not any("*" in a for a in (actions if isinstance(actions, list) else [actions]))
    assert bare == {"PublishTimes"}


def test_every_project_is_bounded_encrypted_and_without_privileges(bench: BenchMaker) -> None:
    _, resources = made(bench)
    projects = {one["Name"]: one for one in of_type(resources, "CodeBuild::Project")}
    assert sorted(projects) == sorted(f"drill-{step}-test" for step in ALL)
    for one in projects.values():
        assert one["Environment"]["PrivilegedMode"] is False
        assert one["Environment"]["Type"] == "ARM_CONTAINER"
        assert one["ConcurrentBuildLimit"] == 1
        assert one["TimeoutInMinutes"] <= 240
        assert "LogsKey" in json.dumps(one["EncryptionKey"]) or "Logs" in json.dumps(
            one["EncryptionKey"]
        )
    for name, one in projects.items():
        kind = "NO_SOURCE" if name == "drill-sweep-test" else "CODEPIPELINE"
        assert one["Source"]["Type"] == kind


def test_a_run_that_ends_badly_starts_the_sweep_and_pages(bench: BenchMaker) -> None:
    _, resources = made(bench)
    rules = {one["Name"]: one for one in of_type(resources, "Events::Rule")}
    ended = rules["drill-ended-badly-test"]
    assert ended["EventPattern"]["detail"] == {
        "pipeline": ["drill-test"],
        "state": ["CANCELED", "FAILED", "STOPPED", "SUPERSEDED"],
    }
    sweep = f"arn:aws:codebuild:ca-central-1:{ACCOUNT}:project/drill-sweep-test"
    assert [one["Arn"] for one in ended["Targets"]] == [sweep]
    assert rules["drill-sweep-test"]["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert rules["drill-sweep-test"]["Targets"] == ended["Targets"]
    for name in ("drill-failed-test", "drill-unswept-test"):
        (target,) = rules[name]["Targets"]
        assert target["Arn"] == f"arn:aws:sns:ca-central-1:{ACCOUNT}:page-test"
        assert "docs/runbooks/drill-pipeline.md" in target["InputTransformer"]["InputTemplate"]


def test_four_schedules_start_scenarios_that_exist(bench: BenchMaker) -> None:
    _, resources = made(bench)
    started = {}
    for one in of_type(resources, "Scheduler::Schedule"):
        assert re.fullmatch(r"cron\((\S+ ){5}\S+\)", one["ScheduleExpression"])
        request = json.loads(one["Target"]["Input"])
        assert request["Name"] == "drill-test"
        started[one["Name"]] = {v["Name"]: v["Value"] for v in request["Variables"]}
    assert set(started) == {
        f"drill-{when}-test" for when in ("daily", "weekly", "monthly", "quarterly")
    }
    assert all(one["SCENARIO"] in SCENARIOS for one in started.values())
    assert {one["ENVIRONMENT"] for one in started.values()} == {"yes", "no"}
    assert len(DRILLINGS) == 4


def test_the_two_names_of_twelve_characters_fit(bench: BenchMaker) -> None:
    _, resources = made(bench, environment_suffix="a23456789012")
    (pipeline,) = of_type(resources, "CodePipeline::Pipeline")
    assert (
        len(pipeline["Name"]) <= 20
    )  # artifacts lie under the first 20 characters, and so do grants
    assert all(
        len(one["RoleName"]) <= 64 for one in of_type(resources, "IAM::Role") if "RoleName" in one
    )


def test_only_the_home_region_has_it(bench: BenchMaker) -> None:
    with pytest.raises(ValueError, match="allowed is the home region ca-central-1"):
        made(bench, region="ca-west-1")


@pytest.mark.parametrize("step", ALL)
def test_a_step_is_shell_and_reads_only_what_it_is_told(step: str, bench: BenchMaker) -> None:
    text = (STEPS / f"{step}.sh").read_text()
    subprocess.run(["bash", "-n"], input=text, text=True, check=True, timeout=20)
    commands = json.loads(buildspec(step))["phases"]["build"]["commands"]
    assert text in commands[0]
    _, resources = made(bench)
    (project,) = [
        one
        for one in of_type(resources, "CodeBuild::Project")
        if one["Name"] == f"drill-{step}-test"
    ]
    told = {one["Name"] for one in project["Environment"]["EnvironmentVariables"]}
    told |= {"CODEBUILD_SRC_DIR_Evidence", "PWD", "PATH"}
    told |= set() if step == "sweep" else {"EXECUTION_ID", "SCENARIO", "ENVIRONMENT"}
    assert set(re.findall(r"\$\{?([A-Z][A-Za-z_]+)", text)) <= told


@pytest.mark.parametrize(
    ("state", "swept"), [("Failed", True), ("Stopped", True), ("InProgress", False)]
)
def test_the_sweep_destroys_what_ended_and_lets_be_what_runs(
    state: str, swept: bool, tmp_path: Path
) -> None:
    """The step's own text, with an `aws` that answers from a folder and a make that says its words."""
    with zipfile.ZipFile(tmp_path / "source.zip", "w") as source:
        source.writestr("Makefile", f"setup destroy:\n\t@echo $@ $(SUFFIX) >> {tmp_path}/made\n")
    aws = tmp_path / "aws"
    aws.write_text(
        "#!/bin/bash\n"
        f'echo "$*" >> {tmp_path}/asked\n'
        'case "$*" in\n'
        "*list-objects-v2*) echo deployed/0123abcd-ef.zip ;;\n"
        f"*get-pipeline-execution*) echo {state} ;;\n"
        f'"s3 cp"*) cp {tmp_path}/source.zip "${{@: -1}}" ;;\n'
        "esac\n"
    )
    aws.chmod(0o755)
    names = ("ARTIFACTS_BUCKET", "PIPELINE", "DRILL_PROFILE", "DRILL_SETTINGS")
    subprocess.run(
        ["bash", "-euo", "pipefail", STEPS / "sweep.sh"],
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            **{n: n.lower() for n in names},
        },
        stdin=subprocess.DEVNULL,
        check=True,
        timeout=30,
    )
    said = (tmp_path / "asked").read_text()
    assert (
        "s3 rm --only-show-errors s3://artifacts_bucket/deployed/0123abcd-ef.zip" in said
    ) is swept
    words = (tmp_path / "made").read_text().split() if swept else []
    assert words == (["setup", "destroy", "dr0123abcd"] if swept else [])


def test_the_packs_find_nothing(bench: BenchMaker) -> None:
    made(bench, nag=True)
