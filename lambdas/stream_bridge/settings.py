"""The bridge's environment as one frozen value."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

REQUIRED = ("AWS_REGION", "STREAM_NAME", "KAFKA_BOOTSTRAP", "KAFKA_AUTH", "KAFKA_PARTITIONS")


@dataclass(frozen=True)
class BridgeSettings:
    """`partitions` is the fixed list of (topic, partition count) that carries markers (B9, B18)."""

    region: str
    stream_name: str
    kafka_bootstrap: str
    kafka_auth: str
    partitions: tuple[tuple[str, int], ...]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> BridgeSettings:
        """Raises KeyError naming every missing key, ValueError for a value that cannot be right."""
        missing = [name for name in REQUIRED if not environment.get(name)]
        if missing:
            raise KeyError(f"the function's environment lacks {', '.join(missing)}")
        auth = environment["KAFKA_AUTH"]
        if auth not in ("iam", "none"):
            raise ValueError(f"KAFKA_AUTH must be iam or none, got {auth!r}")
        counts = json.loads(environment["KAFKA_PARTITIONS"])
        if not isinstance(counts, dict) or not counts:
            raise ValueError(f"KAFKA_PARTITIONS must map topics to partitions, got {counts!r}")
        return cls(
            region=environment["AWS_REGION"],
            stream_name=environment["STREAM_NAME"],
            kafka_bootstrap=environment["KAFKA_BOOTSTRAP"],
            kafka_auth=auth,
            partitions=tuple(sorted((str(topic), int(count)) for topic, count in counts.items())),
        )
