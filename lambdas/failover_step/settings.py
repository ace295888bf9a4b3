"""What a recovery step is told by its environment (docs/mechanisms/contracts.md)."""

from __future__ import annotations

import os
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
    "PEER_DATABASE_HOST",
    "PEER_DATABASE_PORT",
    "OWN_API_URL",
    "GLOBAL_CLUSTER",
    "OWN_CLUSTER_ARN",
    "ECS_CLUSTER",
    "PROCESSOR_SERVICE",
    "PROCESSOR_TASKS",
    "EVIDENCE_BUCKET",
    "PAGE_TOPIC_ARN",
)


@dataclass(frozen=True)
class StepSettings:
    """Frozen for the life of the execution environment.

    `cache_group`, `file_system_id` and `admin_secret` name the region's own stores; empty means that the
    environment has no such store.
    """

    region: str
    suffix: str
    peer_region: str
    witness_region: str
    lease_table: str
    region_state_table: str
    database: DatabaseAddress
    peer_database_host: str
    peer_database_port: str
    own_api_url: str
    global_cluster: str
    own_cluster_arn: str
    ecs_cluster: str
    processor_service: str
    processor_tasks: int
    evidence_bucket: str
    page_topic_arn: str
    cache_group: str = ""
    file_system_id: str = ""
    admin_secret: str = ""

    @classmethod
    def from_environment(cls) -> StepSettings:
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
            peer_database_host=value["PEER_DATABASE_HOST"],
            peer_database_port=value["PEER_DATABASE_PORT"],
            own_api_url=value["OWN_API_URL"].rstrip("/"),
            global_cluster=value["GLOBAL_CLUSTER"],
            own_cluster_arn=value["OWN_CLUSTER_ARN"],
            ecs_cluster=value["ECS_CLUSTER"],
            processor_service=value["PROCESSOR_SERVICE"],
            processor_tasks=int(value["PROCESSOR_TASKS"]),
            evidence_bucket=value["EVIDENCE_BUCKET"],
            page_topic_arn=value["PAGE_TOPIC_ARN"],
            cache_group=os.environ.get("CACHE_GROUP", ""),
            file_system_id=os.environ.get("FILE_SYSTEM_ID", ""),
            admin_secret=os.environ.get("ADMIN_SECRET", ""),
        )
