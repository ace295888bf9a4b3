"""What runs in a region beside its functions: the query API's checks, and the event appliers.

The query API's authority check, its health and its traffic switch are the deployed ones. Of the applier
the loop is the world's own; what decides there is deployed: the lock, the guard, the transaction's
limit (A1, C1).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from lifeline.lambdas.failover.protocol import LEASE_TTL_SECONDS, TRANSACTION_TIMEOUT_SECONDS
from lifeline.services.query_api.health import RegionHealth, keep_checking
from lifeline.services.query_api.service import AuthorityCheck, TrafficSwitch
from lifeline.services.query_api.stream_client import StreamClient
from lifeline.services.shared.serving_guard import READ_AUTHORITY, AuthorityRow, ServingGuard
from simulator.network import Network, NoAnswer, Refused
from simulator.places import STATE_TABLE
from simulator.runtime import Runtime
from simulator.scheduler import Machine, Scheduler, Task
from simulator.told import APPLIERS, address, serving_region
from simulator.twins.postgresql import APPLIER_LOCK, ServerError, Session

CHECK_SECONDS, AUTHORITY_SECONDS = 1.0, 0.5
"""As `services/query_api/service.py` paces them."""
BATCH_PAUSE_SECONDS = 1.0
SLOW_SHARE, SLOWEST_SECONDS = 0.03, 6.0
"""Most batches commit at once; a few take long, up to more than the server allows."""

Serves = Callable[[str, int], None]
"""(region, epoch): something was committed or answered."""


class RegionServices:
    """The tasks of one region's services; `lost` ends them."""

    def __init__(
        self,
        region: str,
        *,
        machine: Machine,
        scheduler: Scheduler,
        network: Network,
        runtime: Runtime,
        serves: Serves,
        violate: Callable[[str], None],
        reach: Callable[[str], None],
    ) -> None:
        self.region, self.machine = region, machine
        self._scheduler, self._network, self._runtime = scheduler, network, runtime
        self._serves, self._violate, self._reach = serves, violate, reach
        self.health = RegionHealth(region)
        self.log_moves = True
        """Whether what the region accepts comes through its log: without it no new marker is applied."""
        self.committed_at = self.marked_at = float("-inf")
        """When an applier last committed, and when the last commit with a new marker of the region was."""
        self.tasks: list[Task] = []

    def start(self) -> None:
        """Start every task, with nothing remembered."""
        self.health = RegionHealth(self.region)
        self.tasks = []
        self._spawn("query-api", self._query_api)
        for number in range(APPLIERS):
            self._spawn(f"applier {number}", self._apply)

    def lost(self) -> None:
        """Every task ends."""
        for task in self.tasks:
            self._scheduler.kill(task)
        self.tasks = []

    def answers(self) -> bool:
        """Whether any task is there to answer."""
        return any(task.greenlet is not None for task in self.tasks)

    def _spawn(self, name: str, work: Callable[[], Any]) -> None:
        task = self._scheduler.spawn(f"{self.region} {name}", self.machine, work)
        self.tasks.append(task)

    def _query_api(self) -> None:
        region, health = self.region, self.health
        authority = AuthorityCheck(address(region), serving_region(region))
        traffic, stream = TrafficSwitch(STATE_TABLE, region), StreamClient("stream-sim", region)

        def ask() -> Any:
            row, permission = authority.ask()
            if permission.may_serve and row is not None:
                self._serves(region, row.epoch)
                if row.in_recovery:
                    self._violate(f"{region} answered from a replica at epoch {row.epoch}")
            return row, permission

        stopping: Any = _Never()
        for name, check, question, seconds in (
            ("ingest", health.ingest, stream.incarnation, CHECK_SECONDS),
            ("traffic", health.traffic, traffic.epoch, CHECK_SECONDS),
            ("database", health.database, ask, AUTHORITY_SECONDS),
        ):
            self._spawn(
                f"check of {name}",
                partial(keep_checking, check, question, seconds, stopping, name),
            )

    def _apply(self) -> None:
        scheduler = self._scheduler
        guard = ServingGuard(self.region, LEASE_TTL_SECONDS)
        session: Session | None = None
        scheduler.sleep(scheduler.random.random())
        while True:
            try:
                if session is None or session.closed:
                    session, _ = self._runtime.session(f"writer.{self.region}", 3.0)
                self._batch(session, guard)
            except (OSError, ServerError):
                if session is not None:
                    session.close()
                session = None
            scheduler.sleep(BATCH_PAUSE_SECONDS)

    def _batch(self, session: Session, guard: ServingGuard) -> None:
        scheduler, run = self._scheduler, self._runtime.run
        asked_at = scheduler.now
        session.begin()
        run(session, 10.0, APPLIER_LOCK, {})
        try:
            (row,) = run(session, 5.0, READ_AUTHORITY, {})
            permission = guard.judge(AuthorityRow(*row), asked_at)
            if permission.in_recovery:
                session.close()  # it looks for the writer again (A16)
            elif permission.may_serve:
                self._write(session, int(row[0]))
            elif row[1] == self.region:
                self._reach(f"an applier stops: {permission.reason}")
        finally:
            session.roll_back()

    def _write(self, session: Session, epoch: int) -> None:
        scheduler, server = self._scheduler, session.server
        began, chance = scheduler.now, scheduler.random.random()
        if chance < SLOW_SHARE:
            scheduler.sleep(SLOWEST_SECONDS * chance / SLOW_SHARE)

        def commit() -> None:
            if scheduler.now - began > TRANSACTION_TIMEOUT_SECONDS:
                session.close()
            session.require_open()
            now, rows = server.clock(), server.rows
            heartbeats = {**rows.heartbeats, self.region: (epoch, now)}
            applied = {**rows.applied, self.region: now} if self.log_moves else rows.applied
            session.change(rows._replace(applied=applied, heartbeats=heartbeats))
            session.commit()
            self.committed_at = scheduler.now
            if self.log_moves:
                self.marked_at = scheduler.now
            self._serves(self.region, epoch)

        try:
            self._network.call(server.region, "postgresql", 5.0, commit)
        except (NoAnswer, Refused) as error:
            raise OSError(str(error)) from error


class _Never:
    """A stop that never comes."""

    def is_set(self) -> bool:
        return False
