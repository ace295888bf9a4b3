"""What every stack shares: a concrete region, an account only if one was given, three zones, tags."""

from __future__ import annotations

from typing import Any

from aws_cdk import Environment, Fn, Stack, Tags
from constructs import Construct

from lifeline.capacity import AVAILABILITY_ZONES
from lifeline.settings import DRILL_ENDS_AT
from lifeline.site import Site


class SiteStack(Stack):
    """One stack of one region. Zones are asked of CloudFormation, never of an account at synth."""

    def __init__(self, scope: Construct, site: Site, kind: str, **properties: Any) -> None:
        super().__init__(
            scope,
            f"{kind.capitalize()}-{site.region.code}",
            stack_name=site.names.cross_region_name(kind, "stack"),
            env=Environment(account=site.settings.account, region=site.region.name),
            termination_protection=site.settings.deletion_protection,
            **properties,
        )
        Site.attach(self, site)
        self.site = site
        Tags.of(self).add("Environment", site.settings.environment_suffix)
        Tags.of(self).add("Project", "Lifeline")
        Tags.of(self).add("Compliance", "HIPAA")
        if site.settings.drill_ends_at is not None:
            Tags.of(self).add(DRILL_ENDS_AT, site.settings.drill_ends_at)

    @property
    def availability_zones(self) -> list[str]:
        """The first three zones, named by the region itself when the stack is deployed."""
        return [Fn.select(number, Fn.get_azs()) for number in range(AVAILABILITY_ZONES)]
