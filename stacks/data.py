"""Data: the region's member of the global database."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from constructs import Construct

from lifeline.data.global_database import GlobalDatabase
from lifeline.site import Site
from stacks.foundation import Foundation
from stacks.site_stack import SiteStack


class Data(SiteStack):
    """Derived state; it can be rebuilt from the log."""

    def __init__(self, scope: Construct, *, site: Site, foundation: Foundation) -> None:
        super().__init__(scope, site, "data", description="The global database's member")
        key = kms.Key.from_key_arn(self, "Key", foundation.key.key_arn)
        self.database = GlobalDatabase(
            self, "Database", site=site, network=foundation.network, key=key
        )
