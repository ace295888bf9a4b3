"""What a keeper is told, and whom it calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lifeline.lambdas.contracts.authority import AuthorityContract
from lifeline.lambdas.contracts.contract import AwsCall, Call, HostCall, RegionRole
from lifeline.lambdas.contracts.database import DATABASE
from lifeline.lambdas.failover.protocol import LEASE_TTL_SECONDS
from lifeline.lambdas.failover.replication_signal import ReplicationSource


@dataclass(frozen=True, kw_only=True)
class KeeperContract(AuthorityContract):
    """`tier_rpo_seconds` is the loss gate (A5); `replication_signal` says what the loss is read from."""

    suffix: str
    query_api_url: str = ""
    """Base URL of the query API in the region's network, for markers; a slash at its end is dropped."""
    state_machine_arn: str
    tier_rpo_seconds: float
    ttl_seconds: float = LEASE_TTL_SECONDS
    replication_signal: ReplicationSource = ReplicationSource.MARKERS
    automatic_hand_over: bool = False
    """Whether a sick active region hands over by itself to a standby that is ready (A11)."""
    plan_budget_seconds: int = 0
    """What a failover by the region's plan may take, for `lifeline status`; 0: not said."""

    calls: ClassVar[tuple[Call, ...]] = (
        AwsCall("dynamodb:GetItem"),
        AwsCall("dynamodb:UpdateItem"),
        AwsCall("dynamodb:PutItem"),
        AwsCall("dynamodb:GetItem", RegionRole.WITNESS),
        AwsCall("dynamodb:UpdateItem", RegionRole.WITNESS),
        AwsCall("dynamodb:PutItem", RegionRole.WITNESS),
        AwsCall("dynamodb:GetItem", RegionRole.PEER),
        AwsCall("dynamodb:UpdateItem", RegionRole.PEER),
        AwsCall("rds-db:connect"),
        AwsCall("sns:Publish"),
        AwsCall("states:DescribeExecution"),
        AwsCall("states:StartExecution"),
        DATABASE,
        HostCall("query-api", 8080),
        HostCall("public API", 443),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "query_api_url", self.query_api_url.rstrip("/"))
