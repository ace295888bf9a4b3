"""The three profiles: what an environment costs and how much it survives inside one region."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Defaults of one kind of environment; nothing here changes what survives the loss of a region."""

    name: str
    broker_class: str
    """In both Canadian regions: the kafka.m5 family and t3.small; m7g and Express are not certain."""
    database_instances: int
    """In each region; two lose an instance without a failover."""
    nat_gateways: int
    """At least one: keepers reach the witness and the peer over the internet side of AWS's network."""
    interface_endpoints: bool
    """Whether calls that carry patient data stay on private addresses; about 8 USD each a month."""
    serve_tasks: int
    log_retention_days: int
    broker_storage_gib: int


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="dev",
            broker_class="kafka.t3.small",
            database_instances=1,
            nat_gateways=1,
            interface_endpoints=False,
            serve_tasks=1,
            log_retention_days=7,
            broker_storage_gib=20,
        ),
        Profile(
            name="staging",
            broker_class="kafka.m5.large",
            database_instances=2,
            nat_gateways=1,
            interface_endpoints=True,
            serve_tasks=2,
            log_retention_days=30,
            broker_storage_gib=200,
        ),
        Profile(
            name="prod",
            broker_class="kafka.m5.large",
            database_instances=2,
            nat_gateways=3,
            interface_endpoints=True,
            serve_tasks=2,
            log_retention_days=400,
            broker_storage_gib=1_000,
        ),
    )
}
