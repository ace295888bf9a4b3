"""What a probe is told, and whom it calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from lifeline.lambdas.contracts.contract import (
    AwsCall,
    Call,
    Contract,
    HostCall,
    RegionRole,
    overridable,
    set_by_aws,
)


@dataclass(frozen=True, kw_only=True)
class ProbeContract(Contract):
    """`probe_targets` stands in for the directory in the witness's table; only the lab sets it."""

    region: str = set_by_aws("AWS_REGION")
    suffix: str
    witness_region: str = ""
    lease_table: str = ""
    results_table: str
    """Where samples go: the region's state table; in the witness region the lease table."""
    probe_regions: tuple[str, ...]
    probe_targets: Mapping[str, str] = overridable(factory=lambda: MappingProxyType({}))
    probe_control_url: str = overridable("")

    calls: ClassVar[tuple[Call, ...]] = (
        AwsCall("dynamodb:GetItem"),
        AwsCall("dynamodb:UpdateItem"),
        AwsCall("dynamodb:GetItem", RegionRole.WITNESS),
        HostCall("public API", 443, RegionRole.PEER),
        HostCall("control target", 443),
    )
