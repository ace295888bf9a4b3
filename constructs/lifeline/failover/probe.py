"""The probe: looks at other regions as an edge would, and says UNKNOWN when it cannot see."""

from __future__ import annotations

from collections.abc import Sequence

from constructs import Construct

from lifeline.failover.minute_loop import (
    LOOP_CONCURRENCY,
    LOOP_TIMEOUT_SECONDS,
    MinuteLoop,
)
from lifeline.foundation.function import Function, Size
from lifeline.foundation.item_table import TableReference
from lifeline.foundation.keys import Keys
from lifeline.lambdas.contracts.probe import ProbeContract
from lifeline.regions import Region
from lifeline.site import Site


class Probe(Construct):
    """Writes samples of `regions` into the table `results`.

    Covers: an observer that is itself cut off (its control probe fails: UNKNOWN). Does not cover: a
    region that answers and is wrong; the keeper's own health says that.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        regions: Sequence[Region],
        results: TableReference,
        keys: Keys | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        lease = TableReference.lease(site)
        self.function = Function(
            self,
            "Function",
            site=site,
            package="probe",
            description="Judges the public path of the other regions",
            contract=ProbeContract(
                suffix=site.settings.environment_suffix,
                witness_region="" if site.lease_site is None else site.lease_site.region.name,
                lease_table=site.lease_table,
                results_table=results.table_name,
                probe_regions=tuple(region.name for region in regions),
            ),
            size=Size(
                memory_mib=256, timeout_seconds=LOOP_TIMEOUT_SECONDS, concurrency=LOOP_CONCURRENCY
            ),
            keys=keys,
        )
        results.grant_update(self.function.policy)
        if lease is not None and results != lease:
            # The directory, which says where the regions are.
            lease.grant_read(self.function.policy)
        MinuteLoop(self, "Loop", site=site, function=self.function, rule_name="probe")
