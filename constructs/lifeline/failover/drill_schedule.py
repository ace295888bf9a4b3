"""When which drill runs by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from lifeline.foundation.function import allow
from lifeline.foundation.service_principal import service_principal
from lifeline.site import Site

START = "aws-sdk:codepipeline:startPipelineExecution"
LATE_MINUTES = 60
ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class Drilling:
    """`scenario` of `python -m drill list`; `environment`: whether a throw-away one is deployed around it."""

    name: str
    scenario: str
    cron: str
    """Six fields, UTC."""
    environment: bool


DRILLINGS = (
    Drilling(name="daily", scenario="region-loss", cron="0 7 * * ? *", environment=False),
    Drilling(name="weekly", scenario="link-cut", cron="0 9 ? * MON *", environment=False),
    Drilling(name="monthly", scenario="hang", cron="0 11 2 * ? *", environment=True),
    Drilling(
        name="quarterly", scenario="region-loss", cron="0 13 15 1,4,7,10 ? *", environment=True
    ),
)
"""The two rare ones deploy both regions: hours of MSK and Aurora, so not every day. A drill counts for 90
days: a quarter is longer, the monthly one keeps within."""


class DrillSchedule(Construct):
    """Starts the pipeline with the scenario of each of `drillings`.

    Covers: a drill that nobody remembers. Does not cover: a start that fails for an hour; the alarm on
    overdue drills does.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        pipeline_name: str,
        drillings: Sequence[Drilling] = DRILLINGS,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        role = iam.Role(
            self,
            "Role",
            role_name=site.names.cross_region_name("drill-schedule", "role"),
            description="Starts drills when they are due",
            assumed_by=service_principal("scheduler.amazonaws.com", site),
        )
        policy = iam.ManagedPolicy(self, "Policy", roles=[role])
        allow(
            policy,
            "StartDrills",
            ["codepipeline:StartPipelineExecution"],
            [site.arn("codepipeline", pipeline_name)],
        )
        for one in drillings:
            made = scheduler.CfnSchedule(
                self,
                one.name.capitalize(),
                name=site.names.regional_name(f"drill-{one.name}", "rule"),
                description=f"Starts the drill {one.scenario}.",
                schedule_expression=f"cron({one.cron})",
                flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
                target=scheduler.CfnSchedule.TargetProperty(
                    arn=f"arn:{site.partition}:scheduler:::{START}",
                    role_arn=role.role_arn,
                    input=_start(pipeline_name, one),
                    retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=LATE_MINUTES * 60,
                        maximum_retry_attempts=ATTEMPTS,
                    ),
                ),
            )
            made.node.add_dependency(policy)


def _start(pipeline_name: str, drilling: Drilling) -> str:
    """The API's request, its members capitalized as the scheduler takes them."""
    variables = {
        "SCENARIO": drilling.scenario,
        "ENVIRONMENT": "yes" if drilling.environment else "no",
    }
    return json.dumps(
        {
            "Name": pipeline_name,
            "Variables": [{"Name": name, "Value": value} for name, value in variables.items()],
        }
    )
