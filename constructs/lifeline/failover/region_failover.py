"""Everything a failover into one region needs, composed."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from lifeline.data.database_member import IGlobalDatabase
from lifeline.failover.evidence_bucket import EvidenceBucket
from lifeline.failover.failover_plan import FailoverPlan
from lifeline.failover.failover_step import CONCURRENCY, FailoverStep
from lifeline.failover.keeper import Keeper
from lifeline.failover.lag_meter import LagMeter
from lifeline.failover.probe import Probe
from lifeline.failover.region_parts import RegionStores, RegionWorkload, parts_of
from lifeline.failover.tables import LeaseTable, RegionStateTable
from lifeline.foundation.alert_topics import AlertTopics
from lifeline.foundation.function import Placement
from lifeline.foundation.keys import Keys
from lifeline.lambdas.failover.further_steps import PlanStep
from lifeline.site import Site


class RegionFailover(Construct):
    """State table, probe, step, plan, keeper and lag meter of one region: the same in both regions.

    The functions stand in the private subnets of `vpc` and in `database_clients`, the group that the database
    lets in; without one they get a group of their own, and `database.connections` lets it in.
    `alert_topics` are the region's topics for pages; without them it makes them. Without `evidence` a run's
    record stands in the state machine's own log. `further_steps` go into the plan: steps of the user's own,
    each with its own function.

    Covers: the loss of the other region (this one becomes active by itself, if the witness and its own
    probe agree), and the other way round by its twin there. Does not cover: what makes the standby a copy,
    which is the stores' own replication; the lease table, which the witness region holds (`Witness`), or
    without a witness this construct, too: then a person makes it active (A21).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        vpc: ec2.IVpc,
        database: IGlobalDatabase,
        database_clients: ec2.ISecurityGroup | None = None,
        workload: RegionWorkload,
        stores: RegionStores | None = None,
        alert_topics: AlertTopics | None = None,
        evidence: EvidenceBucket | None = None,
        further_steps: Sequence[PlanStep] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        stores = stores or RegionStores()
        self.alert_topics = alert_topics or AlertTopics(self, "Alerts", site=site, keys=keys)
        clients = database_clients or self._clients(vpc, database)
        beside_the_database = Placement(vpc=vpc, security_groups=[clients])
        self.region_state = RegionStateTable(self, "Authority", site=site)
        self.lease = LeaseTable(self, "Lease", site=site) if site.lease_site == site else None
        """The region's own, without a witness (A21)."""
        self.probe: Probe | None = None
        """Of the other region; None where none could become active, or has to be judged."""
        if site.has_standby:
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
            parts=parts_of(workload, stores),
            services_rest=workload.services_rest,
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
        beside_the_stores = [clients, *([stores.cache_clients] if stores.cache_clients else [])]
        self.lag_meter = LagMeter(
            self,
            "LagMeter",
            site=site,
            keys=keys,
            placement=Placement(vpc=vpc, security_groups=beside_the_stores),
            database=database,
            region_state=self.region_state,
            query_api_url=workload.query_api_url,
            stores=stores,
            evidence=evidence,
        )

    def _clients(self, vpc: ec2.IVpc, database: IGlobalDatabase) -> ec2.ISecurityGroup:
        if not database.connections.security_groups:
            raise ValueError(
                f"{self.node.path} was given a database without a security group, which lets nobody in; "
                "give the database its `security_group`, or `database_clients`, the group that it lets in."
            )
        group = ec2.SecurityGroup(
            self,
            "Clients",
            vpc=vpc,
            description="Keeper, plan and lag meter.",
            allow_all_outbound=True,
        )
        database.connections.allow_default_port_from(group, "Keeper, plan and lag meter")
        return group
