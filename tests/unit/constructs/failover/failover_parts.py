"""What a region brings to its failover, in a stack of its own: a database by name, services, evidence."""

from __future__ import annotations

from collections.abc import Sequence

from lifeline.application.edge_identity import EdgeIdentity
from lifeline.data import GlobalDatabase, GlobalDatabaseAttributes, IGlobalDatabase
from lifeline.failover.evidence_bucket import EvidenceBucket
from lifeline.failover.region_failover import RegionFailover
from lifeline.failover.region_parts import RegionStores, RegionWorkload
from lifeline.foundation.alert_topics import AlertTopics
from lifeline.foundation.bucket import Bucket, BucketEmptying
from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from lifeline.lambdas.failover.further_steps import PlanStep
from lifeline.lambdas.failover.replication_signal import ReplicationSource
from tests.unit.constructs.conftest import StackUnderTest

ALL_STORES = RegionStores(
    file_system_id="fs-1",
    admin_secret="database-admin-test",
    cache_group="cache-test",
    cache_user="cache-workload-test",
    cache_hosts_parameter="/lifeline/test/cache-hosts",
)


def database(made: StackUnderTest) -> IGlobalDatabase:
    """A member of a global database that another stack made."""
    attributes = GlobalDatabaseAttributes(
        hosts="writer,reader",
        identifier="database-here",
        peer_identifier="database-there",
        global_identifier="global-test",
        cluster_resource_id="cluster-1",
    )
    return GlobalDatabase.from_global_database_attributes(made.stack, "Database", attributes)


def evidence(made: StackUnderTest) -> EvidenceBucket:
    """The region's evidence bucket."""
    return EvidenceBucket(
        made.stack,
        "Evidence",
        site=made.site,
        keys=made.keys,
        emptying=BucketEmptying(made.stack, "Emptying", site=made.site, keys=made.keys),
        access_log=Bucket.access_log_of(made.site),
    )


def workload(made: StackUnderTest, signal: ReplicationSource) -> RegionWorkload:
    """Services that another stack made, and an identity of their API."""
    return RegionWorkload(
        api_url="https://api.example",
        query_api_url="http://query-api",
        cluster_name="services-test",
        applier_name="event-applier-test",
        applier_tasks=3,
        identity=EdgeIdentity(made.stack, "Identity", site=made.site),
        replication_signal=signal,
    )


def region_failover(
    made: StackUnderTest,
    stores: RegionStores = ALL_STORES,
    replication_signal: ReplicationSource = ReplicationSource.MARKERS,
    further_steps: Sequence[PlanStep] = (),
) -> RegionFailover:
    """A region's whole failover."""
    network = made.network()
    ClosedDefaultGroup(made.stack, "DefaultGroup", site=made.site, vpc=network.vpc, keys=made.keys)
    return RegionFailover(
        made.stack,
        "Failover",
        site=made.site,
        keys=made.keys,
        vpc=network.vpc,
        database=database(made),
        database_clients=network.database_clients,
        workload=workload(made, replication_signal),
        stores=stores,
        alert_topics=AlertTopics(made.stack, "Alerts", site=made.site, keys=made.keys),
        evidence=evidence(made),
        further_steps=further_steps,
    )
