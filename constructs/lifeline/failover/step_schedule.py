"""What calls the failover step's function between failovers, every five minutes."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from lifeline.failover.minute_loop import MAX_START_AGE_SECONDS
from lifeline.foundation.function import Function
from lifeline.site import Site

CALL_MINUTES = 5


def every_five_minutes(
    scope: Construct, *, site: Site, step: Function, name: str, what: str, description: str
) -> events.Rule:
    """A rule `name` that calls `step` for `what`; a call that failed is not repeated: the next one is due."""
    return events.Rule(
        scope,
        "EveryFiveMinutes",
        rule_name=site.names.regional_name(name, "rule"),
        description=description,
        schedule=events.Schedule.rate(Duration.minutes(CALL_MINUTES)),
        targets=[
            targets.LambdaFunction(
                step.function,
                event=events.RuleTargetInput.from_object(
                    {"step": what, "region": site.region.name}
                ),
                retry_attempts=0,
                max_event_age=Duration.seconds(MAX_START_AGE_SECONDS),
            )
        ],
    )
