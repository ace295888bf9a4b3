"""What a standby can learn of the active's data from its own region: one port, two sources (A5, A6).

Both answers are epoch seconds by a clock of the active region. Invariant: everything that `origin` committed
before `complete_until(origin)` is here; `applied_until(origin)` was read from the replicated database, never
from files, a secret or a cache: only such a reading may veto a takeover.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol


class ReplicationSource(StrEnum):
    """Where the signal comes from."""

    MARKERS = "markers"
    """The watermark of the region's log and the applied markers in its database."""
    HEARTBEAT = "heartbeat"
    """A row that the active writes every few seconds, as the replica has it: the keeper's authority row,
    or a row `heartbeat(region, …, at)` of the application's own, whichever is newer."""


class ReplicationSignal(Protocol):
    """Both questions that the decision asks. Raises what the source raises; None: not known."""

    def complete_until(self, origin: str) -> float | None:
        """Up to when the region has everything of `origin`: what a takeover would lose is younger (A5)."""

    def applied_until(self, origin: str) -> float | None:
        """How new the newest thing of `origin` in the replicated database is: does it advance? (A6)"""


class Watermark(Protocol):
    """The region's services: how far another region's events are in the own log."""

    def oldest_born_seconds(self, origin: str) -> float | None: ...


class AppliedMarkers(Protocol):
    """The region's database: when the newest applied marker of a region was born."""

    def newest_applied_born(self, origin: str) -> float | None: ...


class HeartbeatRows(Protocol):
    """The region's database: the newest heartbeat of a region that the replica has."""

    def newest_heartbeat(self, region: str) -> float | None: ...


class MarkerSignal:
    """Loss by the log, advance by the applied markers: for an application that reads the log (B1, B20)."""

    def __init__(self, *, watermark: Watermark, database: AppliedMarkers) -> None:
        self._watermark, self._database = watermark, database

    def complete_until(self, origin: str) -> float | None:
        """By the watermark of the own log."""
        return self._watermark.oldest_born_seconds(origin)

    def applied_until(self, origin: str) -> float | None:
        """By the newest applied marker."""
        return self._database.newest_applied_born(origin)


class HeartbeatSignal:
    """Both by one row: for an application whose only truth is its replicated database.

    The replica applies commits in the writer's order, so whatever was committed before the row is here. The
    active's keeper writes one each cycle with its renewal (A1); an application that beats by itself is seen
    sooner. It says nothing of events that were accepted and not yet committed: those are not in the loss
    it tells.
    """

    def __init__(self, rows: HeartbeatRows, *, own_api: Callable[[], object]) -> None:
        self._rows, self._own_api = rows, own_api

    def complete_until(self, origin: str) -> float | None:
        """By the newest heartbeat of `origin`. Raises what `own_api` raises: the region could not serve.

        Where markers are read, the query API that answers with them is what would serve.
        """
        self._own_api()
        return self._rows.newest_heartbeat(origin)

    def applied_until(self, origin: str) -> float | None:
        """The same row: it came through the same replication."""
        return self._rows.newest_heartbeat(origin)
