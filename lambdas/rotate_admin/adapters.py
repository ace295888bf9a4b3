"""Secrets Manager and PostgreSQL behind the ports of the rotation; every wait bounded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pg8000.native
from pg8000.exceptions import DatabaseError

from lifeline.lambdas.certificates.database_tls import verified
from lifeline.lambdas.rotate_admin.rotation import CURRENT, PENDING, Refused

PASSWORD_CHARACTERS = 40
SIGN_IN_TIMEOUT_SECONDS = 5
WRONG_PASSWORD = ("28P01", "28000")


@dataclass(frozen=True)
class ManagedSecret:
    """One secret. `client` is a Secrets Manager client with time-outs."""

    client: Any
    arn: str

    def stages(self) -> Mapping[str, list[str]]:
        """The stages of each version."""
        answer = self.client.describe_secret(SecretId=self.arn)
        return dict(answer.get("VersionIdsToStages", {}))

    def read(self, stage: str, version: str | None = None) -> dict[str, str] | None:
        """The value under `stage`; None: there is none."""
        named = {"VersionId": version} if version else {}
        try:
            answer = self.client.get_secret_value(SecretId=self.arn, VersionStage=stage, **named)
        except self.client.exceptions.ResourceNotFoundException:
            return None
        return dict(json.loads(answer["SecretString"]))

    def new_password(self) -> str:
        """Letters and digits: no character that a URL or a shell reads differently."""
        answer = self.client.get_random_password(
            PasswordLength=PASSWORD_CHARACTERS, ExcludePunctuation=True
        )
        return str(answer["RandomPassword"])

    def put_pending(self, version: str, value: Mapping[str, str]) -> None:
        """Store `value` as `version`, pending."""
        self.client.put_secret_value(
            SecretId=self.arn,
            ClientRequestToken=version,
            SecretString=json.dumps(dict(value)),
            VersionStages=[PENDING],
        )

    def make_current(self, version: str, instead_of: str | None) -> None:
        """Move the stage of the current version."""
        moved_from = {"RemoveFromVersionId": instead_of} if instead_of else {}
        self.client.update_secret_version_stage(
            SecretId=self.arn, VersionStage=CURRENT, MoveToVersionId=version, **moved_from
        )


@dataclass(frozen=True)
class Server:
    """Where the administrator signs in, and whose certificate the server must show."""

    host: str
    port: int
    database: str
    ca_file: str

    def sign_in(self, secret: Mapping[str, str]) -> SignedIn:
        """Raises Refused for a wrong password, else what the driver raises."""
        try:
            connection = pg8000.native.Connection(
                secret["username"],
                password=secret["password"],
                host=self.host,
                port=self.port,
                database=self.database,
                ssl_context=verified(self.ca_file),
                timeout=SIGN_IN_TIMEOUT_SECONDS,
            )
        except DatabaseError as error:
            detail = error.args[0] if error.args else {}
            if isinstance(detail, dict) and detail.get("C") in WRONG_PASSWORD:
                raise Refused("the database refused the admin's password") from None
            raise
        return SignedIn(connection)


@dataclass(frozen=True)
class SignedIn:
    """A session of the administrator."""

    connection: pg8000.native.Connection

    def is_replica(self) -> bool:
        """Whether nothing can be written here."""
        return bool(self.connection.run("SELECT pg_is_in_recovery()")[0][0])

    def set_password(self, user: str, password: str) -> None:
        """ALTER ROLE takes no parameters: the driver's quoting makes both safe."""
        name = pg8000.native.identifier(user)
        self.connection.run(f"ALTER ROLE {name} PASSWORD {pg8000.native.literal(password)}")
