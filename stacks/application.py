"""Application: the services and the API of the region."""

from __future__ import annotations

from constructs import Construct

from lifeline.application.events_api import EventsApi
from lifeline.application.services import Services
from lifeline.site import Site
from stacks.data import Data
from stacks.foundation import Foundation
from stacks.site_stack import SiteStack
from stacks.streaming import Streaming


class Application(SiteStack):
    """What integrators see."""

    def __init__(
        self,
        scope: Construct,
        *,
        site: Site,
        foundation: Foundation,
        data: Data,
        streaming: Streaming,
    ) -> None:
        super().__init__(scope, site, "application", description="Services and API")
        keys = foundation.keys.seen_from(self)
        self.services = Services(
            self,
            "Services",
            site=site,
            network=foundation.network,
            database=data.database,
            stream=streaming.stream,
            log=streaming.log,
            keys=keys,
        )
        self.api = EventsApi(
            self,
            "Events",
            site=site,
            vpc=foundation.network.vpc,
            stream=streaming.stream,
            serve=self.services.serve,
            keys=keys,
        )
