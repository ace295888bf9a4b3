"""What a store tells the backups about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ProtectedStore:
    """One store to back up. `resource_type` is AWS Backup's word for it, such as `Aurora` or `EFS`."""

    resource_type: str
    arn: str
    """Of this region's own copy of the store; may be a token."""
    keeps_a_journal: bool
    """Whether the store itself can be wound back to a point in time; then fewer snapshots are taken."""
    restore_into: Mapping[str, str] = field(default_factory=dict)
    """What a restore test must be told, because the service would guess wrong (keys in lower case)."""

    def __post_init__(self) -> None:
        if not self.resource_type.isalnum():
            raise ValueError(
                f"Bad resource type {self.resource_type!r} of a protected store; allowed is one of AWS "
                "Backup's own words, such as Aurora, EFS or DynamoDB."
            )
