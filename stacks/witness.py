"""Witness: the lease, a third pair of eyes, and who is told when it sees nothing. No patient data."""

from __future__ import annotations

from constructs import Construct

from lifeline.failover import witness as failover
from lifeline.foundation.alert_topics import AlertTopics
from lifeline.foundation.keys import Purpose, RegionKeys
from lifeline.observability.alarms import Alarms
from lifeline.observability.failover_alarms import witness_alarms
from lifeline.site import Site
from lifeline.stacks.site_stack import SiteStack


class Witness(SiteStack):
    """Without it automatic failover is off."""

    def __init__(self, scope: Construct, *, site: Site) -> None:
        super().__init__(scope, site, "witness", description="The lease and a third vantage point")
        purposes = (Purpose.LOGS, Purpose.SECRETS)
        keys = RegionKeys(self, "Keys", site=site, purposes=purposes).keys
        # The id is left out of logical ids: the lease table's stays what it was.
        failover.Witness(self, "Default", site=site, keys=keys)
        AlertTopics(self, "Alerts", site=site, keys=keys)
        Alarms(self, "Alarms", site=site, specs=witness_alarms(site))
