"""A function that is started every minute and loops for nearly three: runs overlap, nothing is missed."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from lifeline.foundation.function import Function
from lifeline.site import Site

LOOP_TIMEOUT_SECONDS = 180
"""The loop ends itself after 175 s (rule A7)."""
LOOP_CONCURRENCY = 5
"""Three overlap; two more for a start that is late."""
MAX_START_AGE_SECONDS = 60


class MinuteLoop(Construct):
    """Starts `function` every minute; a start that failed is not repeated (A7): the next one is due.

    Covers: one run that dies, or two in a row. Does not cover: a scheduler that stands still for longer
    than a run lasts; the other region then sees the lease expire.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        function: Function,
        rule_name: str,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        function.function.configure_async_invoke(
            retry_attempts=0, max_event_age=Duration.seconds(MAX_START_AGE_SECONDS)
        )
        function.without_dead_letters(
            "A start that failed is worth nothing a minute later, when the next one is due (rule A7)."
        )
        self.rule = events.Rule(
            self,
            "EveryMinute",
            rule_name=site.names.regional_name(rule_name, "rule"),
            description="Starts the next of the overlapping runs.",
            schedule=events.Schedule.rate(Duration.minutes(1)),
            targets=[
                targets.LambdaFunction(
                    function.function,
                    retry_attempts=0,
                    max_event_age=Duration.seconds(MAX_START_AGE_SECONDS),
                )
            ],
        )
