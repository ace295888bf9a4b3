"""Recovery: the region's keeper, probe, plan and evidence. The grants are written here, both ends seen."""

from __future__ import annotations

from constructs import Construct

from lifeline.application.services import LEASE_TTL_SECONDS
from lifeline.compliance.acknowledge import acknowledge_pattern
from lifeline.data.global_database import DATABASE_NAME, WORKLOAD_USER
from lifeline.data.session_cache import cache_name, hosts_parameter, user_name
from lifeline.failover.evidence_bucket import EvidenceBucket
from lifeline.failover.failover_plan import FailoverPlan
from lifeline.failover.lag_meter import DatabaseReading, LagMeter, MeasuredStores
from lifeline.failover.minute_loop import LOOP_CONCURRENCY, LOOP_TIMEOUT_SECONDS, MinuteLoop
from lifeline.failover.probe import Probe
from lifeline.failover.store_promotion import allow_store_promotion
from lifeline.failover.tables import AuthorityTable
from lifeline.foundation.function import Function, Placement, Size
from lifeline.lambdas.failover.plan import PLAN
from lifeline.site import Site
from lifeline.stacks.application import Application
from lifeline.stacks.data import Data
from lifeline.stacks.foundation import Foundation
from lifeline.stacks.site_stack import SiteStack

ITEM_ACTIONS = ("dynamodb:GetItem", "dynamodb:UpdateItem")
STEP_CONCURRENCY = 10
STEP_TIMEOUT_SECONDS = max(step.timeout_seconds for step in PLAN) + 5
"""Barely more than the longest task waits: a run whose task was given up must not act much later."""


class Failover(SiteStack):
    """Everything a failover into this region needs; it calls this region, the witness and data planes."""

    def __init__(
        self,
        scope: Construct,
        *,
        site: Site,
        foundation: Foundation,
        data: Data,
        application: Application,
    ) -> None:
        super().__init__(scope, site, "failover", description="Keeper, probe, plan, evidence")
        self._foundation, self._data, self._application = foundation, data, application
        self._keys = foundation.keys.in_stack(self)
        self._table = AuthorityTable(
            self, "Authority", site=site, resource_type="region-state", expires=True
        )
        self._evidence = EvidenceBucket(
            self,
            "Evidence",
            site=site,
            keys=self._keys,
            emptying=foundation.emptying,
            access_log=foundation.audit.access_log.bucket_name,
        )
        Probe(
            self,
            "Probe",
            site=site,
            regions=[site.peer.region],
            results=self._table,
            keys=self._keys,
        )
        step = self._step()
        plan = FailoverPlan(self, "Plan", site=site, step=step, keys=self._keys)
        self._keeper(plan)
        self._lag_meter()

    def _keeper(self, plan: FailoverPlan) -> None:
        keeper = self._function(
            "Keeper",
            package="keeper",
            description="Renews the lease, judges the peer, decides",
            environment={
                "SERVE_URL": self._application.api.serve_url,
                "STATE_MACHINE_ARN": plan.state_machine_arn,
                "TIER_RPO_SECONDS": str(self.site.settings.tier.rpo_seconds),
            },
            size=Size(
                memory_mib=512, timeout_seconds=LOOP_TIMEOUT_SECONDS, concurrency=LOOP_CONCURRENCY
            ),
        )
        keeper.allow("StartThePlan", ["states:StartExecution"], [plan.state_machine_arn])
        witness = self.site.witness
        written = [self._table.table_arn]
        if witness is not None:
            written.append(witness.table_arn(self.site.lease_table))
        keeper.allow("NoteDecisionsAndTheDirectory", ["dynamodb:PutItem"], written)
        keeper.allow(
            "PromiseToThePeer",
            list(ITEM_ACTIONS),
            [self.site.peer.table_arn(self._table.table_name)],
        )
        MinuteLoop(self, "KeeperLoop", site=self.site, function=keeper, rule_name="keeper")

    def _lag_meter(self) -> None:
        site, database, network = self.site, self._data.database, self._foundation.network
        LagMeter(
            self,
            "LagMeter",
            site=site,
            keys=self._keys,
            placement=Placement(
                vpc=network.vpc, security_groups=[network.database_clients, network.cache_clients]
            ),
            database=DatabaseReading(
                hosts=database.hosts,
                port=database.port,
                name=DATABASE_NAME,
                user=WORKLOAD_USER,
                sign_in_arn=database.sign_in_arn,
            ),
            stores=MeasuredStores(
                serve_url=self._application.api.serve_url,
                region_state_table=self._table.table_name,
                evidence_bucket=self._evidence.bucket_name,
                file_system_id=self._data.files.file_system_id,
                admin_secret=database.credentials.secret_name,
                cache_group=cache_name(site),
                cache_user=user_name(site),
                cache_hosts_parameter=hosts_parameter(site),
            ),
        )

    def _step(self) -> Function:
        site = self.site
        database, services = self._data.database, self._application.services
        identity = self._application.identity
        cluster_arn = site.arn("rds", f"cluster:{database.identifier}")
        step = self._function(
            "Step",
            package="failover_step",
            description="Runs one step of the recovery plan",
            environment={
                "GLOBAL_CLUSTER": database.global_identifier,
                "OWN_CLUSTER_ARN": cluster_arn,
                "PEER_DATABASE_HOST": "",
                "PEER_DATABASE_PORT": "",
                "ECS_CLUSTER": services.cluster_name,
                "PROCESSOR_SERVICE": services.processor_name,
                "PROCESSOR_TASKS": str(site.settings.capacity.processor_tasks),
                "EVIDENCE_BUCKET": self._evidence.bucket_name,
                "CACHE_GROUP": cache_name(site),
                "FILE_SYSTEM_ID": self._data.files.file_system_id,
                "ADMIN_SECRET": database.credentials.secret_name,
                "TOKEN_URL": identity.token_url,
                "TOKEN_CLIENT_ID": identity.plan_client_id,
                "USER_POOL_ID": identity.pool_id,
            },
            size=Size(
                memory_mib=512, timeout_seconds=STEP_TIMEOUT_SECONDS, concurrency=STEP_CONCURRENCY
            ),
        )
        step.without_dead_letters("Called by the state machine only, which waits for the answer.")
        world = site.global_arn("rds", f"global-cluster:{database.global_identifier}")
        peer = site.peer
        peer_cluster = peer.arn(
            "rds", f"cluster:{peer.names.cross_region_name('database', 'database')}"
        )
        step.allow(
            "PromoteTheDatabase",
            [
                "rds:DescribeGlobalClusters",
                "rds:FailoverGlobalCluster",
                "rds:RemoveFromGlobalCluster",
            ],
            [world, cluster_arn, peer_cluster],
        )
        step.allow(
            "RaiseCapacity",
            ["ecs:DescribeServices", "ecs:UpdateService"],
            [site.arn("ecs", f"service/{services.cluster_name}/{services.processor_name}")],
        )
        identity.grant_secrets(step)
        allow_store_promotion(
            step, site=site, files=self._data.files, credentials=database.credentials
        )
        evidence = site.bucket_arn(self._evidence.bucket_name, "recover-e*.json")
        step.allow("RecordEvidence", ["s3:PutObject"], [evidence])
        acknowledge_pattern(
            step.policy,
            site,
            evidence,
            reason="One object for each epoch: the number is not known beforehand.",
        )
        return step

    def _function(
        self,
        construct_id: str,
        *,
        package: str,
        description: str,
        environment: dict[str, str],
        size: Size,
    ) -> Function:
        """A function of the authority: sees the lease, the region's memory, the database, the pager."""
        site, database = self.site, self._data.database
        network = self._foundation.network
        witness = site.witness
        made = Function(
            self,
            construct_id,
            site=site,
            package=package,
            description=description,
            environment={
                "PEER_REGION": site.peer.region.name,
                "WITNESS_REGION": "" if witness is None else witness.region.name,
                "LEASE_TABLE": site.lease_table,
                "REGION_STATE_TABLE": self._table.table_name,
                "DATABASE_HOST": database.hosts,
                "DATABASE_PORT": str(database.port),
                "DATABASE_NAME": DATABASE_NAME,
                "DATABASE_USER": WORKLOAD_USER,
                "DATABASE_AUTH": "iam",
                "OWN_API_URL": self._application.api.url,
                "PAGE_TOPIC_ARN": site.arn("sns", site.names.regional_name("page")),
                "TTL_SECONDS": str(LEASE_TTL_SECONDS),
                **environment,
            },
            size=size,
            keys=self._keys,
            placement=Placement(vpc=network.vpc, security_groups=[network.database_clients]),
        )
        made.allow("RememberHere", list(ITEM_ACTIONS), [self._table.table_arn])
        if witness is not None:
            made.allow("HoldTheLease", ITEM_ACTIONS, [witness.table_arn(site.lease_table)])
        database.grant_connect(made)
        made.allow("Page", ["sns:Publish"], [site.arn("sns", site.names.regional_name("page"))])
        made.allow(
            "EncryptPagesAndEvidence",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            [self._keys.logs.key_arn, self._keys.data.key_arn],
        )
        return made
