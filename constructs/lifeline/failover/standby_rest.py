"""Lowers the standby's services to 0 tasks, every five minutes (strategy pilot light)."""

from __future__ import annotations

from constructs import Construct

from lifeline.failover.step_schedule import every_five_minutes
from lifeline.foundation.function import Function
from lifeline.site import Site


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
        self.rule = every_five_minutes(
            self,
            site=site,
            step=step,
            name="standby-rest",
            what="rest",
            description="Lowers the services to 0 tasks while the other region is active.",
        )
