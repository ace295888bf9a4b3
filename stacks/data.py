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
        vpc, clients = network.vpc, network.database_clients
        self.database = GlobalDatabase(
            self, "Database", site=site, vpc=vpc, keys=keys, rotation_security_groups=[clients]
        )
        self.database.connections.allow_default_port_from(
            clients, "Workloads that join database clients"
        )
        self.files = SharedFiles(self, "Files", site=site, vpc=vpc, keys=keys)
        self.files.connections.allow_default_port_from(
            network.file_clients, "Workloads that join file clients"
        )
        self.cache: SessionCache | None = None
        if site.is_home:
            self.cache = SessionCache(self, "Cache", site=site, vpc=vpc, keys=keys)
            self.cache.connections.allow_default_port_from(
                network.cache_clients, "Workloads that join cache clients"
            )
        self.backups = Backups(
            self,
            "Backups",
            site=site,
            keys=keys,
            stores=[self.database.protected, self.files.protected],
        )
