"""What the lag meter is told, and whom it calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lifeline.lambdas.contracts.cache import CACHE, NO_CACHE, CachePlace
from lifeline.lambdas.contracts.contract import AwsCall, Call, Contract, HostCall, set_by_aws
from lifeline.lambdas.contracts.database import DATABASE, DatabaseAddress
from lifeline.lambdas.failover.protocol import NO_STANDBY


@dataclass(frozen=True, kw_only=True)
class LagMeterContract(Contract):
    """`file_system_id`, `admin_secret` and `cache` name what is measured beside the database; empty: none.

    With `peer_region` as `NO_STANDBY` nothing comes across, so no lag is measured.
    """

    region: str = set_by_aws("AWS_REGION")
    suffix: str
    peer_region: str
    region_state_table: str
    database: DatabaseAddress
    query_api_url: str = ""
    """Base URL of the query API in the region's network; a slash at its end is dropped. Empty: no log."""
    evidence_bucket: str = ""
    file_system_id: str = ""
    admin_secret: str = ""
    cache: CachePlace = NO_CACHE

    calls: ClassVar[tuple[Call, ...]] = (
        AwsCall("dynamodb:GetItem"),
        AwsCall("dynamodb:PutItem"),
        AwsCall("elasticache:DescribeReplicationGroups"),
        AwsCall("elasticfilesystem:DescribeReplicationConfigurations"),
        AwsCall("rds-db:connect"),
        AwsCall("s3:GetObject"),
        AwsCall("s3:ListBucket"),
        AwsCall("secretsmanager:DescribeSecret"),
        AwsCall("secretsmanager:TagResource"),
        AwsCall("ssm:GetParameter"),
        DATABASE,
        HostCall("query-api", 8080),
        CACHE,
    )

    @property
    def has_standby(self) -> bool:
        """Whether another region can become active."""
        return self.peer_region != NO_STANDBY

    def __post_init__(self) -> None:
        object.__setattr__(self, "query_api_url", self.query_api_url.rstrip("/"))
