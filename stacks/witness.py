"""Witness: the lease and a third pair of eyes. No patient data."""

from __future__ import annotations

from constructs import Construct

from lifeline.failover.probe import Probe
from lifeline.failover.tables import LeaseTable
from lifeline.foundation.keys import Purpose, RegionKeys
from lifeline.site import Site
from lifeline.stacks.site_stack import SiteStack


class Witness(SiteStack):
    """Without it automatic failover is off."""

    def __init__(self, scope: Construct, *, site: Site) -> None:
        super().__init__(scope, site, "witness", description="The lease and a third vantage point")
        purposes = (Purpose.LOGS, Purpose.SECRETS)
        keys = RegionKeys(self, "Keys", site=site, purposes=purposes).keys
        lease = LeaseTable(self, "Lease", site=site)
        Probe(
            self,
            "Probe",
            site=site,
            regions=[site.settings.home, site.settings.recovery],
            results=lease.reference,
            keys=keys,
        )
