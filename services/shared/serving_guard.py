"""May this process serve? (A1, C1): pure; clocks and rows are passed in."""

from __future__ import annotations

from typing import NamedTuple

READ_AUTHORITY = """
SELECT epoch, holder, renewals,
       extract(epoch FROM clock_timestamp() - renewed_from)::float8,
       pg_is_in_recovery()
FROM authority
"""


class AuthorityRow(NamedTuple):
    """The database's authority row; `age_seconds` by that server's clock since the renewal was sent.

    `in_recovery`: the server is a replica, and the row is its writer's (A16).
    """

    epoch: int
    holder: str
    renewals: int
    age_seconds: float
    in_recovery: bool


class Permission(NamedTuple):
    """`may_serve` with the reason in words; `new_epoch`: the row is newer than what was served before.

    `in_recovery`: refused because the server is a replica; the client looks for the writer again (A16).
    """

    may_serve: bool
    reason: str
    new_epoch: bool = False
    in_recovery: bool = False


_SERVING, _SERVING_NEWLY = Permission(True, "serving"), Permission(True, "serving", True)
"""Each batch is given one of them."""


class ServingGuard:
    """Judges each row read, with two clocks: the server's age, and the own monotonic one.

    Invariant: never serves when `renewals` has not moved for ttl on the own clock, nor at an epoch
    below the highest one seen, nor from a server in recovery (A16).
    """

    def __init__(self, region: str, ttl_seconds: float) -> None:
        self._region = region
        self._ttl_seconds = ttl_seconds
        self._seen: tuple[int, int] | None = None
        self._moved_at = 0.0
        self.epoch = -1
        """The highest epoch seen."""

    def judge(self, row: AuthorityRow | None, asked_at: float) -> Permission:
        """`asked_at` is the own monotonic clock *before* the row was read."""
        if row is None:
            return Permission(False, "no authority row")
        if row.in_recovery:
            # A replica may lag: its row raises the epoch, and starts no clock of renewals.
            new_epoch = row.epoch > self.epoch
            self.epoch = max(self.epoch, row.epoch)
            return Permission(False, "the server is in recovery", new_epoch, in_recovery=True)
        if row.epoch < self.epoch:
            return Permission(False, f"row is of epoch {row.epoch}, served at {self.epoch}")
        new_epoch = row.epoch > self.epoch
        self.epoch = row.epoch
        if self._seen != (row.epoch, row.renewals):
            self._seen, self._moved_at = (row.epoch, row.renewals), asked_at
        if row.holder != self._region:
            return Permission(False, f"holder is {row.holder or 'nobody'}", new_epoch)
        if row.age_seconds >= self._ttl_seconds:
            return Permission(False, "the renewal is older than the ttl", new_epoch)
        if asked_at - self._moved_at >= self._ttl_seconds:
            return Permission(False, "renewals stand still", new_epoch)
        return _SERVING_NEWLY if new_epoch else _SERVING
