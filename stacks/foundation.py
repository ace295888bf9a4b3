"""Foundation: the region's key, network, image repository, alert topics and audit trail."""

from __future__ import annotations

from constructs import Construct

from lifeline.foundation.alert_topics import AlertTopics, Severity
from lifeline.foundation.audit import AuditTrail
from lifeline.foundation.bucket import BucketEmptying
from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from lifeline.foundation.images import ImageRepositories
from lifeline.foundation.keys import RegionKeys
from lifeline.foundation.network import Network
from lifeline.site import Site
from lifeline.stacks.site_stack import SiteStack


class Foundation(SiteStack):
    """What everything in the region stands on."""

    def __init__(self, scope: Construct, *, site: Site) -> None:
        super().__init__(scope, site, "foundation", description="Keys, network, alerts, audit")
        self.keys = RegionKeys(self, "Keys", site=site).keys
        self.network = Network(self, "Network", site=site, keys=self.keys)
        ClosedDefaultGroup(
            self, "ClosedDefaultGroup", site=site, vpc=self.network.vpc, keys=self.keys
        )
        ImageRepositories(self, "Images", site=site, keys=self.keys)
        self.alerts = AlertTopics(self, "Alerts", site=site, keys=self.keys)
        self.page_topic = self.alerts.of(Severity.CRITICAL)
        self.emptying = BucketEmptying(self, "Emptying", site=site, keys=self.keys)
        self.audit = AuditTrail(self, "Audit", site=site, keys=self.keys, emptying=self.emptying)
