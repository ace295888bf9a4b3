"""The contracts of the image `event_applier`, one for each of its commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lifeline.lambdas.contracts.contract import AwsCall, Call, Contract, overridable, variable
from lifeline.lambdas.contracts.database import DATABASE, DatabaseAddress
from lifeline.lambdas.contracts.log import LOG, GroupLog
from lifeline.lambdas.failover.protocol import LEASE_TTL_SECONDS

SERVE_PORT = 8080


@dataclass(frozen=True, kw_only=True)
class ServingRegion(Contract):
    """Who a process is, and how long a renewal lets it serve (A1)."""

    region: str = variable("AWS_REGION")
    peer_region: str
    suffix: str
    ttl_seconds: float = LEASE_TTL_SECONDS


@dataclass(frozen=True, kw_only=True)
class Apply(Contract):
    """`apply`. `alive_file` is touched while the loop turns; empty: none (outside a task)."""

    calls: ClassVar[tuple[Call, ...]] = (DATABASE, LOG, AwsCall("rds-db:connect"))

    database: DatabaseAddress
    log: GroupLog
    region: ServingRegion
    alive_file: str = ""


@dataclass(frozen=True, kw_only=True)
class Serve(Contract):
    """`serve`."""

    calls: ClassVar[tuple[Call, ...]] = (
        DATABASE,
        LOG,
        AwsCall("rds-db:connect"),
        AwsCall("kinesis:DescribeStreamSummary"),
        AwsCall("kinesis:ListShards"),
        AwsCall("kinesis:PutRecords"),
        AwsCall("dynamodb:GetItem"),
    )

    database: DatabaseAddress
    log: GroupLog
    region: ServingRegion
    stream_name: str
    region_state_table: str
    serve_port: int = SERVE_PORT
    serve_host: str = overridable("0.0.0.0")  # noqa: S104 - the task's own interface


@dataclass(frozen=True, kw_only=True)
class Migrate(Contract):
    """`migrate`; `workload_user` is let in where the admin signs in with a password."""

    calls: ClassVar[tuple[Call, ...]] = (DATABASE, AwsCall("rds-db:connect"))

    region: str = variable("AWS_REGION")
    database: DatabaseAddress
    workload_user: str = ""

    def __post_init__(self) -> None:
        if self.database.auth == "password" and not self.workload_user:
            raise ValueError("WORKLOAD_USER is missing; with DATABASE_AUTH=password it is needed")


@dataclass(frozen=True, kw_only=True)
class Healthy(Contract):
    """`healthy`, the health check that runs beside `apply` or `serve` and reads that one's variables.

    Raises nothing for what is missing: with `alive_file` it is `apply` that is asked about, else `serve`.
    """

    alive_file: str = overridable("")
    serve_port: int = overridable(SERVE_PORT)
