"""Copies: what the recovery region keeps where nothing of it could become active (strategy backup only)."""

from __future__ import annotations

from constructs import Construct

from lifeline.data.backup_vault import CopyVault
from lifeline.failover.evidence_bucket import EvidenceBucket
from lifeline.foundation.audit import AuditTrail
from lifeline.foundation.bucket import Bucket, BucketEmptying
from lifeline.foundation.keys import Purpose, RegionKeys
from lifeline.site import Site
from lifeline.stacks.site_stack import SiteStack
from lifeline.streaming.topic_archive import archive_lifecycle

A_COPY = (
    "It holds the home region's copy (strategy backup only, ADR 23); home keeps its own, and a copy of a "
    "copy would go back there."
)


class Copies(SiteStack):
    """The vault and the buckets that home copies to, each encrypted with this region's keys.

    Nothing here calls another region, and nothing runs but what empties vault and buckets when the stack is
    deleted.
    """

    def __init__(self, scope: Construct, *, site: Site) -> None:
        super().__init__(scope, site, "copies", description="Copies of the home region's backups")
        keys = RegionKeys(self, "Keys", site=site).keys
        emptying = BucketEmptying(self, "Emptying", site=site, keys=keys)
        self.vault = CopyVault(self, "Backups", site=site, keys=keys)
        audit = AuditTrail(
            self, "Audit", site=site, keys=keys, emptying=emptying, not_replicated=A_COPY
        )
        access_log = audit.access_log.bucket_name
        EvidenceBucket(
            self,
            "Evidence",
            site=site,
            keys=keys,
            emptying=emptying,
            access_log=access_log,
            not_replicated=A_COPY,
        )
        Bucket(
            self,
            "Archive",
            site=site,
            keys=keys,
            name="archive",
            purpose=Purpose.DATA,
            emptying=emptying,
            access_log=access_log,
            lifecycle=archive_lifecycle(site.settings.profile.archive_days),
            not_replicated=A_COPY,
        )
