"""What a keeper's cycle needs of the world. Adapters implement it; the lab runs the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lifeline.lambdas.failover.decision import DatabaseView
from lifeline.lambdas.failover.health import Sample
from lifeline.lambdas.failover.lease import Lease, Promise


class LeasePort(Protocol):
    """The lease item in the witness region."""

    def read(self) -> Lease | None: ...
    def renew(self, *, region: str, epoch: int, health: str) -> Lease | None: ...
    def take(self, *, region: str, seen: Lease, now: float) -> Lease | None: ...
    def give_up_attempt(self, *, seen: Lease) -> Lease | None: ...


class PromisePort(Protocol):
    """The own region's local table."""

    def promise(self) -> Promise: ...
    def set_out(self, *, epoch: int, failsafe: int) -> int | None: ...
    def clear_promise(self, *, tries: int, lease_epoch: int) -> bool: ...
    def memory(self) -> dict[str, Any]: ...
    def remember(self, memory: Mapping[str, Any]) -> None: ...
    def samples(self, region: str) -> list[Sample]: ...
    def note_decision(self, word: str, decision: Mapping[str, str], at: float) -> bool: ...


class PeerPort(Protocol):
    """The other region's local table: the one thing an active without the witness asks for (A2)."""

    def ask_failsafe(self, *, epoch: int) -> bool: ...


class WitnessProbePort(Protocol):
    """The witness's probe results."""

    def samples(self, region: str) -> list[Sample]: ...


class DatabasePort(Protocol):
    """The own region's database."""

    def clock(self) -> str: ...
    def view(self) -> DatabaseView: ...
    def bump(self, *, region: str, epoch: int, renewals: int, renewed_from: str) -> bool: ...


class PlanPort(Protocol):
    """The own region's recovery plan. Starting one that runs already is not an error (A4)."""

    def start(self, *, epoch: int, from_epoch: int) -> None: ...


class PagePort(Protocol):
    """Tell a person. Never raises."""

    def page(self, subject: str, text: str) -> None: ...
