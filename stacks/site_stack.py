"""What every stack shares: a concrete region, an account only if one was given, three zones, tags."""

from __future__ import annotations

from typing import Any

from aws_cdk import DefaultStackSynthesizer, Environment, Fn, Stack, Tags
from constructs import Construct

from lifeline.capacity import AVAILABILITY_ZONES
from lifeline.failover.drill_boundary import TAG, bind
from lifeline.failover.drill_names import DRILL_QUALIFIER
from lifeline.settings import DRILL_ENDS_AT
from lifeline.site import Site

BOOTSTRAP_QUALIFIER = "@aws-cdk/core:bootstrapQualifier"
"""The CDK's own context key."""


class SiteStack(Stack):
    """One stack of one region. Zones are asked of CloudFormation, never of an account at synth."""

    def __init__(self, scope: Construct, site: Site, kind: str, **properties: Any) -> None:
        drilled = scope.node.try_get_context(BOOTSTRAP_QUALIFIER) == DRILL_QUALIFIER
        if drilled:
            properties |= {"synthesizer": _tagging_its_sessions(site.settings.environment_suffix)}
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
        Tags.of(self).add(TAG, site.settings.environment_suffix)
        Tags.of(self).add("Project", "Lifeline")
        Tags.of(self).add("Compliance", "HIPAA")
        if site.settings.drill_ends_at is not None:
            Tags.of(self).add(DRILL_ENDS_AT, site.settings.drill_ends_at)
        if drilled:
            bind(self)

    @property
    def availability_zones(self) -> list[str]:
        """The first three zones, named by the region itself when the stack is deployed."""
        return [Fn.select(number, Fn.get_azs()) for number in range(AVAILABILITY_ZONES)]


def _tagging_its_sessions(suffix: str) -> DefaultStackSynthesizer:
    """The CDK's own, with the environment as a tag of each session of the bootstrap's roles."""
    options = {"Tags": [{"Key": TAG, "Value": suffix}]}
    return DefaultStackSynthesizer(
        qualifier=DRILL_QUALIFIER,
        deploy_role_additional_options=options,
        file_asset_publishing_role_additional_options=options,
        image_asset_publishing_role_additional_options=options,
        lookup_role_additional_options=options,
    )
