"""The lag meter: measures in its own region how old is what has come across from the other."""

from __future__ import annotations

from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge_pattern
from lifeline.data.cache_access import ISessionCache, SessionCacheAttributes
from lifeline.data.database_member import IGlobalDatabase
from lifeline.data.session_cache import SessionCache
from lifeline.failover.evidence_bucket import EvidenceBucket
from lifeline.failover.minute_loop import MinuteLoop
from lifeline.failover.region_parts import RegionStores, address_of
from lifeline.failover.tables import RegionStateTable
from lifeline.foundation.function import Function, Placement, Size
from lifeline.foundation.keys import Keys
from lifeline.lambdas.contracts.cache import CachePlace
from lifeline.lambdas.contracts.lag_meter import LagMeterContract
from lifeline.site import Site

TIMEOUT_SECONDS = 90
"""A run ends itself after 55 s; the rest is for a last look at stores that do not answer."""
CONCURRENCY = 3
"""Two when a slow run meets the next; one more for a start that is late."""


class LagMeter(Construct):
    """Publishes `Lifeline` metrics: `ReplicationLagSeconds{Store}`, `EventsAtRisk`, `PatientsAtRisk`,
    `DaysSinceDrill`, in embedded metric format: nothing is called to publish them.

    Covers: a replication that stands still while its service reports nothing; each store is measured
    by what arrives here, every 10 s (files, secrets and patients every minute). Does not cover: a number
    that cannot be measured, which is left out, never zero: alarms must take silence for a fault. Events
    and patients at risk are estimates (docs/constructs/failover.md). No recovery waits for this.
    Without `query_api_url` there is no log to measure, and nothing at risk in it; without `evidence` no
    drills. Without a standby (strategy backup only) it measures no lag: only `DaysToAuthorityExpiry` is left.
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
        query_api_url: str = "",
        stores: RegionStores | None = None,
        evidence: EvidenceBucket | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        stores = stores or RegionStores()
        self._site, self._stores = site, stores
        self.function = Function(
            self,
            "Function",
            site=site,
            package="lag_meter",
            description="Measures how far each store's copy in this region is behind",
            contract=LagMeterContract(
                suffix=site.settings.environment_suffix,
                peer_region=site.peer_region,
                region_state_table=region_state.table_name,
                database=address_of(database),
                query_api_url=query_api_url,
                evidence_bucket="" if evidence is None else evidence.bucket_name,
                file_system_id=stores.file_system_id,
                admin_secret=stores.admin_secret,
                cache=CachePlace(
                    group=stores.cache_group,
                    user=stores.cache_user,
                    hosts_parameter=stores.cache_hosts_parameter,
                ),
            ),
            size=Size(memory_mib=256, timeout_seconds=TIMEOUT_SECONDS, concurrency=CONCURRENCY),
            keys=keys,
            placement=placement,
        )
        database.grant_connect(self.function.policy)
        # What the keeper saw last of the other region.
        region_state.reference.grant_read(self.function.policy)
        # Its report, for `lifeline status`.
        region_state.reference.grant_put(self.function.policy)
        if evidence is not None:
            self._allow_evidence(evidence)
        if stores.file_system_id:
            self.function.allow(
                "AskForTheLastSync",
                ["elasticfilesystem:DescribeReplicationConfigurations"],
                [site.arn("elasticfilesystem", f"file-system/{stores.file_system_id}")],
            )
        if stores.admin_secret:
            # Secrets Manager appends a hyphen and six characters of its own to the name.
            self.function.allow(
                "BeatInTheSecretsTags",
                ["secretsmanager:DescribeSecret", "secretsmanager:TagResource"],
                [site.arn("secretsmanager", f"secret:{stores.admin_secret}-??????")],
            )
        if stores.cache_group:
            self._allow_cache()
        MinuteLoop(self, "Loop", site=site, function=self.function, rule_name="lag-meter")

    def _allow_evidence(self, evidence: EvidenceBucket) -> None:
        self.function.allow("ListEvidence", ["s3:ListBucket"], [evidence.bucket_arn])
        evidence.grant_get(
            self.function.policy,
            "drills/*",
            reason="One folder for each drill: its name is not known beforehand.",
        )
        recoveries = evidence.objects("recover-e*.json")
        self.function.allow("ReadWhetherARecoveryCompleted", ["s3:GetObject"], [recoveries])
        acknowledge_pattern(
            self.function.policy,
            recoveries,
            reason="One object for each run of a recovery: its number is not known beforehand.",
        )

    def _allow_cache(self) -> None:
        site, stores = self._site, self._stores
        # By its names: in the recovery region the member is made after the lag meter.
        cache: ISessionCache = SessionCache.from_session_cache_attributes(
            self,
            "Cache",
            SessionCacheAttributes(
                identifier=stores.cache_group,
                user=stores.cache_user,
                hosts_parameter=stores.cache_hosts_parameter,
            ),
        )
        self.function.allow(
            "AskForTheCachesRole",
            ["elasticache:DescribeReplicationGroups"],
            [site.arn("elasticache", f"replicationgroup:{cache.identifier}")],
        )
        cache.grant_connect(self.function)
        self.function.allow(
            "FindTheCachesHosts",
            ["ssm:GetParameter"],
            [site.arn("ssm", f"parameter{cache.hosts_parameter}")],
        )
