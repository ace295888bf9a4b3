"""Delete every recovery point of a vault, and wait until the service really has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

POLL_SECONDS = 5.0
EMPTY_WITHIN_SECONDS = 180.0
"""So that CloudFormation hears of a deadline that passed within the function's own 300 s.

Around it come at worst the question for the stack (25 s), the call that was under way at the deadline
(three attempts of 13 s and their pauses) and the answer (three attempts of 10 s and theirs).
"""
GONE = ("ResourceNotFoundException", "AccessDeniedException")
"""What the service answers about a vault that does not exist (it does not tell strangers that)."""
NOT_NOW = ("InvalidResourceStateException", "InvalidRequestException", "ThrottlingException")
"""A copy is still being made of it, or it is being deleted already: asked again at the next look."""


class NotEmpty(Exception):
    """Recovery points were left when the time was over; the deletion may be repeated."""


class Vault(Protocol):
    """One backup vault."""

    def exists(self) -> bool:
        """Whether there is such a vault."""

    def recovery_points(self) -> Iterator[str]:
        """The ARN of every recovery point in it."""

    def delete(self, recovery_point: str) -> None:
        """Ask for its deletion, which the service does later; one that cannot go now stays."""


def empty(vault: Vault, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> int:
    """How many recovery points there were. Raises NotEmpty after the deadline.

    A vault that is gone counts as empty: a delete that is repeated must succeed.
    """
    deadline = clock() + EMPTY_WITHIN_SECONDS
    if not vault.exists():
        return 0
    seen: set[str] = set()
    while True:
        left = []
        for one in vault.recovery_points():
            left.append(one)
            _within(deadline, clock, left)
        if not left:
            return len(seen)
        seen.update(left)
        for one in left:
            _within(deadline, clock, left)
            vault.delete(one)
        sleep(POLL_SECONDS)


def _within(deadline: float, clock: Callable[[], float], left: list[str]) -> None:
    """Raises NotEmpty after the deadline; asked at each point, because each costs a call or a page."""
    if clock() >= deadline:
        raise NotEmpty(f"at least {len(left)} recovery points are left, such as {left[0]}")


@dataclass(frozen=True)
class BackupVault:
    """A vault in AWS Backup. `client` is a boto3 client with time-outs."""

    client: Any
    name: str

    def exists(self) -> bool:
        """Whether there is such a vault."""
        try:
            self.client.describe_backup_vault(BackupVaultName=self.name)
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return False
            raise
        return True

    def recovery_points(self) -> Iterator[str]:
        """The ARN of every recovery point in it."""
        pages = self.client.get_paginator("list_recovery_points_by_backup_vault")
        for page in pages.paginate(BackupVaultName=self.name):
            for one in page.get("RecoveryPoints", []):
                yield str(one["RecoveryPointArn"])

    def delete(self, recovery_point: str) -> None:
        """Ask for its deletion."""
        try:
            self.client.delete_recovery_point(
                BackupVaultName=self.name, RecoveryPointArn=recovery_point
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in (*NOT_NOW, "ResourceNotFoundException"):
                raise
