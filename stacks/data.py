"""Data: the region's member of the global database."""

from __future__ import annotations

from constructs import Construct

from lifeline.data.global_database import GlobalDatabase
from lifeline.site import Site
from stacks.foundation import Foundation
from stacks.site_stack import SiteStack


class Data(SiteStack):
    """Derived state; it can be rebuilt from the log."""

    def __init__(self, scope: Construct, *, site: Site, foundation: Foundation) -> None:
        super().__init__(scope, site, "data", description="The global database's member")
        keys = foundation.keys.seen_from(self)
        self.database = GlobalDatabase(
            self, "Database", site=site, network=foundation.network, keys=keys
        )
