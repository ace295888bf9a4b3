"""One stage of the drill pipeline: a CodeBuild project with a role, a log and a shell step of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge, acknowledge_pattern
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.site import Site

STEPS = Path(__file__).parent / "drill_steps"
IMAGE = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
PYTHON = "3.12"
QUEUED_MINUTES = 30
CHECKED = """\
# What whoever starts a run may choose: nothing else reaches a command of the step.
if ! [[ "$SCENARIO" =~ ^[a-z][a-z-]*$ && " $SCENARIOS " == *" $SCENARIO "* ]]; then
  echo "refused: SCENARIO is ${SCENARIO@Q}; allowed is one of: $SCENARIOS"
  exit 2
fi
if ! [[ "$ENVIRONMENT" == yes || "$ENVIRONMENT" == no ]]; then
  echo "refused: ENVIRONMENT is ${ENVIRONMENT@Q}; allowed is yes or no"
  exit 2
fi
if [[ "$ENVIRONMENT" == yes && " $AWS_SCENARIOS " != *" $SCENARIO "* ]]; then
  echo "refused: SCENARIO is ${SCENARIO@Q}; allowed with an environment is one of: $AWS_SCENARIOS"
  exit 2
fi
if ! [[ "$EXECUTION_ID" =~ ^[0-9a-f]{8}-[0-9a-f-]{27}$ ]]; then
  echo "refused: EXECUTION_ID is ${EXECUTION_ID@Q}; allowed is the id of an execution"
  exit 2
fi
"""
"""Stands before every step of the pipeline, in the template."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a step may use. arm64, as everything it builds is; `medium` has 4 cores and 8 GiB, `large` 8
    and 16."""

    size: str
    timeout_minutes: int


class DrillProject(Construct):
    """Runs `drill_steps/{step}.sh`, which stands in the template: a source cannot change what its own role
    is used for.

    Covers: a step that hangs (its timeout), two at once of one that must be alone (one build at a time).
    Does not cover: the step's own retries. No privileged mode, no VPC: it calls public endpoints only.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        step: str,
        description: str,
        machine: Machine,
        environment: Mapping[str, str],
        keys: Keys | None = None,
        in_pipeline: bool = True,
        artifacts: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self.name = site.names.regional_name(f"drill-{step}")
        self.arn = site.arn("codebuild", f"project/{self.name}")
        log_group_name = f"/lifeline/{self.name}"
        group = log_group(
            self,
            "Logs",
            site=site,
            keys=keys,
            name=log_group_name,
        )
        self.role = iam.Role(
            self,
            "Role",
            role_name=site.names.cross_region_name(f"drill-{step}", "role"),
            description=f"{description} (runs as this role)",
            assumed_by=iam.ServicePrincipal(
                "codebuild.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceArn": self.arn}},
            ),
        )
        self.policy = iam.ManagedPolicy(self, "Policy", roles=[self.role])
        streams = site.arn("logs", f"log-group:{log_group_name}:log-stream:*")
        self.allow(
            "WriteLogs",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [streams],
        )
        self.acknowledge_pattern(
            streams, reason="CodeBuild names the streams of this one log group itself."
        )
        kind = "CODEPIPELINE" if in_pipeline else "NO_ARTIFACTS"
        self.project = codebuild.CfnProject(
            self,
            "Project",
            name=self.name,
            description=description,
            service_role=self.role.role_arn,
            encryption_key=keys.logs.key_arn,
            artifacts=codebuild.CfnProject.ArtifactsProperty(type=kind),
            source=codebuild.CfnProject.SourceProperty(
                type="CODEPIPELINE" if in_pipeline else "NO_SOURCE",
                build_spec=buildspec(step, artifacts, checked=in_pipeline),
            ),
            environment=codebuild.CfnProject.EnvironmentProperty(
                type="ARM_CONTAINER",
                compute_type=f"BUILD_GENERAL1_{machine.size.upper()}",
                image=IMAGE,
                privileged_mode=False,
                environment_variables=[
                    codebuild.CfnProject.EnvironmentVariableProperty(
                        name=name, value=value, type="PLAINTEXT"
                    )
                    for name, value in sorted(environment.items())
                ],
            ),
            logs_config=codebuild.CfnProject.LogsConfigProperty(
                cloud_watch_logs=codebuild.CfnProject.CloudWatchLogsConfigProperty(
                    status="ENABLED", group_name=group.log_group_name
                )
            ),
            timeout_in_minutes=machine.timeout_minutes,
            queued_timeout_in_minutes=QUEUED_MINUTES,
            concurrent_build_limit=1,
        )
        self.project.node.add_dependency(self.policy)
        acknowledge(
            self.project,
            "CodeBuildProjectSourceRepoUrl",
            reason="Reads no repository: its source is the pipeline's encrypted artifact, or none.",
        )

    def allow(
        self,
        sid: str,
        actions: Sequence[str],
        resources: Sequence[str],
        conditions: Mapping[str, object] | None = None,
    ) -> None:
        """Let the step do `actions` on `resources`; wildcard actions are refused."""
        allow(self.policy, sid, actions, resources, conditions)

    def acknowledge_pattern(self, *patterns: str, reason: str) -> None:
        """The reason why resources of the policy end in a wildcard."""
        acknowledge_pattern(self.policy, *patterns, reason=reason)


def buildspec(
    step: str, artifacts: Mapping[str, object] | None = None, *, checked: bool = True
) -> str:
    """The step's shell text as a build specification. Any command that fails ends it.

    `checked`: the run's variables are checked before it.
    """
    text = (CHECKED if checked else "") + (STEPS / f"{step}.sh").read_text()
    made: dict[str, object] = {
        "version": 0.2,
        "env": {"shell": "bash"},
        "phases": {
            "install": {"runtime-versions": {"python": PYTHON}},
            # From a file, not from standard input, which the step's own commands would read from.
            "build": {
                "commands": [
                    f"cat > /tmp/step.sh <<'STEP'\n{text}STEP\n",
                    "bash -euo pipefail /tmp/step.sh < /dev/null",
                ]
            },
        },
    }
    if artifacts is not None:
        made["artifacts"] = dict(artifacts)
    return json.dumps(made, indent=1)
