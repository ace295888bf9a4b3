"""A vault is emptied before it is deleted. Its twin in memory deletes as late as the real one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lifeline.lambdas.custom_resource.answer import ANSWER_ATTEMPTS, ANSWER_TIMEOUT_SECONDS
from lifeline.lambdas.custom_resource.stack import CONFIG as STACK_CONFIG
from lifeline.lambdas.empty_vault.handler import CONFIG, provide
from lifeline.lambdas.empty_vault.vault import (
    EMPTY_WITHIN_SECONDS,
    POLL_SECONDS,
    BackupVault,
    NotEmpty,
    empty,
)
from tests.support.stack_server import STACK_ID, StackServer


@dataclass
class VaultTwin:
    """Recovery points that vanish some looks after their deletion was asked for."""

    points: dict[str, int] = field(default_factory=dict)
    """How many more looks each is listed once its deletion was asked for."""
    asked: set[str] = field(default_factory=set)
    there: bool = True
    on_delete: Callable[[], None] = lambda: None
    """What asking for a deletion costs."""

    def exists(self) -> bool:
        return self.there

    def recovery_points(self) -> Iterator[str]:
        for one in sorted(self.asked):
            self.points[one] -= 1
            if self.points[one] < 0:
                del self.points[one]
                self.asked.discard(one)
        yield from sorted(self.points)

    def delete(self, recovery_point: str) -> None:
        self.on_delete()
        self.asked.add(recovery_point)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def emptied(vault: VaultTwin, clock: Clock) -> int:
    return empty(vault, clock=clock.now, sleep=clock.sleep)


def test_every_point_is_deleted_and_waited_for() -> None:
    vault, clock = VaultTwin({"a": 0, "b": 3}), Clock()
    assert emptied(vault, clock) == 2
    assert vault.points == {}
    assert clock.at > 0


def test_an_empty_vault_needs_no_wait() -> None:
    clock = Clock()
    assert emptied(VaultTwin(), clock) == 0
    assert clock.at == 0


def test_a_vault_that_is_gone_counts_as_empty() -> None:
    vault = VaultTwin({"a": 0}, there=False)
    assert emptied(vault, Clock()) == 0
    assert vault.asked == set()


def test_points_that_stay_fail_the_deletion_within_the_functions_time() -> None:
    clock = Clock()
    with pytest.raises(NotEmpty, match="1 recovery points are left, such as stuck"):
        emptied(VaultTwin({"stuck": 10_000}), clock)
    assert EMPTY_WITHIN_SECONDS <= clock.at < 300


def test_slow_deletions_end_at_the_deadline_too() -> None:
    """A vault holds thousands of points, and each of them costs a call."""
    clock = Clock()
    vault = VaultTwin({f"{n}": 0 for n in range(1_000)}, on_delete=lambda: clock.sleep(1.0))
    with pytest.raises(NotEmpty, match="1000 recovery points are left"):
        emptied(vault, clock)
    assert clock.at <= EMPTY_WITHIN_SECONDS + 1


def test_the_questions_and_the_answer_fit_into_the_functions_time() -> None:
    """At worst: the stack, a page or a deletion under way, a pause, the answer; each with its attempts."""
    configs: list[Any] = [STACK_CONFIG, CONFIG]
    calls = [
        config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout)
        for config in configs
    ]
    told = ANSWER_ATTEMPTS * ANSWER_TIMEOUT_SECONDS
    assert EMPTY_WITHIN_SECONDS + sum(calls) + POLL_SECONDS + told < 300


@pytest.mark.parametrize(
    ("status", "emptied"), [("DELETE_IN_PROGRESS", True), ("UPDATE_IN_PROGRESS", False)]
)
def test_only_a_vault_whose_stack_goes_is_emptied(
    status: str, emptied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ca-west-1")
    with StackServer() as server, mock_aws():
        # moto keeps no recovery points: what is asked of the service shows whether the vault is touched.
        session = boto3.Session()
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
        session.events.register("before-call.backup", lambda model, **_: asked.append(model.name))
        server.status = status
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", server.url)
        request = {
            "RequestType": "Delete",
            "StackId": STACK_ID,
            "ResourceProperties": {"VaultName": "backup-gone"},
        }
        assert provide(request) == ("empty-backup-gone", {})
    assert bool(asked) is emptied


def test_the_adapter_tells_a_vault_from_none() -> None:
    with mock_aws():
        client = boto3.client("backup", region_name="ca-central-1")
        client.create_backup_vault(BackupVaultName="backup-test")
        assert BackupVault(client, "backup-test").exists()
        assert not BackupVault(client, "backup-gone").exists()
