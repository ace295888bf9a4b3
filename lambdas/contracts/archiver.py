"""The contracts of the archiver, of the health check beside it, and of its one-off task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lifeline.lambdas.contracts.contract import AwsCall, Call, Contract, overridable, variable
from lifeline.lambdas.contracts.database import DATABASE, DatabaseAddress
from lifeline.lambdas.contracts.log import LOG, GroupLog

RESTORED = "restored."
"""What the names of topics begin with that a restore may write: nobody else reads or copies those."""


@dataclass(frozen=True, kw_only=True)
class Archive(Contract):
    """`archive`, the service. `alive_file` is touched while the loop turns; empty: none (outside a task)."""

    calls: ClassVar[tuple[Call, ...]] = (
        LOG,
        AwsCall("s3:GetObject"),
        AwsCall("s3:ListBucket"),
        AwsCall("s3:PutObject", context=(("s3:if-none-match", "*"),)),
        AwsCall("dynamodb:GetItem"),
        AwsCall("dynamodb:PutItem"),
    )

    log: GroupLog
    region: str = variable("AWS_REGION")
    suffix: str
    archive_bucket: str
    checkpoints_table: str
    """Where a start goes on, and what the event applier may drop."""
    alive_file: str = ""
    archive_roll_seconds: float = overridable(300.0)
    """How long records wait for an object; they lie in the log all the while."""


@dataclass(frozen=True, kw_only=True)
class ArchiverHealth(Contract):
    """`healthy`, the health check that runs beside `archive` and reads that one's variables."""

    alive_file: str = overridable("")


@dataclass(frozen=True, kw_only=True)
class ArchiveTask(Contract):
    """`task`, a one-off task that reads the archive: verify it, or restore from it."""

    calls: ClassVar[tuple[Call, ...]] = (
        DATABASE,
        LOG,
        AwsCall("rds-db:connect"),
        AwsCall("s3:GetObject"),
        AwsCall("s3:ListBucket"),
        AwsCall("s3:RestoreObject"),
        AwsCall("dynamodb:GetItem"),
    )

    database: DatabaseAddress
    log: GroupLog
    region: str = variable("AWS_REGION")
    suffix: str
    archive_bucket: str
    checkpoints_table: str
    """What of each partition is archived."""
    archive_days: int
    """How long the bucket keeps an object."""
