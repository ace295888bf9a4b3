"""What the failover step is told, and whom it calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lifeline.lambdas.contracts.authority import AuthorityContract
from lifeline.lambdas.contracts.contract import (
    AwsCall,
    Call,
    Contract,
    HostCall,
    RegionRole,
    overridable,
)
from lifeline.lambdas.contracts.database import DATABASE
from lifeline.lambdas.failover.replication_signal import ReplicationSource


@dataclass(frozen=True, kw_only=True)
class ApiClient(Contract):
    """The client of the region's own API with which `verify` posts and reads its event.

    All of it, or nothing: then there is no such client. Raises ValueError for a part of it.
    """

    token_url: str = ""
    token_client_id: str = ""
    user_pool_id: str = ""

    def __post_init__(self) -> None:
        given = (self.token_url, self.token_client_id, self.user_pool_id)
        if any(given) and not all(given):
            raise ValueError(
                f"The API's client was given TOKEN_URL {self.token_url!r}, TOKEN_CLIENT_ID "
                f"{self.token_client_id!r} and USER_POOL_ID {self.user_pool_id!r}; allowed are all or none."
            )


@dataclass(frozen=True, kw_only=True)
class FailoverStepContract(AuthorityContract):
    """`cache_group`, `file_system_id` and `admin_secret` name the region's own stores, `ecs_cluster`,
    `applier_service` and `applier_tasks` what applies its events; empty: there is none.
    `query_api_service` and `query_api_tasks` only where the services rest at 0 tasks in the standby.

    Without `evidence_bucket` a run's record is not written anywhere but in the state machine's own log.

    `peer_database_host` and `_port` stand in for the directory, which otherwise says where the fence goes.
    """

    suffix: str
    peer_database_host: str = overridable("")
    peer_database_port: str = overridable("")
    global_cluster: str
    own_cluster_arn: str
    ecs_cluster: str = ""
    applier_service: str = ""
    applier_tasks: int = 0
    query_api_service: str = ""
    query_api_tasks: int = 0
    evidence_bucket: str = ""
    api_client: ApiClient = ApiClient()
    replication_signal: ReplicationSource = ReplicationSource.MARKERS
    cache_group: str = ""
    file_system_id: str = ""
    admin_secret: str = ""

    calls: ClassVar[tuple[Call, ...]] = (
        AwsCall("cognito-idp:DescribeUserPoolClient"),
        AwsCall("dynamodb:GetItem"),
        AwsCall("dynamodb:UpdateItem"),
        AwsCall("dynamodb:GetItem", RegionRole.WITNESS),
        AwsCall("dynamodb:UpdateItem", RegionRole.WITNESS),
        AwsCall("dynamodb:UpdateItem", RegionRole.PEER),
        AwsCall("ecs:DescribeServices"),
        AwsCall("ecs:UpdateService"),
        AwsCall("elasticache:DescribeGlobalReplicationGroups"),
        AwsCall("elasticache:DescribeReplicationGroups"),
        AwsCall("elasticache:DisassociateGlobalReplicationGroup"),
        AwsCall("elasticache:FailoverGlobalReplicationGroup"),
        AwsCall("elasticfilesystem:DeleteReplicationConfiguration"),
        AwsCall("elasticfilesystem:DescribeReplicationConfigurations"),
        AwsCall("elasticfilesystem:TagResource"),
        AwsCall("lambda:InvokeFunction"),
        AwsCall("rds-db:connect"),
        AwsCall("rds:DescribeGlobalClusters"),
        AwsCall("rds:FailoverGlobalCluster"),
        AwsCall("rds:RemoveFromGlobalCluster"),
        AwsCall("s3:PutObject"),
        AwsCall("secretsmanager:DescribeSecret"),
        AwsCall("secretsmanager:StopReplicationToReplica"),
        AwsCall("sns:Publish"),
        DATABASE,
        HostCall("the other region's database", DATABASE.port, RegionRole.PEER),
        HostCall("public API", 443),
        HostCall("token endpoint", 443),
    )
