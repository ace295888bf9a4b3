"""What a probe is told by its environment (docs/mechanisms/contracts.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from lifeline.lambdas.adapters.settings import required

NAMES = (
    "AWS_REGION",
    "SUFFIX",
    "WITNESS_REGION",
    "LEASE_TABLE",
    "RESULTS_TABLE",
    "PROBE_REGIONS",
    "PROBE_TARGETS",
    "PROBE_CONTROL_URL",
)


@dataclass(frozen=True)
class ProbeSettings:
    """`targets` overrides the directory in the witness's table; empty: the directory says."""

    region: str
    witness_region: str
    lease_table: str
    results_table: str
    probe_regions: tuple[str, ...]
    targets: Mapping[str, str]
    control_url: str

    @classmethod
    def from_environment(cls) -> ProbeSettings:
        """Raises KeyError with every missing name, ValueError for JSON that is none."""
        value = required(NAMES)
        region = value["AWS_REGION"]
        return cls(
            region=region,
            witness_region=value["WITNESS_REGION"],
            lease_table=value["LEASE_TABLE"],
            results_table=value["RESULTS_TABLE"],
            probe_regions=tuple(json.loads(value["PROBE_REGIONS"])),
            targets=json.loads(value["PROBE_TARGETS"] or "{}"),
            # The regional endpoint answers GET without credentials: it shows that this observer's
            # own network works, which is all a control probe is for.
            control_url=value["PROBE_CONTROL_URL"] or f"https://dynamodb.{region}.amazonaws.com/",
        )
