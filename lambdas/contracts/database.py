"""Where a region's database is: the part of a contract that all share who sign in to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from lifeline.lambdas.certificates.database_tls import RDS_CA
from lifeline.lambdas.contracts.contract import Contract, HostCall, overridable, set_by_aws

DatabaseAuth = Literal["iam", "password", "none"]
"""A token signed with IAM, the admin's password (migrations), or nothing (the lab); each by verified TLS."""

_ARCHIVE = "_archive"


def archive_user(workload_user: str) -> str:
    """Who the archive's one-off task signs in as: it alone writes down what a person decided (B22)."""
    return workload_user + _ARCHIVE


DATABASE = HostCall("the region's database", 5432)


@dataclass(frozen=True)
class DatabaseAddress(Contract):
    """DATABASE_HOST, _PORT, _NAME, _USER, _AUTH and _CA_FILE; `region` is where tokens are signed for.

    `host` may name several, separated by commas, tried in order: the writer endpoint of a member that
    was never promoted does not resolve, its reader endpoint does.
    """

    PREFIX: ClassVar[str] = "DATABASE_"

    host: str
    port: int
    name: str
    user: str
    auth: DatabaseAuth
    region: str = set_by_aws("AWS_REGION")
    ca_file: str = overridable(str(RDS_CA))
    """Whose certificates are believed: those of Amazon RDS; the lab has an authority of its own."""
