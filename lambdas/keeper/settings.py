"""What a keeper is told by its environment (docs/mechanisms/contracts.md)."""

from __future__ import annotations

from dataclasses import dataclass

from lifeline.lambdas.adapters.region_database import DatabaseAddress
from lifeline.lambdas.adapters.settings import required

NAMES = (
    "AWS_REGION",
    "SUFFIX",
    "PEER_REGION",
    "WITNESS_REGION",
    "LEASE_TABLE",
    "REGION_STATE_TABLE",
    "DATABASE_HOST",
    "DATABASE_PORT",
    "DATABASE_NAME",
    "DATABASE_USER",
    "DATABASE_AUTH",
    "SERVE_URL",
    "OWN_API_URL",
    "STATE_MACHINE_ARN",
    "TIER_RPO_SECONDS",
    "TTL_SECONDS",
    "PAGE_TOPIC_ARN",
)


@dataclass(frozen=True)
class KeeperSettings:
    """Frozen for the life of the execution environment."""

    region: str
    suffix: str
    peer_region: str
    witness_region: str
    lease_table: str
    region_state_table: str
    database: DatabaseAddress
    serve_url: str
    own_api_url: str
    state_machine_arn: str
    tier_rpo_seconds: float
    ttl_seconds: float
    page_topic_arn: str

    @classmethod
    def from_environment(cls) -> KeeperSettings:
        """Raises KeyError with every missing name, ValueError for a number that is none."""
        value = required(NAMES)
        return cls(
            region=value["AWS_REGION"],
            suffix=value["SUFFIX"],
            peer_region=value["PEER_REGION"],
            witness_region=value["WITNESS_REGION"],
            lease_table=value["LEASE_TABLE"],
            region_state_table=value["REGION_STATE_TABLE"],
            database=DatabaseAddress.from_values(value),
            serve_url=value["SERVE_URL"].rstrip("/"),
            own_api_url=value["OWN_API_URL"].rstrip("/"),
            state_machine_arn=value["STATE_MACHINE_ARN"],
            tier_rpo_seconds=float(value["TIER_RPO_SECONDS"]),
            ttl_seconds=float(value["TTL_SECONDS"]),
            page_topic_arn=value["PAGE_TOPIC_ARN"],
        )
