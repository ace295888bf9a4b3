"""What follows a drill that ended badly: the sweep starts, and a person is told."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.failover.pipeline_project import DrillProject
from lifeline.foundation.alert_topics import AlertTopics, Severity
from lifeline.foundation.function import allow
from lifeline.foundation.service_principal import service_principal
from lifeline.site import Site

BAD_ENDS = ("CANCELED", "FAILED", "STOPPED", "SUPERSEDED")
BAD_BUILDS = ("FAILED", "FAULT", "STOPPED", "TIMED_OUT")
DAILY_SWEEP = "cron(0 3 * * ? *)"


class DrillAlerts(Construct):
    """Covers: a failed drill that leaves an environment behind, or that nobody hears of. Does not cover: a
    run that never starts; the alarm on overdue drills does."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        pipeline_name: str,
        sweep: DrillProject,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self._site = site
        ended = {
            "source": ["aws.codepipeline"],
            "detail-type": ["CodePipeline Pipeline Execution State Change"],
        }
        swept = {
            "source": ["aws.codebuild"],
            "detail-type": ["CodeBuild Build State Change"],
            "detail": {"project-name": [sweep.name], "build-status": list(BAD_BUILDS)},
        }
        starting = self._starting(sweep)
        to_sweep = events.CfnRule.TargetProperty(
            id="Sweep", arn=sweep.arn, role_arn=starting.role_arn
        )
        self._rule(
            "Ended",
            "drill-ended-badly",
            "Destroys what a drill that ended badly left behind.",
            [to_sweep],
            {**ended, "detail": {"pipeline": [pipeline_name], "state": list(BAD_ENDS)}},
        )
        self._rule("Daily", "drill-sweep", "Destroys what drills left behind.", [to_sweep], None)
        self._rule(
            "Failed",
            "drill-failed",
            "Tells that a drill failed.",
            [
                self._tell(
                    "The drill pipeline <what> ended as <how>. It drills in environments of its own.",
                    "pipeline",
                    "state",
                )
            ],
            {**ended, "detail": {"pipeline": [pipeline_name], "state": ["FAILED"]}},
        )
        self._rule(
            "Unswept",
            "drill-unswept",
            "Tells that leftovers of a drill keep billing.",
            [
                self._tell(
                    "The sweep <what> ended as <how>: an environment keeps billing.",
                    "project-name",
                    "build-status",
                )
            ],
            swept,
        )

    def _starting(self, sweep: DrillProject) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            role_name=self._site.names.cross_region_name("drill-sweep-start", "role"),
            description="Starts the sweep",
            assumed_by=service_principal("events.amazonaws.com", self._site),
        )
        policy = iam.ManagedPolicy(self, "Policy", roles=[role])
        allow(policy, "StartTheSweep", ["codebuild:StartBuild"], [sweep.arn])
        return role

    def _tell(self, sentence: str, what: str, how: str) -> events.CfnRule.TargetProperty:
        return events.CfnRule.TargetProperty(
            id="Page",
            arn=AlertTopics.arn(self._site, Severity.CRITICAL),
            input_transformer=events.CfnRule.InputTransformerProperty(
                input_paths_map={"what": f"$.detail.{what}", "how": f"$.detail.{how}"},
                input_template=f'"CRITICAL: {sentence} Runbook: docs/runbooks/drill-pipeline.md"',
            ),
        )

    def _rule(
        self,
        construct_id: str,
        name: str,
        description: str,
        targets: list[events.CfnRule.TargetProperty],
        pattern: dict[str, Any] | None,
    ) -> None:
        """On `pattern`, or daily without one."""
        events.CfnRule(
            self,
            construct_id,
            name=self._site.names.regional_name(name, "rule"),
            description=description,
            event_pattern=pattern,
            schedule_expression=None if pattern else DAILY_SWEEP,
            targets=targets,
        )
