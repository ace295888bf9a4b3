"""The contract of the function `rotate_admin`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lifeline.lambdas.certificates.database_tls import RDS_CA
from lifeline.lambdas.contracts.contract import AwsCall, Call, Contract, overridable
from lifeline.lambdas.contracts.database import DATABASE


@dataclass(frozen=True, kw_only=True)
class RotateAdmin(Contract):
    """Whose password, and where it must work. `powertools_service_name` names it in each log line."""

    calls: ClassVar[tuple[Call, ...]] = (
        DATABASE,
        AwsCall("secretsmanager:DescribeSecret"),
        AwsCall("secretsmanager:GetSecretValue"),
        AwsCall("secretsmanager:GetRandomPassword"),
        AwsCall("secretsmanager:PutSecretValue"),
        AwsCall("secretsmanager:UpdateSecretVersionStage"),
    )

    powertools_service_name: str = ""
    secret_arn: str
    database_host: str
    database_port: int
    database_name: str
    database_ca_file: str = overridable(str(RDS_CA))
