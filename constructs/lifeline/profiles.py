"""The three profiles: what an environment costs and how much it survives inside one region."""

from __future__ import annotations

from dataclasses import dataclass

from lifeline.tiers import AUDIT_DAYS


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Defaults of one kind of environment; nothing here changes what survives the loss of a region."""

    name: str
    broker_class: str
    """In both Canadian regions: the kafka.m5 family and t3.small; m7g and Express are not certain."""
    database_instances: int
    """In each region; two lose an instance without a failover."""
    io_optimized: bool
    """Aurora I/O-Optimized: pays from about a quarter of the database's bill in I/O upwards."""
    cache_class: str
    """A global datastore takes node types of size large and bigger."""
    cache_replicas: int
    """In each region; Multi-AZ with automatic failover needs at least one."""
    nat_gateways: int
    """At least one: keepers reach the witness and the peer over the internet side of AWS's network."""
    interface_endpoints: bool
    """Whether calls that carry patient data stay on private addresses.

    An interface endpoint costs about 8 USD a month in each zone (AWS PrivateLink pricing): with three zones
    about 24 USD each, and every region has its own."""
    query_api_tasks: int
    log_retention_days: int
    events_per_minute: int
    """The mean load where the settings say none; the log's volumes follow from it."""
    peak_events_per_minute: int
    """The peak where the settings say no load; shards, brokers, tasks and capacity units follow from it."""
    trail: bool
    """A trail of this environment's own: an account has five a region, hard."""
    owns_account: bool
    """Whether the environment makes what an account has once a region: the registry's replication. Two
    environments of one account that both did would undo each other. API Gateway's log role is nobody's:
    `make account`."""
    archive_days: int
    """How long the archive keeps what the log forgets."""
    dr_pipeline: bool
    """The pipeline that drills a throw-away environment; one an account is enough."""


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="dev",
            broker_class="kafka.t3.small",
            database_instances=1,
            io_optimized=False,
            cache_class="cache.m6g.large",
            cache_replicas=1,
            nat_gateways=1,
            interface_endpoints=False,
            query_api_tasks=1,
            log_retention_days=7,
            events_per_minute=1_000,
            peak_events_per_minute=200_000,
            trail=False,
            owns_account=False,
            archive_days=30,
            dr_pipeline=False,
        ),
        Profile(
            name="staging",
            broker_class="kafka.m5.large",
            database_instances=2,
            io_optimized=False,
            cache_class="cache.m6g.large",
            cache_replicas=1,
            nat_gateways=1,
            interface_endpoints=True,
            query_api_tasks=2,
            log_retention_days=30,
            events_per_minute=10_000,
            peak_events_per_minute=600_000,
            trail=False,
            owns_account=False,
            archive_days=90,
            dr_pipeline=False,
        ),
        Profile(
            name="prod",
            broker_class="kafka.m5.large",
            database_instances=2,
            io_optimized=True,
            cache_class="cache.r7g.large",
            cache_replicas=2,
            nat_gateways=3,
            interface_endpoints=True,
            query_api_tasks=2,
            log_retention_days=400,
            events_per_minute=100_000,
            peak_events_per_minute=600_000,
            trail=True,
            owns_account=True,
            archive_days=AUDIT_DAYS,
            dr_pipeline=True,
        ),
    )
}
