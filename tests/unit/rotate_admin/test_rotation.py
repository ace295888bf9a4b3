"""The admin's password changes in four steps; stopped after any of them, one password always works."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lifeline.lambdas.rotate_admin.adapters import ManagedSecret
from lifeline.lambdas.rotate_admin.rotation import CURRENT, PENDING, NotWritable, Refused, Rotation

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
NEW = "22222222-2222-2222-2222-222222222222"


@dataclass
class Database:
    """One administrator and a password."""

    password: str
    replica: bool = False
    changes: list[str] = field(default_factory=list)

    def sign_in(self, secret: Mapping[str, str]) -> Database:
        if secret["password"] != self.password:
            raise Refused
        return self

    def is_replica(self) -> bool:
        return self.replica

    def set_password(self, user: str, password: str) -> None:
        assert not self.replica
        self.changes.append(user)
        self.password = password


@pytest.fixture
def secret() -> Iterator[tuple[Any, ManagedSecret]]:
    """A client of the emulated service, and the adapter over a secret in it."""
    with mock_aws():
        client = boto3.client("secretsmanager", region_name="ca-central-1")
        arn = client.create_secret(
            Name="database-admin-test",
            SecretString=json.dumps({"username": "lifeline_admin", "password": "old"}),
        )["ARN"]
        yield client, ManagedSecret(client, str(arn))


def current(secret: ManagedSecret) -> dict[str, str]:
    value = secret.read(CURRENT)
    assert value is not None
    return value


class Staged:
    """The real adapter, and the empty pending version that the service announces before the first step."""

    def __init__(self, secret: ManagedSecret) -> None:
        self._secret = secret

    def __getattr__(self, name: str) -> Any:
        return getattr(self._secret, name)

    def stages(self) -> Mapping[str, list[str]]:
        found = dict(self._secret.stages())
        return found if NEW in found else {**found, NEW: [PENDING]}


def rotation(secret: ManagedSecret, database: Database) -> Rotation:
    return Rotation(Staged(secret), database.sign_in, NEW)


def test_after_the_four_steps_only_the_new_password_works(
    secret: tuple[Any, ManagedSecret],
) -> None:
    _, managed = secret
    database = Database("old")
    for step in STEPS:
        rotation(managed, database).run(step)
    new = current(managed)
    assert new["username"] == "lifeline_admin"
    assert new["password"] == database.password != "old"
    assert len(new["password"]) == 40
    assert new["password"].isalnum()


@pytest.mark.parametrize("stopped_after", range(5))
def test_stopped_after_any_step_a_known_password_works_and_the_next_run_finishes(
    secret: tuple[Any, ManagedSecret], stopped_after: int
) -> None:
    _, managed = secret
    database = Database("old")
    for step in STEPS[:stopped_after]:
        rotation(managed, database).run(step)
    known = [managed.read(CURRENT), managed.read(PENDING, NEW)]
    assert database.password in [one["password"] for one in known if one]
    for step in STEPS:
        rotation(managed, database).run(step)
    assert current(managed)["password"] == database.password
    assert database.changes == ["lifeline_admin"]


def test_a_replica_changes_nothing_and_says_why(secret: tuple[Any, ManagedSecret]) -> None:
    _, managed = secret
    database = Database("old", replica=True)
    rotation(managed, database).run("createSecret")
    with pytest.raises(NotWritable, match="changes where it writes"):
        rotation(managed, database).run("setSecret")
    assert current(managed)["password"] == database.password == "old"


def test_a_password_that_nobody_knows_is_refused_not_overwritten(
    secret: tuple[Any, ManagedSecret],
) -> None:
    _, managed = secret
    database = Database("changed by hand")
    rotation(managed, database).run("createSecret")
    with pytest.raises(Refused):
        rotation(managed, database).run("setSecret")
    assert database.changes == []


def test_testing_fails_before_the_database_knows_the_new_password(
    secret: tuple[Any, ManagedSecret],
) -> None:
    _, managed = secret
    database = Database("old")
    rotation(managed, database).run("createSecret")
    with pytest.raises(Refused):
        rotation(managed, database).run("testSecret")


def test_a_foreign_version_and_an_unknown_step_are_refused(
    secret: tuple[Any, ManagedSecret],
) -> None:
    _, managed = secret
    with pytest.raises(ValueError, match="not one of this secret's"):
        Rotation(managed, Database("old").sign_in, "another").run("createSecret")
    with pytest.raises(ValueError, match="the steps are createSecret"):
        rotation(managed, Database("old")).run("explode")
