"""DrPipeline: the drills that run by themselves. Home region only, where the profile asks for them."""

from __future__ import annotations

from constructs import Construct

from lifeline.failover import dr_pipeline
from lifeline.site import Site
from lifeline.stacks.foundation import Foundation
from lifeline.stacks.site_stack import SiteStack


class DrPipeline(SiteStack):
    """Nothing stands on it; a recovery never needs it."""

    def __init__(self, scope: Construct, *, site: Site, foundation: Foundation) -> None:
        super().__init__(scope, site, "drpipeline", description="Drills by schedule")
        self.pipeline = dr_pipeline.DrPipeline(
            self,
            "Drills",
            site=site,
            keys=foundation.keys.in_stack(self),
            emptying=foundation.emptying,
        )
