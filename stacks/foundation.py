"""Foundation: the region's key, network, image repository and page topic."""

from __future__ import annotations

from constructs import Construct

from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from lifeline.foundation.image_repository import ImageRepository
from lifeline.foundation.keys import RegionKeys
from lifeline.foundation.network import Network
from lifeline.foundation.page_topic import PageTopic
from lifeline.site import Site
from stacks.site_stack import SiteStack


class Foundation(SiteStack):
    """What everything in the region stands on."""

    def __init__(self, scope: Construct, *, site: Site) -> None:
        super().__init__(scope, site, "foundation", description="Keys, network, pages")
        self.keys = RegionKeys(self, "Keys", site=site).keys
        self.network = Network(self, "Network", site=site, keys=self.keys)
        ClosedDefaultGroup(
            self, "ClosedDefaultGroup", site=site, vpc=self.network.vpc, keys=self.keys
        )
        ImageRepository(self, "Images", site=site, keys=self.keys)
        self.page_topic = PageTopic(self, "Pages", site=site, keys=self.keys).topic
