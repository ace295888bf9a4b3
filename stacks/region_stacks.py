"""The stacks of one region, wired to each other."""

from __future__ import annotations

import aws_cdk as cdk

from lifeline.settings import DrillUse
from lifeline.site import Site
from lifeline.stacks.application import Application
from lifeline.stacks.data import Data
from lifeline.stacks.drill import Drill
from lifeline.stacks.failover import Failover
from lifeline.stacks.foundation import Foundation
from lifeline.stacks.observability import Observability
from lifeline.stacks.replication import Replication
from lifeline.stacks.streaming import Streaming


class RegionStacks:
    """In the order in which they are deployed; destroyed in the reverse of it."""

    def __init__(self, app: cdk.App, *, site: Site) -> None:
        self.foundation = Foundation(app, site=site)
        self.data = Data(app, site=site, foundation=self.foundation)
        self.streaming = Streaming(app, site=site, foundation=self.foundation)
        self.application = Application(
            app, site=site, foundation=self.foundation, data=self.data, streaming=self.streaming
        )
        self.failover = Failover(
            app,
            site=site,
            foundation=self.foundation,
            data=self.data,
            application=self.application,
        )
        self.replication = Replication(
            app,
            site=site,
            foundation=self.foundation,
            data=self.data,
            streaming=self.streaming,
            application=self.application,
            failover=self.failover,
        )
        self.replication.add_stack_dependency(self.failover, "the evidence bucket is replicated")
        Observability(
            app,
            site=site,
            data=self.data,
            streaming=self.streaming,
            application=self.application,
            cache=self.replication.cache,
            buckets=self.replication.buckets,
        )
        if site.settings.drills is not DrillUse.NEVER:
            Drill(app, site=site, foundation=self.foundation, application=self.application)
