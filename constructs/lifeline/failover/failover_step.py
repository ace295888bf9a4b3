"""The function behind every step of the failover plan, with what each step may touch."""

from __future__ import annotations

from constructs import Construct

from lifeline.failover.authority_function import AuthorityFunction
from lifeline.failover.evidence_bucket import EvidenceBucket
from lifeline.failover.region_parts import RegionDatabase, RegionStores, RegionWorkload
from lifeline.failover.store_promotion import allow_store_promotion
from lifeline.failover.tables import RegionStateTable
from lifeline.foundation.function import Placement, Size
from lifeline.foundation.keys import Keys
from lifeline.lambdas.failover.plan import PLAN
from lifeline.site import Site

CONCURRENCY = 10
TIMEOUT_SECONDS = max(step.timeout_seconds for step in PLAN) + 5
"""Barely more than the longest task waits: a run whose task was given up must not act much later."""


class FailoverStep(Construct):
    """One function, one step a call. It acts on this region's side of each store, and on nothing else's.

    Covers: a step that is called twice, late, or after its answer was lost: each looks before it acts.
    Does not cover: a call that the state machine gave up, which may still act for a few seconds.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site,
        keys: Keys,
        placement: Placement,
        database: RegionDatabase,
        region_state: RegionStateTable,
        workload: RegionWorkload,
        stores: RegionStores,
        evidence: EvidenceBucket,
    ) -> None:
        super().__init__(scope, construct_id)
        self._site = site
        own_cluster = site.arn("rds", f"cluster:{database.identifier}")
        self.function = AuthorityFunction(
            self,
            # Left out of logical ids: those of the function's role and log group stay what they were.
            "Default",
            site=site,
            package="failover_step",
            description="Runs one step of the recovery plan",
            environment={
                "GLOBAL_CLUSTER": database.global_identifier,
                "OWN_CLUSTER_ARN": own_cluster,
                "PEER_DATABASE_HOST": "",
                "PEER_DATABASE_PORT": "",
                "ECS_CLUSTER": workload.cluster_name,
                "PROCESSOR_SERVICE": workload.processor_name,
                "PROCESSOR_TASKS": str(workload.processor_tasks),
                "EVIDENCE_BUCKET": evidence.bucket_name,
                "CACHE_GROUP": stores.cache_group,
                "FILE_SYSTEM_ID": stores.file_system_id,
                "ADMIN_SECRET": stores.admin_secret,
                "TOKEN_URL": workload.identity.token_url,
                "TOKEN_CLIENT_ID": workload.identity.plan_client_id,
                "USER_POOL_ID": workload.identity.pool_id,
            },
            size=Size(memory_mib=512, timeout_seconds=TIMEOUT_SECONDS, concurrency=CONCURRENCY),
            keys=keys,
            placement=placement,
            database=database,
            region_state=region_state,
            api_url=workload.api_url,
        )
        self.function.without_dead_letters(
            "Called by the state machine only, which waits for the answer."
        )
        self._promote_the_database(database, own_cluster)
        self.function.allow(
            "RaiseCapacity",
            ["ecs:DescribeServices", "ecs:UpdateService"],
            [site.arn("ecs", f"service/{workload.cluster_name}/{workload.processor_name}")],
        )
        workload.identity.grant_secrets(self.function.policy)
        allow_store_promotion(self.function, site=site, stores=stores)
        evidence.grant_put(
            self.function.policy,
            "recover-e*.json",
            reason="One object for each epoch: the number is not known beforehand.",
        )

    def _promote_the_database(self, database: RegionDatabase, own_cluster: str) -> None:
        site = self._site
        world = f"arn:aws:rds::{site.account}:global-cluster:{database.global_identifier}"
        peer_cluster = site.peer.arn("rds", f"cluster:{database.peer_identifier}")
        self.function.allow(
            "PromoteTheDatabase",
            [
                "rds:DescribeGlobalClusters",
                "rds:FailoverGlobalCluster",
                "rds:RemoveFromGlobalCluster",
            ],
            [world, own_cluster, peer_cluster],
        )
