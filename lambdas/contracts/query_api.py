"""The contracts of the query API, of the health check that runs beside it, and of its one-off task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lifeline.lambdas.contracts.cache import CACHE, NO_CACHE, CachePlace
from lifeline.lambdas.contracts.contract import (
    AwsCall,
    Call,
    Contract,
    HostCall,
    overridable,
    variable,
)
from lifeline.lambdas.contracts.database import DATABASE, DatabaseAddress
from lifeline.lambdas.contracts.log import LOG, GroupLog
from lifeline.lambdas.contracts.serving_region import ServingRegion

QUERY_API_PORT = 8080
"""In clear text for the region's own functions: `/health` and the watermark, and no patient's data."""
QUERY_API_TLS_PORT = 8443
"""Everything, for the API."""
READ_SCOPE = "events/read"
"""What a token must allow to read events and vital signs."""
TOKEN_HEADER = "Lifeline-Token"  # noqa: S105 - a header's name
"""Where the API puts the caller's token: it may rename `Authorization` on the way."""
TLS_NAME = "QUERY_API_TLS_NAME"
"""The variable of the field `query_api_tls_name`: whoever makes the load balancer sets it."""


@dataclass(frozen=True, kw_only=True)
class QueryApi(Contract):
    """The service itself."""

    calls: ClassVar[tuple[Call, ...]] = (
        DATABASE,
        LOG,
        AwsCall("rds-db:connect"),
        AwsCall("kinesis:DescribeStreamSummary"),
        AwsCall("kinesis:ListShards"),
        AwsCall("kinesis:PutRecords"),
        AwsCall("dynamodb:GetItem"),
        AwsCall("dynamodb:PutItem"),
        AwsCall("ssm:GetParameter"),
        AwsCall("secretsmanager:GetSecretValue"),
        AwsCall("elasticache:Connect"),
        CACHE,
        HostCall("the user pool's keys", 443),
    )

    database: DatabaseAddress
    log: GroupLog
    region: ServingRegion
    stream_name: str
    region_state_table: str
    checkpoints_table: str
    """Where the watermark reader goes on after a start (B25)."""
    query_api_port: int = QUERY_API_PORT
    query_api_tls_port: int = QUERY_API_TLS_PORT
    query_api_tls_name: str = variable(TLS_NAME, "localhost")
    """What its certificate is for: the name of the load balancer that leads to it."""
    query_api_ca_file: str = overridable("")
    """Where to write the root of its certificate, if anywhere: the lab's API verifies it."""
    cache: CachePlace = NO_CACHE
    cache_secret_name: str = ""
    """Of what entries are sealed with; empty: no cache is asked. Read in the cache's own thread (D10)."""
    token_issuer: str = ""
    """The user pool whose tokens let callers read; empty: whoever asks was let in by somebody else."""
    token_keys_at: str = overridable("")
    """Instead of the issuer's own address: the lab."""
    query_api_host: str = overridable("0.0.0.0")  # noqa: S104 - the task's own interface


@dataclass(frozen=True, kw_only=True)
class QueryApiHealth(Contract):
    """`healthy` reads the port from the service's variables."""

    query_api_port: int = overridable(QUERY_API_PORT)


@dataclass(frozen=True, kw_only=True)
class DeadLettersTask(Contract):
    """`dead-letters` is a one-off task of the service's own definition: it reads that one's variables."""

    log: GroupLog
    stream_name: str
    suffix: str
