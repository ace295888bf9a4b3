"""The function behind every step of the failover plan, with what each step may touch."""

from __future__ import annotations

from constructs import Construct

from lifeline.application.edge_identity import EdgeIdentity
from lifeline.data.database_member import IGlobalDatabase
from lifeline.failover.authority_function import AuthorityFunction
from lifeline.failover.evidence_bucket import EvidenceBucket
from lifeline.failover.region_parts import RegionStores, RegionWorkload, address_of
from lifeline.failover.standby_rest import StandbyRest
from lifeline.failover.step_exercise import StepExercise
from lifeline.failover.store_promotion import allow_store_promotion
from lifeline.failover.tables import RegionStateTable
from lifeline.foundation.alert_topics import AlertTopics, Severity
from lifeline.foundation.function import Placement, Size
from lifeline.foundation.item_table import TableReference
from lifeline.foundation.keys import Keys
from lifeline.lambdas.contracts.failover_step import ApiClient, FailoverStepContract
from lifeline.lambdas.failover.plan import LONGEST_STEP_SECONDS
from lifeline.site import Site

CONCURRENCY = 10


class FailoverStep(Construct):
    """One function, one step a call. It acts on this region's side of each store, and on nothing else's.

    Without `evidence` a run's timeline stands in the state machine's own history and log.
    Covers: a step that is called twice, late, or after its answer was lost: each looks before it acts.
    Does not cover: a call that the state machine gave up, which may still act for a few seconds.
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
        stores: RegionStores,
        evidence: EvidenceBucket | None = None,
        concurrency: int = CONCURRENCY,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        if site.has_standby and not database.peer_identifier:
            raise ValueError(
                f"{self.node.path} was given a database that does not name its member in the other region, "
                "so the plan could not promote it; give its `peer_identifier`."
            )
        self._site = site
        own_cluster = site.arn("rds", f"cluster:{database.identifier}")
        self.function = AuthorityFunction(
            self,
            # Left out of logical ids: those of the function's role and log group stay what they were.
            "Default",
            site=site,
            package="failover_step",
            description="Runs one step of the recovery plan",
            contract=FailoverStepContract(
                peer_region=site.peer_region,
                witness_region="" if site.lease_site is None else site.lease_site.region.name,
                lease_table=site.lease_table,
                region_state_table=region_state.table_name,
                database=address_of(database),
                own_api_url=workload.api_url,
                page_topic_arn=AlertTopics.arn(site, Severity.CRITICAL),
                suffix=site.settings.environment_suffix,
                global_cluster=database.global_identifier,
                own_cluster_arn=own_cluster,
                ecs_cluster=workload.cluster_name,
                applier_service=workload.applier_name,
                applier_tasks=workload.applier_tasks,
                query_api_service=workload.query_api_name,
                query_api_tasks=workload.query_api_tasks,
                evidence_bucket="" if evidence is None else evidence.bucket_name,
                api_client=_api_client(workload.identity),
                replication_signal=workload.replication_signal,
                cache_group=stores.cache_group,
                file_system_id=stores.file_system_id,
                admin_secret=stores.admin_secret,
            ),
            size=Size(
                memory_mib=512, timeout_seconds=LONGEST_STEP_SECONDS, concurrency=concurrency
            ),
            keys=keys,
            placement=placement,
            database=database,
            region_state=region_state,
        )
        StepExercise(self, "Exercise", site=site, step=self.function)
        if workload.services_rest:
            StandbyRest(self, "Rest", site=site, step=self.function)
        if site.lease_site == site and site.has_standby:
            # Without a witness each step asks whether a person made the other region active (A21).
            TableReference.region_state(site.peer).grant_update(self.function.policy)
        self._promote_the_database(database, own_cluster)
        if workload.applier_name:
            self.function.allow(
                "RaiseCapacity",
                ["ecs:DescribeServices", "ecs:UpdateService"],
                [
                    site.arn("ecs", f"service/{workload.cluster_name}/{name}")
                    for name in (workload.applier_name, workload.query_api_name)
                    if name
                ],
            )
        if workload.identity is not None:
            workload.identity.grant_secrets(self.function.policy)
        allow_store_promotion(self.function, site=site, stores=stores)
        if evidence is not None:
            evidence.grant_put(
                self.function.policy,
                "recover-e*.json",
                reason="One object for each run of an epoch: the numbers are not known beforehand.",
            )

    def _promote_the_database(self, database: IGlobalDatabase, own_cluster: str) -> None:
        site = self._site
        global_cluster = site.global_arn("rds", f"global-cluster:{database.global_identifier}")
        members = [own_cluster]
        if site.has_standby:
            members.append(site.peer.arn("rds", f"cluster:{database.peer_identifier}"))
        self.function.allow(
            "PromoteTheDatabase",
            [
                "rds:DescribeGlobalClusters",
                "rds:FailoverGlobalCluster",
                "rds:RemoveFromGlobalCluster",
            ],
            [global_cluster, *members],
        )


def _api_client(identity: EdgeIdentity | None) -> ApiClient:
    if identity is None:
        return ApiClient()
    return ApiClient(
        token_url=identity.token_url,
        token_client_id=identity.plan_client_id,
        user_pool_id=identity.pool_id,
    )
