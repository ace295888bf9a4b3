"""What an environment has in its witness region: the lease, and a third pair of eyes."""

from __future__ import annotations

from constructs import Construct

from lifeline.failover.probe import Probe
from lifeline.failover.tables import LeaseTable
from lifeline.foundation.keys import Keys
from lifeline.site import Site


class Witness(Construct):
    """The lease table and a probe of both regions. No patient data.

    Covers: two regions that both believe to be active, one observer that is cut off, and both regions lost:
    its probe tells that nobody serves (A22). Does not cover: the loss of the witness itself, during which
    nobody takes over (A2). Raises ValueError in a stack of any other region than the environment's witness.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self.lease = LeaseTable(self, "Lease", site=site)
        self.probe = Probe(
            self,
            "Probe",
            site=site,
            regions=[site.settings.home, site.settings.recovery],
            results=self.lease.reference,
            keys=Keys.or_default(self, keys),
        )
