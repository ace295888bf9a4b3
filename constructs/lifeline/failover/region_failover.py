"""Everything a failover into one region needs, composed."""

from __future__ import annotations

from collections.abc import Sequence

from constructs import Construct

from lifeline.failover.evidence_bucket import EvidenceBucket
from lifeline.failover.failover_plan import FailoverPlan
from lifeline.failover.failover_step import CONCURRENCY, FailoverStep
from lifeline.failover.keeper import Keeper
from lifeline.failover.lag_meter import LagMeter
from lifeline.failover.probe import Probe
from lifeline.failover.region_parts import RegionDatabase, RegionStores, RegionWorkload
from lifeline.failover.tables import RegionStateTable
from lifeline.foundation.function import Placement
from lifeline.foundation.keys import Keys
from lifeline.foundation.network import Network
from lifeline.lambdas.failover.further_steps import PlanStep
from lifeline.site import Site


class RegionFailover(Construct):
    """State table, probe, step, plan, keeper and lag meter of one region: the same in both regions.

    `further_steps` go into the plan: steps of the user's own, each with its own function.

    Covers: the loss of the other region (this one becomes active by itself, if the witness and its own
    probe agree), and the other way round by its twin there. Does not cover: what makes the standby a copy,
    which is the stores' own replication; the lease table, which the witness region holds (`LeaseTable`).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        network: Network,
        database: RegionDatabase,
        workload: RegionWorkload,
        stores: RegionStores,
        evidence: EvidenceBucket,
        further_steps: Sequence[PlanStep] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        beside_the_database = Placement(vpc=network.vpc, security_groups=[network.database_clients])
        self.region_state = RegionStateTable(self, "Authority", site=site)
        self.probe = Probe(
            self,
            "Probe",
            site=site,
            regions=[site.peer.region],
            results=self.region_state.reference,
            keys=keys,
        )
        self.step = FailoverStep(
            self,
            "Step",
            site=site,
            keys=keys,
            placement=beside_the_database,
            database=database,
            region_state=self.region_state,
            workload=workload,
            stores=stores,
            evidence=evidence,
            # An attempt that was given up lives on for a few seconds beside the next one.
            concurrency=CONCURRENCY + 2 * len(further_steps),
        )
        self.plan = FailoverPlan(
            self,
            "Plan",
            site=site,
            step=self.step.function,
            keys=keys,
            further_steps=further_steps,
        )
        self.keeper = Keeper(
            self,
            "Keeper",
            site=site,
            keys=keys,
            placement=beside_the_database,
            database=database,
            region_state=self.region_state,
            workload=workload,
            plan=self.plan,
        )
        self.lag_meter = LagMeter(
            self,
            "LagMeter",
            site=site,
            keys=keys,
            placement=Placement(
                vpc=network.vpc, security_groups=[network.database_clients, network.cache_clients]
            ),
            database=database,
            region_state=self.region_state,
            serve_url=workload.serve_url,
            stores=stores,
            evidence=evidence,
        )
