"""What a region brings to its failover, in a stack of its own: a database by name, services, evidence."""

from __future__ import annotations

from collections.abc import Sequence

from lifeline.application.edge_identity import EdgeIdentity
from lifeline.failover.evidence_bucket import EvidenceBucket
from lifeline.failover.region_failover import RegionFailover
from lifeline.failover.region_parts import DatabaseAttributes, RegionStores, RegionWorkload
from lifeline.foundation.bucket import Bucket, BucketEmptying
from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from lifeline.lambdas.failover.further_steps import PlanStep
from lifeline.lambdas.failover.replication_signal import ReplicationSource
from tests.unit.constructs.conftest import Bench

ALL_STORES = RegionStores(
    file_system_id="fs-1",
    admin_secret="database-admin-test",
    cache_group="cache-test",
    cache_user="cache-workload-test",
    cache_hosts_parameter="/lifeline/test/cache-hosts",
)


def database(made: Bench) -> DatabaseAttributes:
    """A member of a global database that another stack made."""
    return DatabaseAttributes(
        hosts="writer,reader",
        port=5432,
        database_name="lifeline",
        user="lifeline",
        identifier="database-here",
        peer_identifier="database-there",
        global_identifier="global-test",
        sign_in_arn=made.site.arn("rds-db", "dbuser:cluster-1/lifeline"),
    )


def evidence(made: Bench) -> EvidenceBucket:
    """The region's evidence bucket."""
    return EvidenceBucket(
        made.stack,
        "Evidence",
        site=made.site,
        keys=made.keys,
        emptying=BucketEmptying(made.stack, "Emptying", site=made.site, keys=made.keys),
        access_log=Bucket.access_log_of(made.site),
    )


def workload(made: Bench, signal: ReplicationSource) -> RegionWorkload:
    """Services that another stack made, and an identity of their API."""
    return RegionWorkload(
        api_url="https://api.example",
        serve_url="http://serve",
        cluster_name="services-test",
        processor_name="processor-test",
        processor_tasks=3,
        identity=EdgeIdentity(made.stack, "Identity", site=made.site),
        replication_signal=signal,
    )


def region_failover(
    made: Bench,
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
        network=network,
        database=database(made),
        workload=workload(made, replication_signal),
        stores=stores,
        evidence=evidence(made),
        further_steps=further_steps,
    )
