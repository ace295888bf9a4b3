"""What the lag meter is told by its environment (docs/mechanisms/contracts.md)."""

from __future__ import annotations

import os
from dataclasses import dataclass

from lifeline.lambdas.adapters.region_database import DatabaseAddress
from lifeline.lambdas.adapters.settings import required

NAMES = (
    "AWS_REGION",
    "SUFFIX",
    "PEER_REGION",
    "REGION_STATE_TABLE",
    "DATABASE_HOST",
    "DATABASE_PORT",
    "DATABASE_NAME",
    "DATABASE_USER",
    "DATABASE_AUTH",
    "SERVE_URL",
    "EVIDENCE_BUCKET",
)


@dataclass(frozen=True)
class CachePlace:
    """The region's cache: its id, who signs in, and the parameter with `primary,reader`."""

    group: str
    user: str
    hosts_parameter: str


@dataclass(frozen=True)
class MeterSettings:
    """Frozen for the life of the execution environment. An empty store is one there is none of."""

    region: str
    suffix: str
    peer_region: str
    region_state_table: str
    database: DatabaseAddress
    serve_url: str
    evidence_bucket: str
    file_system_id: str = ""
    admin_secret: str = ""
    cache: CachePlace | None = None

    @classmethod
    def from_environment(cls) -> MeterSettings:
        """Raises KeyError with every missing name, ValueError for a number that is none."""
        value = required(NAMES)
        cache = CachePlace(
            os.environ.get("CACHE_GROUP", ""),
            os.environ.get("CACHE_USER", ""),
            os.environ.get("CACHE_HOSTS_PARAMETER", ""),
        )
        return cls(
            region=value["AWS_REGION"],
            suffix=value["SUFFIX"],
            peer_region=value["PEER_REGION"],
            region_state_table=value["REGION_STATE_TABLE"],
            database=DatabaseAddress.from_values(value),
            serve_url=value["SERVE_URL"].rstrip("/"),
            evidence_bucket=value["EVIDENCE_BUCKET"],
            file_system_id=os.environ.get("FILE_SYSTEM_ID", ""),
            admin_secret=os.environ.get("ADMIN_SECRET", ""),
            cache=cache if cache.group else None,
        )
