"""The keeper: renews its region's lease, or judges the holder and takes the lease from it."""

from __future__ import annotations

from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge_pattern
from lifeline.data.database_member import IGlobalDatabase
from lifeline.failover.authority_function import AuthorityFunction
from lifeline.failover.failover_plan import FailoverPlan
from lifeline.failover.minute_loop import LOOP_CONCURRENCY, LOOP_TIMEOUT_SECONDS, MinuteLoop
from lifeline.failover.region_parts import RegionWorkload, address_of
from lifeline.failover.tables import RegionStateTable
from lifeline.foundation.alert_topics import AlertTopics, Severity
from lifeline.foundation.function import Placement, Size
from lifeline.foundation.item_table import TableReference
from lifeline.foundation.keys import Keys
from lifeline.lambdas.contracts.keeper import KeeperContract
from lifeline.site import Site


class Keeper(Construct):
    """A cycle every 5 s, by overlapping runs (A7). It starts `plan` when its region must become active.

    Covers: the loss of the other region, seen by two observers (A12); a keeper that dies between two of
    its writes. Does not cover: a loss beyond the tier's RPO, for which it waits for a person's approval
    (D9); an environment without a witness, where it keeps its own region serving, takes over for nobody and
    says so (A21), or without a standby, where nobody could.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        placement: Placement,
        database: IGlobalDatabase,
        region_state: RegionStateTable,
        workload: RegionWorkload,
        plan: FailoverPlan,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self.function = AuthorityFunction(
            self,
            # Left out of logical ids: those of the function's role and log group stay what they were.
            "Default",
            site=site,
            package="keeper",
            description="Renews the lease, judges the peer, decides",
            contract=KeeperContract(
                suffix=site.settings.environment_suffix,
                peer_region=site.peer_region,
                witness_region="" if site.lease_site is None else site.lease_site.region.name,
                lease_table=site.lease_table,
                region_state_table=region_state.table_name,
                database=address_of(database),
                own_api_url=workload.api_url,
                page_topic_arn=AlertTopics.arn(site, Severity.CRITICAL),
                query_api_url=workload.query_api_url,
                state_machine_arn=plan.state_machine_arn,
                tier_rpo_seconds=site.settings.tier.rpo_seconds,
                replication_signal=workload.replication_signal,
                automatic_hand_over=site.settings.automatic_hand_over,
                plan_budget_seconds=plan.budget_seconds,
            ),
            size=Size(
                memory_mib=512, timeout_seconds=LOOP_TIMEOUT_SECONDS, concurrency=LOOP_CONCURRENCY
            ),
            keys=keys,
            placement=placement,
            database=database,
            region_state=region_state,
        )
        policy, lease = self.function.policy, TableReference.lease(site)
        # Its ARN is text here: without this the plan could be made after who starts it, and go before it.
        self.function.function.node.add_dependency(plan.state_machine)
        plan.grant_start(policy)
        plan.grant_look(policy)
        acknowledge_pattern(
            policy,
            plan.executions_arn,
            reason="One execution for each epoch and run: the numbers are not known beforehand.",
        )
        region_state.reference.grant_put(policy)
        if lease is not None:
            # Its region's line in the directory.
            lease.grant_put(policy)
        if site.has_standby:
            # A promise of the other region, asked for when the witness is out of reach (A2).
            TableReference.region_state(site.peer).grant_update(policy)
        MinuteLoop(self, "Loop", site=site, function=self.function, rule_name="keeper")
