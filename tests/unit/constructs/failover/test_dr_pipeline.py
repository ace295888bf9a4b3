"""The drill pipeline: its stages, what each may do, when it runs, and that nothing keeps billing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from drill.scenarios import SCENARIOS
from drill.targets.aws import BREAKS
from lifeline.failover.dr_pipeline import AWS_SCENARIOS as ALLOWED_ON_AWS
from lifeline.failover.dr_pipeline import DEPLOY, DESTROY, DRILL, EXERCISE, VALIDATE, DrPipeline
from lifeline.failover.dr_pipeline import SCENARIOS as ALLOWED
from lifeline.failover.drill_names import DRILL_SUFFIXES
from lifeline.failover.drill_schedule import DRILLINGS
from lifeline.failover.pipeline_project import QUEUED_MINUTES, STEPS, buildspec
from lifeline.foundation.bucket import BucketEmptying
from lifeline.settings import Repository, drill_end
from scripts import before_deploy, before_destroy
from tests.unit.constructs.conftest import ACCOUNT, MakeStack, StackUnderTest

ALL = sorted(path.stem for path in STEPS.glob("*.sh"))
OLD = 18_100
"""Seconds after which the build that left a record cannot be alive."""
CONNECTION = f"arn:aws:codeconnections:ca-central-1:{ACCOUNT}:connection/1"


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a sweep did: its exit status, what `make` was told, whose records it removed."""

    status: int
    made: list[str]
    forgotten: list[str]


def made(make_stack: MakeStack, **settings: Any) -> tuple[StackUnderTest, dict[str, Any]]:
    one = make_stack(profile="prod", **settings)
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


def test_the_stages_follow_each_other_one_run_at_a_time(make_stack: MakeStack) -> None:
    _, resources = made(make_stack)
    (pipeline,) = of_type(resources, "CodePipeline::Pipeline")
    assert pipeline["PipelineType"] == "V2"
    assert pipeline["ExecutionMode"] == "QUEUED"
    assert [one["Name"] for one in pipeline["Stages"]] == [
        "Source",
        "Check",
        "Deploy",
        "Exercise",
        "Drill",
        "Validate",
        "Destroy",
    ]
    assert pipeline["ArtifactStore"]["EncryptionKey"]["Type"] == "KMS"
    assert {one["Name"]: one["DefaultValue"] for one in pipeline["Variables"]} == {
        "SCENARIO": "region-loss",
        "ENVIRONMENT": "no",
    }
    (exercise,), (drill,) = (pipeline["Stages"][place]["Actions"] for place in (3, 4))
    assert exercise["OutputArtifacts"] == [{"Name": "AwsDrill"}]
    assert drill["OutputArtifacts"] == [{"Name": "Evidence"}]
    (validate,) = pipeline["Stages"][5]["Actions"]
    assert validate["InputArtifacts"] == [
        {"Name": "Source"}, {"Name": "AwsDrill"}, {"Name": "Evidence"}
    ]  # fmt: skip
    assert validate["Configuration"]["PrimarySource"] == "Source"
    told = json.loads(validate["Configuration"]["EnvironmentVariables"])
    assert {"name": "SCENARIO", "value": "#{variables.SCENARIO}", "type": "PLAINTEXT"} in told


def test_the_source_is_the_bucket_or_the_repository_of_the_settings(make_stack: MakeStack) -> None:
    _, resources = made(make_stack)
    (pipeline,) = of_type(resources, "CodePipeline::Pipeline")
    (source,) = pipeline["Stages"][0]["Actions"]
    assert source["ActionTypeId"]["Provider"] == "S3"
    assert source["Configuration"]["S3ObjectKey"] == "source.zip"
    repository = Repository(connection_arn=CONNECTION, name="owner/lifeline", branch="next")
    _, resources = made(make_stack, repository=repository)
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


def test_a_branch_waits_for_a_persons_yes_before_anything_of_it_runs(make_stack: MakeStack) -> None:
    repository = Repository(connection_arn=CONNECTION, name="owner/lifeline", branch="next")
    _, resources = made(make_stack, repository=repository)
    (pipeline,) = of_type(resources, "CodePipeline::Pipeline")
    source, approve, *rest = pipeline["Stages"]
    assert {one["ActionTypeId"]["Category"] for one in source["Actions"]} == {"Source"}
    assert [one["ActionTypeId"] for one in approve["Actions"]] == [
        {"Category": "Approval", "Owner": "AWS", "Provider": "Manual", "Version": "1"}
    ]
    assert [one["Name"] for one in rest] == [
        "Check", "Deploy", "Exercise", "Drill", "Validate", "Destroy"
    ]  # fmt: skip


def as_nobody(folder: Path) -> list[str]:
    """What runs a step as a user without rights, in a folder that this user may write to."""
    if os.geteuid() != 0:
        return []
    for place in (folder, *folder.rglob("*")):
        if not place.is_symlink():
            place.chmod(0o777 if place.is_dir() or os.access(place, os.X_OK) else 0o666)
    for above in folder.parents:
        if above.owner() == folder.owner() and above.name.startswith(("pytest", "popen", "test_")):
            above.chmod(0o755)
    return [
        "/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
        "--no-new-privs",
    ]  # fmt: skip


def checked(tmp_path: Path, step: str, **told: str) -> subprocess.CompletedProcess[str]:
    """The build's own commands, as CodeBuild runs them, with a make that only leaves a mark."""
    for name in ("make", "aws", "zip"):
        (tmp_path / name).write_text(f"#!/bin/bash\necho $* >> {tmp_path}/ran\n")
        (tmp_path / name).chmod(0o755)
    text = json.loads(buildspec(step))["phases"]["build"]["commands"][0]
    script = text.replace("/tmp/step.sh", str(tmp_path / "step.sh"))
    subprocess.run(["bash", "-c", script], check=True, timeout=20)
    good = {
        "SCENARIO": "region-loss",
        "ENVIRONMENT": "no",
        "EXECUTION_ID": "0123abcd-0000-4000-8000-000000000000",
        "SCENARIOS": " ".join(ALLOWED),
        "AWS_SCENARIOS": " ".join(ALLOWED_ON_AWS),
    }
    return subprocess.run(
        [*as_nobody(tmp_path), "bash", "-euo", "pipefail", tmp_path / "step.sh"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **good, **told},
        cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
    )  # fmt: skip


def test_the_scenarios_are_those_that_a_drill_has(make_stack: MakeStack) -> None:
    assert sorted(SCENARIOS) == list(ALLOWED)
    _, resources = made(make_stack)
    for one in of_type(resources, "CodeBuild::Project"):
        told = {v["Name"]: v["Value"] for v in one["Environment"]["EnvironmentVariables"]}
        assert told["SCENARIOS"].split() == list(ALLOWED)
        assert told["AWS_SCENARIOS"].split() == sorted(
            name for name, one in SCENARIOS.items() if one.breaks in BREAKS
        )
        assert "-c drills=freely " in told["DRILL_SETTINGS"]
        assert told["DRILL_SETTINGS"].endswith("-c @aws-cdk/core:bootstrapQualifier=drills")


@pytest.mark.parametrize("step", sorted(set(ALL) - {"sweep"}))
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCENARIO", "region-loss; make destroy"),
        ("SCENARIO", "$(id)"),
        ("SCENARIO", "hang link-cut"),
        ("SCENARIO", "region-loss\nlink-cut"),
        ("SCENARIO", "other"),
        ("SCENARIO", ""),
        ("ENVIRONMENT", "yes; id"),
        ("EXECUTION_ID", "../prod"),
        ("EXECUTION_ID", "0123abcd"),
    ],
)
def test_what_a_run_is_told_is_checked_before_it_reaches_a_command(
    step: str, name: str, value: str, tmp_path: Path
) -> None:
    ended = checked(tmp_path, step, **{name: value})
    assert ended.returncode == 2
    assert f"refused: {name} is " in ended.stdout
    assert "allowed is" in ended.stdout
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("scenario", sorted(set(ALLOWED) - set(ALLOWED_ON_AWS)))
def test_what_aws_cannot_break_alone_deploys_nothing(scenario: str, tmp_path: Path) -> None:
    ended = checked(tmp_path, "deploy", ENVIRONMENT="yes", SCENARIO=scenario)
    assert ended.returncode == 2
    assert "allowed with an environment is one of: hang noop region-loss" in ended.stdout
    assert not (tmp_path / "ran").exists()


def test_the_schedule_drills_environments_by_what_aws_can_break() -> None:
    assert {one.scenario for one in DRILLINGS if one.environment} <= set(ALLOWED_ON_AWS)


def test_a_good_run_passes_the_check(tmp_path: Path) -> None:
    assert checked(tmp_path, "check").returncode == 0
    assert (tmp_path / "ran").read_text() == "check\n"


def test_the_drill_runs_as_a_user_without_credentials(tmp_path: Path) -> None:
    """A build is root; PostgreSQL is not (N15). The stand-in for setpriv really drops root."""
    root = os.geteuid() == 0
    really = (
        "/usr/bin/setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs" if root else ""
    )
    tools = {
        "id": '[ "$1" = -u ] && echo 0',
        "useradd": "true",
        "chown": "true",
        "chmod": "true",
        "setpriv": f'echo "setpriv $*" >> {tmp_path}/asked; shift 5; exec {really} "$@"',
        "aws": "echo 0",
        "make": f'echo "$* $(/usr/bin/id -u) ${{AWS_CONTAINER_CREDENTIALS_RELATIVE_URI-none}} $HOME" '
        f">> {tmp_path}/said; echo '{{}}' > build/drill/latest/evidence.json",
    }
    folder = tmp_path / "tools"
    folder.mkdir()
    for name, text in tools.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    (tmp_path / "build/drill/latest").mkdir(parents=True)
    for place in (tmp_path, *(one for one in tmp_path.rglob("*") if one.is_dir())):
        place.chmod(0o777)
    (tmp_path / "said").touch()
    (tmp_path / "said").chmod(0o666)
    for above in tmp_path.parents:
        if above.owner() == Path(tmp_path).owner() and above.name.startswith(("pytest", "popen")):
            above.chmod(0o755)
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", STEPS / "drill.sh"],
        env={
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/secret",
            "EVIDENCE_BUCKET": "evidence",
            "SCENARIO": "hang",
        },
        cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    uid = 65534 if root else os.geteuid()
    assert (tmp_path / "said").read_text() == f"drill SCENARIO=hang {uid} none /home/drill\n"
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("setpriv --reuid drill --regid drill --clear-groups env ")


@dataclass(frozen=True)
class Stepped:
    """What a step did with tools that only note what they are told."""

    status: int
    said: str
    did: list[str]
    folder: Path


TOLD = {
    "SCENARIO": "hang",
    "EXECUTION_ID": "0123abcd-0000-4000-8000-000000000000",
    "EVIDENCE_BUCKET": "evidence",
    "HOME_REGION": "ca-central-1",
    "RECOVERY_REGION": "ca-west-1",
    "WITNESS_REGION": "us-east-2",
    "OWN_SUFFIX": "prod",
    "TIER": "CRITICAL",
    "DRILL_SETTINGS": "-c homeRegion=ca-central-1 -c drills=freely",
    "DRILL_PROFILE": "dev",
    "DRILL_SUFFIXES": DRILL_SUFFIXES,
}
READS_THE_ID = 'sed -n \'s/.*"id": "\\([^"]*\\)".*/\\1/p\' "$3"'
"""As `python -c … FILE` prints it: the tests' own Python may lie where only its user may look."""
DEPLOYED_AS = {
    "ARTIFACTS_BUCKET": "artifacts",
    "HOME_CODE": "cac1",
    "RECOVERY_CODE": "caw1",
    "IMAGE_TAG": "0.1.0",
}


def stepped(tmp_path: Path, step: str, tools: dict[str, str], **told: str) -> Stepped:
    """The step's own text. `tools`: by name (`lifeline` is the one in .venv), what it does besides."""
    virtual = tmp_path / ".venv" / "bin"
    places = {"lifeline": virtual, "python": virtual, "cdk": tmp_path / "node_modules" / ".bin"}
    usual = {"make": "", "aws": "echo 0", "lifeline": "", "python": READS_THE_ID}
    for name, text in {**usual, **tools}.items():
        folder = places.get(name, tmp_path / "tools")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"#!/bin/bash\necho {name} $* >> {tmp_path}/did\n{text}\n")
        (folder / name).chmod(0o755)
    ended = subprocess.run(
        [*as_nobody(tmp_path), "bash", "-euo", "pipefail", STEPS / f"{step}.sh"],
        env={**os.environ, **TOLD, **told, "PATH": f"{tmp_path}/tools:{os.environ['PATH']}"},
        cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    did = tmp_path / "did"
    return Stepped(
        ended.returncode,
        ended.stdout + ended.stderr,
        did.read_text().splitlines() if did.exists() else [],
        tmp_path,
    )


LEAVES_EVIDENCE = "echo '{}' > build/drill/latest/evidence.json"


@pytest.mark.parametrize("passes", [True, False])
def test_the_environment_is_made_active_and_then_drilled(passes: bool, tmp_path: Path) -> None:
    """N16. Whether the drill passed is the next stage's question."""
    drilled = f'[[ "$*" != drill* ]] || {{ {LEAVES_EVIDENCE}; exit {int(not passes)}; }}'
    seen = stepped(tmp_path, "exercise", {"make": drilled}, ENVIRONMENT="yes")
    assert seen.status == 0, seen.said
    assert [one for one in seen.did if not one.startswith("aws ")] == [
        "make setup",
        "lifeline activate --suffix dr0123abcd --home ca-central-1 --recovery ca-west-1 --witness us-east-2",
        "make drill TARGET=aws SUFFIX=dr0123abcd SCENARIO=hang "
        "ARGS=-c homeRegion=ca-central-1 -c drills=freely",
    ]


def test_what_was_not_activated_is_not_drilled(tmp_path: Path) -> None:
    seen = stepped(tmp_path, "exercise", {"lifeline": "exit 1"}, ENVIRONMENT="yes")
    assert seen.status == 1
    assert not any("drill" in one for one in seen.did if one.startswith("make"))


def test_a_drill_that_left_no_evidence_ends_the_run(tmp_path: Path) -> None:
    seen = stepped(tmp_path, "exercise", {}, ENVIRONMENT="yes")
    assert seen.status == 1
    assert "left no evidence" in seen.said


def test_old_evidence_is_not_this_runs(tmp_path: Path) -> None:
    asked = 'case "$*" in *list-objects*) echo 1 ;; *"s3 cp"*) echo old > previous.json ;; esac'
    seen = stepped(tmp_path, "exercise", {"aws": asked}, ENVIRONMENT="yes")
    assert seen.status == 1
    seen = stepped_again(tmp_path, asked)
    assert seen.status == 0, seen.said
    assert (tmp_path / "again/build/drill/latest/previous.json").read_text() == "old\n"


def stepped_again(tmp_path: Path, asked: str) -> Stepped:
    folder = tmp_path / "again"
    folder.mkdir()
    drilled = f'[[ "$*" != drill* ]] || {LEAVES_EVIDENCE}'
    return stepped(folder, "exercise", {"aws": asked, "make": drilled}, ENVIRONMENT="yes")


def test_without_an_environment_nothing_is_exercised_and_the_stage_leaves_a_file(
    tmp_path: Path,
) -> None:
    seen = stepped(tmp_path, "exercise", {}, ENVIRONMENT="no")
    assert (seen.status, seen.did) == (0, [])
    assert (tmp_path / "build/drill/latest/none").exists()


def test_the_environment_says_when_it_ends_and_no_stage_of_its_run_is_later(tmp_path: Path) -> None:
    """`lifeline sweep` ends what says so; a run that is still going on must not be ended by it."""
    tools = {"zip": "", "cdk": "", "python": "echo bin"}
    seen = stepped(tmp_path, "deploy", tools, ENVIRONMENT="yes", **DEPLOYED_AS)
    assert seen.status == 0, seen.said
    (deployed,) = [one for one in seen.did if one.startswith("make deploy ")]
    (ends,) = set(re.findall(r"-c drillEndsAt=(\S+)", "\n".join(seen.did)))
    assert f"-c drillEndsAt={ends} " in deployed
    stages = (DEPLOY, EXERCISE, DRILL, VALIDATE, DESTROY)
    longest = timedelta(minutes=sum(one.timeout_minutes + QUEUED_MINUTES for one in stages))
    left = drill_end(ends) - datetime.now(UTC)
    assert longest < left < timedelta(hours=24)


@pytest.mark.parametrize("environment", ["yes", "no"])
def test_a_run_ends_with_a_sweep_of_what_the_pipeline_may_destroy(
    environment: str, tmp_path: Path
) -> None:
    """Also one without an environment: an earlier run's may be past its time."""
    seen = stepped(tmp_path, "destroy", {}, ENVIRONMENT=environment, ARTIFACTS_BUCKET="artifacts")
    assert seen.status == 0, seen.said
    assert seen.did[-1] == (
        "make sweep PROFILE=dev ARGS=--destroy --only 'dr????????' --home ca-central-1 --recovery ca-west-1 "
        "--witness us-east-2 -- -c homeRegion=ca-central-1 -c drills=freely"
    )
    destroyed = [one for one in seen.did if one.startswith("make destroy")]
    assert destroyed == (
        [
            "make destroy SUFFIX=dr0123abcd PROFILE=dev "
            "ARGS=--force --switch-back -c homeRegion=ca-central-1 -c drills=freely"
        ]
        if environment == "yes"
        else []
    )


def test_a_sweep_that_fails_ends_the_run_badly(tmp_path: Path) -> None:
    fails = '[[ "$*" != sweep* ]] || exit 1'
    seen = stepped(tmp_path, "destroy", {"make": fails}, ENVIRONMENT="no")
    assert seen.status == 1


def judged(tmp_path: Path, environment: str, statuses: dict[str, int]) -> Stepped:
    """`validate` over the evidence of a lab and of AWS; `statuses`: how each is judged."""
    told = {"ENVIRONMENT": environment}
    for kind, name in (("lab", "Evidence"), ("aws", "AwsDrill")):
        folder = tmp_path / kind
        folder.mkdir()
        (folder / "evidence.json").write_text(json.dumps({"id": f"run-{kind}"}))
        told[f"CODEBUILD_SRC_DIR_{name}"] = str(folder)
    (tmp_path / "aws" / "previous.json").write_text("{}")
    answers = " ".join(
        f'[[ "$*" != *"check"*"--target {kind}"* ]] || exit {status};'
        for kind, status in statuses.items()
    )
    return stepped(tmp_path, "validate", {"lifeline": answers, "aws": ""}, **told)


def test_each_evidence_is_judged_by_its_own_chain_and_kept(tmp_path: Path) -> None:
    seen = judged(tmp_path, "yes", {"lab": 0, "aws": 0})
    assert seen.status == 0, seen.said
    checks = [one for one in seen.did if one.startswith("lifeline evidence check")]
    assert [re.findall(r"--target (\w+)", one)[0] for one in checks] == ["lab", "aws"]
    assert checks[0].endswith("--first")
    assert checks[1].endswith(f"--previous {tmp_path}/aws/previous.json")
    kept = [one.split()[-1] for one in seen.did if one.startswith("aws s3 cp")]
    assert "s3://evidence/drills/run-lab/evidence.json" in kept
    assert "s3://evidence/drills/aws/run-aws/evidence.json" in kept
    assert {one for one in kept if "chain" in one} == {
        "s3://evidence/chain/latest.json", "s3://evidence/chain/aws/latest.json"
    }  # fmt: skip
    assert sum(one.startswith("lifeline evidence publish") for one in seen.did) == 2


def test_evidence_of_aws_that_fails_does_not_count_and_the_labs_does(tmp_path: Path) -> None:
    seen = judged(tmp_path, "yes", {"lab": 0, "aws": 1})
    assert seen.status == 1
    kept = [one.split()[-1] for one in seen.did if one.startswith("aws s3 cp")]
    assert "s3://evidence/drills-failed/aws/run-aws/evidence.json" in kept
    assert "s3://evidence/drills/run-lab/evidence.json" in kept
    (published,) = [one for one in seen.did if one.startswith("lifeline evidence publish")]
    assert "--target lab" in published


def test_what_is_no_evidence_is_not_kept_and_hides_nothing_else(tmp_path: Path) -> None:
    seen = judged(tmp_path, "yes", {"lab": 2, "aws": 0})
    assert seen.status == 1
    kept = [one for one in seen.did if one.startswith("aws s3 cp")]
    assert kept
    assert not any("run-lab" in one for one in kept)


def test_without_an_environment_the_lab_alone_is_judged(tmp_path: Path) -> None:
    seen = judged(tmp_path, "no", {"lab": 0, "aws": 2})
    assert seen.status == 0, seen.said
    assert not any("--target aws" in one for one in seen.did)


def test_make_hands_the_scenario_on_as_one_word(tmp_path: Path) -> None:
    said = subprocess.run(
        ["make", "-o", "setup", "drill", f"PY={tmp_path}/python", f"SCENARIO=x; touch {tmp_path}/hurt"],
        cwd=STEPS.parents[3], capture_output=True, text=True, timeout=20,
        env={**os.environ, "PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert said.returncode, "there is no such python"
    assert not (tmp_path / "hurt").exists()


def test_what_the_sweep_runs_is_written_once(make_stack: MakeStack) -> None:
    """A step of the source, which has the deploying role, cannot put another source in its place."""
    _, resources = made(make_stack)
    kept = statements(resources, "DeployPolicy")["SourceOfWhatWasDeployed"]
    assert kept["Action"] == "s3:PutObject"
    assert kept["Condition"] == {"Null": {"s3:if-none-match": "false"}}
    for step in ("CheckPolicy", "DrillPolicy", "ValidatePolicy"):
        assert "SourceOfWhatWasDeployed" not in statements(resources, step)
    text = (STEPS / "deploy.sh").read_text()
    put = "aws s3api put-object"
    assert "--if-none-match '*'" in text
    assert text.index(put) < text.index("make ")


def test_a_step_writes_no_artifact_but_its_own(make_stack: MakeStack) -> None:
    """The source of the run is an artifact, too: what a step wrote over it, the last stage would run."""
    _, resources = made(make_stack)
    written = {}
    for step in ("Check", "Deploy", "Drill", "Validate", "Destroy", "Sweep"):
        for one in statements(resources, f"{step}Policy").values():
            if "s3:PutObject" in as_list(one["Action"]):
                written[step, one["Sid"]] = as_list(one["Resource"])
    artifacts = {key: found for key, found in written.items() if "Artifact" in key[1]}
    assert set(artifacts) == {("Drill", "WriteEvidenceArtifact")}
    ((pattern,),) = artifacts.values()
    assert json.dumps(pattern).rstrip('"]} ').endswith("/drill-test/Evidence/*")


def test_every_question_before_a_deploy_is_allowed(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script's own calls against the policy: a refused one would make the alarms page at once."""
    asked: list[tuple[str, str]] = []

    def answer(client: Any, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        place = f"{client.meta.region_name}:{ACCOUNT}"
        if operation == "GetItem":
            asked.append(
                ("dynamodb:GetItem", f"arn:aws:dynamodb:{place}:table/{given['TableName']}")
            )
            return {}
        stack = f"arn:aws:cloudformation:{place}:stack/{given['StackName']}/0a1b"
        asked.append((f"cloudformation:{operation}", stack))
        return {"Stacks": []}

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", answer)
    before_deploy.quiet(
        suffix="dr0123abcd", home="ca-central-1", recovery="ca-west-1", witness="us-east-2"
    )
    assert len(asked) == 3
    _, resources = made(make_stack)
    allowed = statements(resources, "DeployPolicy").values()
    for action, resource in asked:
        assert any(
            action in as_list(one["Action"])
            and any(fnmatchcase(resource, pattern) for pattern in as_list(one["Resource"]))
            for one in allowed
        ), (action, resource)
    assert "SKIP_PREFLIGHT=all" in (STEPS / "deploy.sh").read_text()


def as_list(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else given


def test_no_role_may_assume_what_deploys_production(make_stack: MakeStack) -> None:
    _, resources = made(make_stack)
    assert "role/cdk-hnb659fds" not in json.dumps(of_type(resources, "IAM::ManagedPolicy"))


def test_deploying_is_assuming_the_bootstrap_roles_by_name(make_stack: MakeStack) -> None:
    _, resources = made(make_stack)
    (assume,) = [statements(resources, "DeployPolicy")["AssumeTheBootstrapRoles"]]
    assert assume["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert assume["Condition"] == {"StringLike": {"aws:RequestTag/Environment": "dr????????"}}
    assert sorted(assume["Resource"]) == sorted(
        f"arn:aws:iam::{ACCOUNT}:role/cdk-drills-{kind}-role-{ACCOUNT}-{region}"
        for kind in ("deploy", "file-publishing", "lookup")
        for region in ("ca-central-1", "ca-west-1", "us-east-2")
    )
    for step in ("CheckPolicy", "DrillPolicy", "ValidatePolicy"):
        assert "sts:AssumeRole" not in json.dumps(statements(resources, step))


def test_no_action_and_only_one_resource_is_a_bare_wildcard(make_stack: MakeStack) -> None:
    _, resources = made(make_stack)
    bare = set()
    for one in of_type(resources, "IAM::ManagedPolicy"):
        for statement in one["PolicyDocument"]["Statement"]:
            listed = statement["Resource"]
            for resource in listed if isinstance(listed, list) else [listed]:
                if resource == "*":
                    bare.add(statement["Sid"])
            actions = statement["Action"]
            assert not any("*" in a for a in (actions if isinstance(actions, list) else [actions]))
    assert bare == {
        "PublishTimes", "FindTheMigrations", "FindThePlan", "FindTheStacks", "FindTheTimelines",
        "FindWhatIsOver",
    }  # fmt: skip


def test_every_project_is_bounded_encrypted_and_without_privileges(make_stack: MakeStack) -> None:
    _, resources = made(make_stack)
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


def test_a_run_that_ends_badly_starts_the_sweep_and_pages(make_stack: MakeStack) -> None:
    _, resources = made(make_stack)
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


def test_four_schedules_start_scenarios_that_exist(make_stack: MakeStack) -> None:
    _, resources = made(make_stack)
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


def test_the_two_names_of_twelve_characters_fit(make_stack: MakeStack) -> None:
    _, resources = made(make_stack, environment_suffix="a23456789012")
    (pipeline,) = of_type(resources, "CodePipeline::Pipeline")
    assert (
        len(pipeline["Name"]) <= 20
    )  # artifacts lie under the first 20 characters, and so do grants
    assert all(
        len(one["RoleName"]) <= 64 for one in of_type(resources, "IAM::Role") if "RoleName" in one
    )


def test_only_the_home_region_has_it(make_stack: MakeStack) -> None:
    with pytest.raises(ValueError, match="allowed is the home region ca-central-1"):
        made(make_stack, region="ca-west-1")


@pytest.mark.parametrize("step", ALL)
def test_a_step_is_shell_and_reads_only_what_it_is_told(step: str, make_stack: MakeStack) -> None:
    text = (STEPS / f"{step}.sh").read_text()
    subprocess.run(["bash", "-n"], input=text, text=True, check=True, timeout=20)
    commands = json.loads(buildspec(step))["phases"]["build"]["commands"]
    assert text in commands[0]
    _, resources = made(make_stack)
    (project,) = [
        one
        for one in of_type(resources, "CodeBuild::Project")
        if one["Name"] == f"drill-{step}-test"
    ]
    told = {one["Name"] for one in project["Environment"]["EnvironmentVariables"]}
    told |= {"CODEBUILD_SRC_DIR_Evidence", "CODEBUILD_SRC_DIR_AwsDrill", "PWD", "PATH"}
    told |= set() if step == "sweep" else {"EXECUTION_ID", "SCENARIO", "ENVIRONMENT"}
    assert set(re.findall(r"\$\{?([A-Z][A-Za-z_]+)", text)) <= told


def sweep(tmp_path: Path, state: str, records: dict[str, int], *, destroys: bool = True) -> Swept:
    """The step's own text, with an `aws` that answers from a folder and a make that says its words.

    `records`: executions and the age of what they left, in seconds. `make` reads its standard input empty,
    as the real commands may.
    """
    now = datetime.now(UTC)
    listed = "\n".join(
        f"deployed/{name}.zip\t{(now - timedelta(seconds=age)).isoformat(timespec='seconds')}"
        for name, age in records.items()
    )
    (tmp_path / "listed").write_text((listed or "None") + "\n")
    with zipfile.ZipFile(tmp_path / "source.zip", "w") as source:
        source.writestr(
            "Makefile",
            f"setup destroy:\n\t@cat; echo $@ $(SUFFIX) $(filter --switch-back,$(ARGS)) >> {tmp_path}/made\n"
            f"\t@test {int(destroys)} = 1 || test $@ = setup\n",
        )
    aws = tmp_path / "aws"
    aws.write_text(
        "#!/bin/bash\n"
        f'echo "$*" >> {tmp_path}/asked\n'
        'case "$*" in\n'
        f"*list-objects-v2*) cat {tmp_path}/listed ;;\n"
        f"*get-pipeline-execution*) echo {state} ;;\n"
        f'"s3 cp"*) cp {tmp_path}/source.zip "${{@: -1}}" ;;\n'
        "esac\n"
    )
    aws.chmod(0o755)
    names = ("ARTIFACTS_BUCKET", "PIPELINE", "DRILL_PROFILE", "DRILL_SETTINGS")
    ended = subprocess.run(
        [*as_nobody(tmp_path), "bash", "-euo", "pipefail", STEPS / "sweep.sh"],
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            **{n: n.lower() for n in names},
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "--query Contents[].[Key,LastModified]" in (tmp_path / "asked").read_text()
    made = tmp_path / "made"
    return Swept(
        status=ended.returncode,
        made=made.read_text().split() if made.exists() else [],
        forgotten=re.findall(
            r"^s3 rm .*/deployed/(\S+)\.zip$", (tmp_path / "asked").read_text(), re.MULTILINE
        ),
    )


@pytest.mark.parametrize(
    ("state", "swept"), [("Failed", True), ("Stopped", True), ("InProgress", False)]
)
def test_the_sweep_destroys_what_ended_and_lets_be_what_runs(
    state: str, swept: bool, tmp_path: Path
) -> None:
    seen = sweep(tmp_path, state, {"0123abcd-ef": OLD})
    assert seen.status == 0
    assert seen.forgotten == (["0123abcd-ef"] if swept else [])
    assert seen.made == (["setup", "destroy", "dr0123abcd", "--switch-back"] if swept else [])


def test_a_record_is_kept_as_long_as_its_build_may_still_deploy(tmp_path: Path) -> None:
    """Stopped and abandoned, a build goes on: what it deploys after the sweep must be found by the next."""
    assert 60 * DEPLOY.timeout_minutes < OLD
    young = {"aaaaaaaa-1": 60 * DEPLOY.timeout_minutes, "bbbbbbbb-2": OLD, "cccccccc-3": 60}
    seen = sweep(tmp_path, "Stopped", young)
    assert seen.status == 0
    assert [one for one in seen.made if one.startswith("dr")] == [
        "draaaaaaaa",
        "drbbbbbbbb",
        "drcccccccc",
    ]
    assert seen.forgotten == ["bbbbbbbb-2"]


def test_what_could_not_be_destroyed_is_not_forgotten(tmp_path: Path) -> None:
    seen = sweep(tmp_path, "Failed", {"aaaaaaaa-1": OLD}, destroys=False)
    assert seen.status == 1
    assert seen.made == ["setup", "destroy", "draaaaaaaa", "--switch-back"]
    assert seen.forgotten == []


def test_a_sweep_of_nothing_does_nothing(tmp_path: Path) -> None:
    seen = sweep(tmp_path, "Failed", {})
    assert (seen.status, seen.made, seen.forgotten) == (0, [], [])


@pytest.mark.parametrize("step", ["Destroy", "Sweep"])
def test_every_question_before_a_destroy_is_allowed(
    make_stack: MakeStack, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script's own calls, each with the resource that it names, against the project's policy.

    After a drill both global stores write in the other region: they are brought home first.
    """
    asked: list[tuple[str, str]] = []
    moved: set[str] = set()
    world = "ldgnf-cache-dr0123abcd"
    here = f"ca-central-1:{ACCOUNT}"

    def answer(client: Any, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        action = f"{client.meta.service_model.service_name}:{operation}"
        if operation in ("DescribeDBClusters", "DescribeSecret"):
            place = f"ca-west-1:{ACCOUNT}"
            assert client.meta.region_name == "ca-west-1"
            if operation == "DescribeSecret":
                name = f"{given['SecretId']}-aBcDeF"
                asked.append((action, f"arn:aws:secretsmanager:{place}:secret:{name}"))
                return {"PrimaryRegion": "ca-central-1"}
            name = given["DBClusterIdentifier"]
            asked.append((action, f"arn:aws:rds:{place}:cluster:{name}"))
            return {"DBClusters": [{"DBClusterArn": f"arn:aws:rds:{place}:cluster:{name}"}]}
        if operation == "DescribeGlobalClusters":
            name = given["GlobalClusterIdentifier"]
            asked.append((action, f"arn:aws:rds::{ACCOUNT}:global-cluster:{name}"))
            members = [
                {
                    "DBClusterArn": f"arn:aws:rds:{place}:cluster:database-{code}-dr0123abcd",
                    "IsWriter": (code == "cac1") == ("database" in moved),
                }
                for place, code in ((here, "cac1"), (f"ca-west-1:{ACCOUNT}", "caw1"))
            ]
            return {"GlobalClusters": [{"GlobalClusterMembers": members}]}
        if operation == "SwitchoverGlobalCluster":
            moved.add("database")
            name = given["GlobalClusterIdentifier"]
            asked.append((action, f"arn:aws:rds::{ACCOUNT}:global-cluster:{name}"))
            asked.append((action, given["TargetDbClusterIdentifier"]))
            return {}
        if operation == "FailoverGlobalReplicationGroup":
            moved.add("cache")
            asked.append((action, f"arn:aws:elasticache::{ACCOUNT}:globalreplicationgroup:{world}"))
            return {}
        if operation == "DescribeReplicationGroups":
            name = given["ReplicationGroupId"]
            asked.append((action, f"arn:aws:elasticache:{here}:replicationgroup:{name}"))
            found = {"GlobalReplicationGroupInfo": {"GlobalReplicationGroupId": world}}
            return {"ReplicationGroups": [found]}
        name = given["GlobalReplicationGroupId"]
        asked.append((action, f"arn:aws:elasticache::{ACCOUNT}:globalreplicationgroup:{name}"))
        region = "ca-central-1" if "cache" in moved else "ca-west-1"
        member = {"ReplicationGroupRegion": region, "Role": "PRIMARY"}
        return {"GlobalReplicationGroups": [{"Members": [member]}]}

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", answer)
    monkeypatch.setattr(
        "sys.argv", ["before_destroy.py", "--suffix", "dr0123abcd", "--switch-back"]
    )
    assert before_destroy.main() == 0
    assert len(set(asked)) == 8
    _, resources = made(make_stack)
    allowed = [
        (action, resource)
        for one in statements(resources, f"{step}Policy").values()
        for action in listed(one["Action"])
        for resource in listed(one["Resource"])
        if isinstance(resource, str)
    ]
    for action, arn in asked:
        assert any(action == a and fnmatchcase(arn, r) for a, r in allowed), (action, arn)
        other = arn.replace("dr0123abcd", "prod")
        assert not any(action == a and fnmatchcase(other, r) for a, r in allowed), (action, other)


def test_the_last_stage_may_list_the_stacks_of_its_three_regions(make_stack: MakeStack) -> None:
    """What `lifeline sweep` calls: DescribeStacks without a name takes ListStacks, too, and no resource."""
    _, resources = made(make_stack)
    (found,) = [
        one
        for one in statements(resources, "DestroyPolicy").values()
        if listed(one["Resource"]) == ["*"] and "cloudformation:DescribeStacks" in one["Action"]
    ]
    assert found["Action"] == ["cloudformation:DescribeStacks", "cloudformation:ListStacks"]
    assert found["Condition"] == {
        "StringEquals": {"aws:RequestedRegion": ["ca-central-1", "ca-west-1", "us-east-2"]}
    }


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_the_packs_find_nothing(make_stack: MakeStack) -> None:
    made(make_stack, nag=True)
