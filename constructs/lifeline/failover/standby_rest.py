"""Lowers the standby's services to 0 tasks, every five minutes (strategy pilot light)."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from lifeline.failover.minute_loop import MAX_START_AGE_SECONDS
from lifeline.foundation.function import Function
from lifeline.site import Site

REST_MINUTES = 5


class StandbyRest(Construct):
    """Calls `step` to lower both services while the other region holds the lease.

    A count in the template would not do: each deploy would set it, also in the region that is active by now.
    Covers: a new environment, whose services start with one task each; a region that lost its role. Does not
    cover: raising, which is the plan's alone.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        step: Function,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self.rule = events.Rule(
            self,
            "EveryFiveMinutes",
            rule_name=site.names.regional_name("standby-rest", "rule"),
            description="Lowers the services to 0 tasks while the other region is active.",
            schedule=events.Schedule.rate(Duration.minutes(REST_MINUTES)),
            targets=[
                targets.LambdaFunction(
                    step.function,
                    event=events.RuleTargetInput.from_object(
                        {"step": "rest", "region": site.region.name}
                    ),
                    retry_attempts=0,
                    max_event_age=Duration.seconds(MAX_START_AGE_SECONDS),
                )
            ],
        )
