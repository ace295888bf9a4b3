"""Data: the region's stores and their backups."""

from __future__ import annotations

from constructs import Construct

from lifeline.data.backups import Backups
from lifeline.data.global_database import GlobalDatabase
from lifeline.data.session_cache import SessionCache
from lifeline.data.shared_files import SharedFiles
from lifeline.site import Site
from lifeline.stacks.foundation import Foundation
from lifeline.stacks.site_stack import SiteStack


class Data(SiteStack):
    """Derived state; it can be rebuilt from the log.

    The recovery region's cache is not here: it joins a global datastore whose id home made up, so it
    lives in the Replication stack.
    """

    def __init__(self, scope: Construct, *, site: Site, foundation: Foundation) -> None:
        super().__init__(scope, site, "data", description="Database, cache, files, backups")
        keys = foundation.keys.in_stack(self)
        network = foundation.network
        self.database = GlobalDatabase(self, "Database", site=site, network=network, keys=keys)
        self.files = SharedFiles(self, "Files", site=site, network=network, keys=keys)
        self.cache = (
            SessionCache(self, "Cache", site=site, network=network, keys=keys)
            if site.is_home
            else None
        )
        self.backups = Backups(
            self,
            "Backups",
            site=site,
            keys=keys,
            tier=site.settings.tier,
            stores=[self.database.protected, self.files.protected],
        )
