"""Drill: what `make drill TARGET=aws` breaks a region with, and where it finds the region.

Only where the settings let drills in. The stack's tag `Drills` says how: an environment without this stack
cannot be drilled, and no drill asks anything else whether it may.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, Tags
from constructs import Construct

from lifeline.failover.drill_breaker import DrillBreaker
from lifeline.settings import DrillUse
from lifeline.site import Site
from lifeline.stacks.application import Application
from lifeline.stacks.foundation import Foundation
from lifeline.stacks.site_stack import SiteStack

MARK = "Drills"


class Drill(SiteStack):
    """Raises ValueError where the settings say `never`."""

    def __init__(
        self, scope: Construct, *, site: Site, foundation: Foundation, application: Application
    ) -> None:
        if site.settings.drills is DrillUse.NEVER:
            raise ValueError(
                f"Drills are {DrillUse.NEVER} allowed here; allowed is a setting drills of "
                f"{DrillUse.CONFIRMED} or {DrillUse.FREELY}."
            )
        super().__init__(scope, site, "drill", description="Breaks the region for drills")
        Tags.of(self).add(MARK, site.settings.drills)
        self.breaker = DrillBreaker(
            self,
            "Breaker",
            site=site,
            keys=foundation.keys.in_stack(self),
            network_acl_id=foundation.network.vpc.vpc_default_network_acl,
            cluster_name=application.services.cluster_name,
        )
        self.add_stack_dependency(application, "its API's role is denied, its tasks are stopped")
        identity = application.identity
        for name, value in {
            "ApiUrl": application.api.url,
            "TokenUrl": identity.token_url,
            "UserPoolId": identity.pool_id,
            "EdgeClientId": identity.edges.ref,
            "BreakerArn": self.breaker.state_machine_arn,
            "Profile": site.settings.profile.name,
            "Witness": site.settings.witness_region or "none",
        }.items():
            CfnOutput(self, name, value=value)
