"""The lag meter: measures in its own region how old is what has come across from the other."""

from __future__ import annotations

from dataclasses import dataclass

from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge_pattern
from lifeline.failover.minute_loop import MinuteLoop
from lifeline.foundation.function import Function, Placement, Size
from lifeline.foundation.keys import Keys
from lifeline.site import Site

TIMEOUT_SECONDS = 90
"""A run ends itself after 55 s; the rest is for a last look at stores that do not answer."""
CONCURRENCY = 3
"""Two when a slow run meets the next; one more for a start that is late."""


@dataclass(frozen=True, kw_only=True)
class DatabaseReading:
    """Where the region's database answers (`host` may be several, tried in order), and who signs in."""

    hosts: str
    port: int
    name: str
    user: str
    sign_in_arn: str


@dataclass(frozen=True, kw_only=True)
class MeasuredStores:
    """What is measured beside the database: names and ids of this region's side of each store.

    `serve_url` is the base URL of `serve` here; `region_state_table` the region's local table;
    `evidence_bucket` where drills and recoveries are recorded. An empty word for files, secret or cache:
    the environment has none. `cache_hosts_parameter` keeps `primary,reader`.
    """

    serve_url: str
    region_state_table: str
    evidence_bucket: str
    file_system_id: str = ""
    admin_secret: str = ""
    cache_group: str = ""
    cache_user: str = ""
    cache_hosts_parameter: str = ""


class LagMeter(Construct):
    """Publishes `Lifeline` metrics: `ReplicationLagSeconds{Store}`, `EventsAtRisk`, `PatientsAtRisk`,
    `DaysSinceDrill`, in embedded metric format: nothing is called to publish them.

    Covers: a replication that stands still while its service reports nothing; each store is measured
    by what arrives here, every 10 s (files, secrets and patients every minute). Does not cover: a number
    that cannot be measured, which is left out, never zero: alarms must take silence for a fault. Events
    and patients at risk are estimates (docs/constructs/recovery.md). No recovery waits for this.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        placement: Placement,
        database: DatabaseReading,
        stores: MeasuredStores,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self._site, self._keys, self._stores = site, keys, stores
        self.function = Function(
            self,
            "Function",
            site=site,
            package="lag_meter",
            description="Measures how far each store's copy in this region is behind",
            environment={
                "PEER_REGION": site.peer.region.name,
                "REGION_STATE_TABLE": stores.region_state_table,
                "DATABASE_HOST": database.hosts,
                "DATABASE_PORT": str(database.port),
                "DATABASE_NAME": database.name,
                "DATABASE_USER": database.user,
                "DATABASE_AUTH": "iam",
                "SERVE_URL": stores.serve_url,
                "EVIDENCE_BUCKET": stores.evidence_bucket,
                "FILE_SYSTEM_ID": stores.file_system_id,
                "ADMIN_SECRET": stores.admin_secret,
                "CACHE_GROUP": stores.cache_group,
                "CACHE_USER": stores.cache_user,
                "CACHE_HOSTS_PARAMETER": stores.cache_hosts_parameter,
            },
            size=Size(memory_mib=256, timeout_seconds=TIMEOUT_SECONDS, concurrency=CONCURRENCY),
            keys=keys,
            placement=placement,
        )
        self.function.allow("SignInToTheDatabase", ["rds-db:connect"], [database.sign_in_arn])
        self.function.allow(
            "ReadWhatTheKeeperSaw",
            ["dynamodb:GetItem"],
            [site.table_arn(stores.region_state_table)],
        )
        self._allow_evidence()
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

    def _allow_evidence(self) -> None:
        site, bucket = self._site, self._stores.evidence_bucket
        self.function.allow("ListEvidence", ["s3:ListBucket"], [site.bucket_arn(bucket)])
        drills = site.bucket_arn(bucket, "drills/*")
        self.function.allow("ReadVerdicts", ["s3:GetObject"], [drills])
        self.function.allow("OpenEvidence", ["kms:Decrypt"], [self._keys.data.key_arn])
        acknowledge_pattern(
            self.function.policy,
            site,
            drills,
            reason="One folder for each drill: its name is not known beforehand.",
        )

    def _allow_cache(self) -> None:
        site, stores = self._site, self._stores
        group = site.arn("elasticache", f"replicationgroup:{stores.cache_group}")
        user = site.arn("elasticache", f"user:{stores.cache_user}")
        self.function.allow(
            "AskForTheCachesRole", ["elasticache:DescribeReplicationGroups"], [group]
        )
        self.function.allow("SignInToTheCache", ["elasticache:Connect"], [group, user])
        self.function.allow(
            "FindTheCachesHosts",
            ["ssm:GetParameter"],
            [site.arn("ssm", f"parameter{stores.cache_hosts_parameter}")],
        )
