"""The contracts of the event applier, one for each of its commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from lifeline.lambdas.contracts.contract import AwsCall, Call, Contract, overridable, variable
from lifeline.lambdas.contracts.database import DATABASE, DatabaseAddress
from lifeline.lambdas.contracts.log import LOG, GroupLog
from lifeline.lambdas.contracts.serving_region import ServingRegion


@dataclass(frozen=True, kw_only=True)
class Apply(Contract):
    """`apply`. `alive_file` is touched while the loop turns; empty: none (outside a task)."""

    calls: ClassVar[tuple[Call, ...]] = (
        DATABASE,
        LOG,
        AwsCall("rds-db:connect"),
        AwsCall("dynamodb:GetItem"),
    )

    database: DatabaseAddress
    log: GroupLog
    region: ServingRegion
    checkpoints_table: str
    """Where the archiver says what it holds: older days are dropped only then (B22)."""
    hot_days: int = 35
    """How long events stay in the database, at least."""
    alive_file: str = ""
    breaker: Literal["on", "off"] = "on"
    """Whether it stops rather than set aside nearly everything by our fault (B23)."""


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
class RewindTask(Contract):
    """`rewind` is a one-off task of the service's own definition: it reads that one's variables."""

    database: DatabaseAddress
    log: GroupLog
    region: ServingRegion


@dataclass(frozen=True, kw_only=True)
class ApplyHealth(Contract):
    """`healthy`, the health check that runs beside `apply` and reads that one's variables."""

    alive_file: str = overridable("")
