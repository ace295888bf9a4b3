"""Does the reads of every step of the failover plan, every five minutes (D12)."""

from __future__ import annotations

from aws_cdk import Duration
from constructs import Construct

from lifeline.failover.minute_loop import MAX_START_AGE_SECONDS
from lifeline.failover.step_schedule import every_five_minutes
from lifeline.foundation.function import Function
from lifeline.site import Site


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
        self.rule = every_five_minutes(
            self,
            site=site,
            step=step,
            name="failover-step",
            what="exercise",
            description="Does what the failover plan's steps read, and changes nothing.",
        )
