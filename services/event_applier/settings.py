"""The environment of the services as frozen values; every missing key is named at once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from lifeline.lambdas.failover.protocol import LEASE_TTL_SECONDS

DEAD_LETTERS = "error.dlq"
WATERMARK_TOPIC = "system.watermark"


@dataclass(frozen=True)
class DatabaseSettings:
    """The region's own database. `auth`: `iam` (signed token), `password` (migrations) or `none`.

    `host` may name several, separated by commas, tried in order: the writer endpoint of a member that
    was never promoted does not resolve, its reader endpoint does.
    """

    host: str
    port: int
    name: str
    user: str
    auth: str
    region: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> DatabaseSettings:
        """Raises KeyError naming every missing key."""
        found = required(
            environment,
            "AWS_REGION",
            "DATABASE_HOST",
            "DATABASE_PORT",
            "DATABASE_NAME",
            "DATABASE_USER",
            "DATABASE_AUTH",
        )
        return cls(
            host=found["DATABASE_HOST"],
            port=int(found["DATABASE_PORT"]),
            name=found["DATABASE_NAME"],
            user=found["DATABASE_USER"],
            auth=found["DATABASE_AUTH"],
            region=found["AWS_REGION"],
        )


@dataclass(frozen=True)
class LogSettings:
    """The region's own log. `partitions`: topic to partition count, of the marked topics.

    `session_ms`: after how long the group gives a dead member's partitions to another (6 s is the
    least that a broker with default settings takes).
    """

    bootstrap: str
    auth: str
    region: str
    partitions: Mapping[str, int]
    session_ms: int = 6_000

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> LogSettings:
        """Raises KeyError naming every missing key."""
        found = required(
            environment, "AWS_REGION", "KAFKA_BOOTSTRAP", "KAFKA_AUTH", "KAFKA_PARTITIONS"
        )
        counts = json.loads(found["KAFKA_PARTITIONS"])
        return cls(
            bootstrap=found["KAFKA_BOOTSTRAP"],
            auth=found["KAFKA_AUTH"],
            region=found["AWS_REGION"],
            partitions={str(topic): int(count) for topic, count in counts.items()},
            session_ms=int(environment.get("GROUP_SESSION_MS", "6000")),
        )


@dataclass(frozen=True)
class RegionSettings:
    """Who this process is, and how long a renewal lets it serve (A1)."""

    region: str
    peer_region: str
    suffix: str
    ttl_seconds: float

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> RegionSettings:
        """Raises KeyError naming every missing key."""
        found = required(environment, "AWS_REGION", "PEER_REGION", "SUFFIX")
        return cls(
            region=found["AWS_REGION"],
            peer_region=found["PEER_REGION"],
            suffix=found["SUFFIX"],
            ttl_seconds=float(environment.get("TTL_SECONDS", LEASE_TTL_SECONDS)),
        )


def required(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    """The values of `names`. Raises KeyError naming all that are missing or empty."""
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise KeyError(f"the environment lacks {', '.join(missing)}")
    return {name: environment[name] for name in names}
