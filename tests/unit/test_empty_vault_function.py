"""A vault is emptied before it is deleted. Its twin in memory deletes as late as the real one does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import boto3
import pytest
from empty_vault.vault import EMPTY_WITHIN_SECONDS, BackupVault, NotEmpty, empty
from moto import mock_aws


@dataclass
class VaultTwin:
    """Recovery points that vanish some looks after their deletion was asked for."""

    points: dict[str, int] = field(default_factory=dict)
    """How many more looks each is listed once its deletion was asked for."""
    asked: set[str] = field(default_factory=set)
    there: bool = True

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


def test_the_adapter_tells_a_vault_from_none() -> None:
    with mock_aws():
        client = boto3.client("backup", region_name="ca-central-1")
        client.create_backup_vault(BackupVaultName="backup-test")
        assert BackupVault(client, "backup-test").exists()
        assert not BackupVault(client, "backup-gone").exists()
