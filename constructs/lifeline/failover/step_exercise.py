"""Does the reads of every step of the failover plan, every five minutes (D12)."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from lifeline.failover.minute_loop import MAX_START_AGE_SECONDS
from lifeline.foundation.function import Function
from lifeline.site import Site

EXERCISE_MINUTES = 5


class StepExercise(Construct):
    """Starts `step` as the plan does, but to read only; an exercise that failed is not repeated.

    Covers: a route, a permission or a name that a step will miss; a function that Lambda put to sleep
    because nobody called it for weeks. Does not cover: the steps' writes, whose permissions are proved from
    the templates, and the functions of further steps, which their owners keep awake.
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
        age = Duration.seconds(MAX_START_AGE_SECONDS)
        step.function.configure_async_invoke(retry_attempts=0, max_event_age=age)
        step.without_dead_letters(
            "The state machine waits for its answers; an exercise that failed is done again in five minutes."
        )
        self.rule = events.Rule(
            self,
            "EveryFiveMinutes",
            rule_name=site.names.regional_name("failover-step", "rule"),
            description="Does what the failover plan's steps read, and changes nothing.",
            schedule=events.Schedule.rate(Duration.minutes(EXERCISE_MINUTES)),
            targets=[
                targets.LambdaFunction(
                    step.function,
                    event=events.RuleTargetInput.from_object(
                        {"step": "exercise", "region": site.region.name}
                    ),
                    retry_attempts=0,
                    max_event_age=age,
                )
            ],
        )
