"""A region's database server, as far as authority is concerned: one row, markers, heartbeats, one lock.

It knows the statements that the shipped code sends, by their text: one that it does not know fails
loudly, so a changed statement cannot be answered by an old meaning. Replication is asynchronous and in
order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from lifeline.lambdas.failover.protocol import TRANSACTION_TIMEOUT_SECONDS
from lifeline.services.shared.serving_guard import READ_AUTHORITY
from simulator.scheduler import Machine, Scheduler, Task

LOCK_TIMEOUT_SECONDS = 8.0
"""What `open_epoch` and `fence_epoch` set before they ask for the lock."""
LOCK_POLL_SECONDS = 0.05


APPLIER_LOCK = "SELECT pg_advisory_xact_lock_shared"
"""The world's own applier takes the lock so; the shipped one is not run here."""


class UnknownStatement(BaseException):
    """The shipped code sends what this twin has no meaning for: the run is void, not a finding."""


class ServerError(Exception):
    """The server answered with an error, or ended the session."""


class Rows(NamedTuple):
    """What replicates. Times are epoch seconds by the writing server's clock."""

    lsn: int = 0
    epoch: int = 0
    holder: str = ""
    renewals: int = 0
    renewed_from: float = 0.0
    applied: Mapping[str, float] = MappingProxyType({})
    """By origin: when its newest applied marker was born."""
    heartbeats: Mapping[str, tuple[int, float]] = MappingProxyType({})
    """By region: epoch and time of its newest heartbeat."""


class Server:
    """One server; `in_recovery` while it follows another."""

    def __init__(
        self, region: str, machine: Machine, scheduler: Scheduler, epoch_zero: float
    ) -> None:
        self.region = region
        self.machine = machine
        self.up = True
        self.in_recovery = False
        self.incarnation = 0
        """Grows when every session is ended: a restart, a promotion, a rebuild."""
        self.rows = Rows()
        self.on_commit: Callable[[Server], None] | None = None
        self._scheduler = scheduler
        self._epoch_zero = epoch_zero
        self._shared: dict[Session, Task | None] = {}
        self._exclusive: tuple[Session, Task | None] | None = None

    def clock(self) -> float:
        """This server's epoch seconds."""
        return self._epoch_zero + self._scheduler.now + self.machine.clock_offset

    def restart(self, *, in_recovery: bool) -> None:
        """End every session; nothing that was committed is lost."""
        self.incarnation += 1
        self.in_recovery = in_recovery
        self._shared.clear()
        self._exclusive = None

    def follow(self, rows: Rows) -> None:
        """Replay what the writer committed."""
        if self.in_recovery and rows.lsn > self.rows.lsn:
            self.rows = rows

    def write(self, rows: Rows) -> None:
        """Commit. Raises ServerError on a replica."""
        if self.in_recovery:
            raise ServerError("cannot execute UPDATE in a read-only transaction")
        self.rows = Rows(self.rows.lsn + 1, *rows[1:])
        if self.on_commit is not None:
            self.on_commit(self)

    def lock_shared(self, session: Session) -> None:
        """Wait for the advisory lock as an applier takes it (C1)."""
        self._await_lock(lambda: self._exclusive is None)
        self._shared[session] = self._scheduler.current

    def lock_exclusive(self, session: Session) -> None:
        """Wait for the advisory lock as a change of the epoch takes it (C1)."""
        self._await_lock(lambda: self._exclusive is None and not self._shared)
        self._exclusive = (session, self._scheduler.current)

    def unlock(self, session: Session) -> None:
        """The session's transaction ended."""
        self._shared.pop(session, None)
        if self._exclusive is not None and self._exclusive[0] is session:
            self._exclusive = None

    def _await_lock(self, free: Callable[[], bool]) -> None:
        waited = 0.0
        while True:
            self._forget_the_gone()
            if free():
                return
            if waited >= LOCK_TIMEOUT_SECONDS:
                raise ServerError("canceling statement due to lock timeout")
            self._scheduler.sleep(LOCK_POLL_SECONDS)
            waited += LOCK_POLL_SECONDS

    def _forget_the_gone(self) -> None:
        """A process that ended leaves no session behind, and one that is too slow is ended (A1)."""
        for session, task in list(self._shared.items()):
            if _gone(session, task):
                del self._shared[session]
            elif session.age > TRANSACTION_TIMEOUT_SECONDS:
                session.close()
        if self._exclusive is not None and _gone(*self._exclusive):
            self._exclusive = None


def _gone(session: Session, task: Task | None) -> bool:
    return session.closed or task is None or task.greenlet is None


class Session:
    """A connection to a server, and its transaction."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.closed = False
        self._incarnation = server.incarnation
        self._began: float | None = None
        self._staged: Rows | None = None

    def run(self, sql: str, values: Mapping[str, Any]) -> list[list[Any]]:
        """The statement's rows. Raises ServerError."""
        statement = STATEMENTS.get(sql)
        if statement is None:
            raise UnknownStatement(sql)
        self.require_open()
        try:
            return statement(self, values)
        except ServerError:
            self._end()
            raise

    def require_open(self) -> None:
        """Raises ServerError when the server, or this side, has ended the session."""
        if self.closed or not self.server.up or self._incarnation != self.server.incarnation:
            self.close()
            raise ServerError("the connection is closed")

    def close(self) -> None:
        """Roll back and go."""
        if not self.closed:
            self._end()
            self.closed = True

    @property
    def age(self) -> float:
        """Seconds since its transaction began."""
        return 0.0 if self._began is None else self.server.clock() - self._began

    @property
    def rows(self) -> Rows:
        """What this session sees."""
        return self.server.rows if self._staged is None else self._staged

    def begin(self) -> None:
        """Start a transaction."""
        self._began = self.server.clock()

    def commit(self) -> None:
        """Make what was staged visible, and end the transaction."""
        staged = self._staged
        if staged is not None:
            self.server.write(staged)
        self._end()

    def roll_back(self) -> None:
        """End the transaction; nothing that was staged is seen."""
        self._end()

    def change(self, rows: Rows) -> None:
        """Write, now or with the transaction."""
        if self._began is None:
            self.server.write(rows)
            return
        if self.server.in_recovery:
            raise ServerError("cannot execute UPDATE in a read-only transaction")
        self._staged = rows

    def _end(self) -> None:
        self._began, self._staged = None, None
        self.server.unlock(self)


def _clock(session: Session, _values: Mapping[str, Any]) -> list[list[Any]]:
    return [[repr(session.server.clock())]]


def _view(session: Session, _values: Mapping[str, Any]) -> list[list[Any]]:
    rows = session.rows
    age = session.server.clock() - rows.renewed_from
    return [[rows.epoch, rows.holder, session.server.in_recovery, age]]


def _epoch_and_holder(session: Session, _values: Mapping[str, Any]) -> list[list[Any]]:
    return [[session.rows.epoch, session.rows.holder]]


def _bump(session: Session, values: Mapping[str, Any]) -> list[list[Any]]:
    rows = session.rows
    if session.server.in_recovery:
        raise ServerError("cannot execute UPDATE in a read-only transaction")
    if (rows.epoch, rows.holder) != (values["epoch"], values["region"]):
        return []
    session.change(
        rows._replace(
            renewals=max(rows.renewals + 1, int(values["renewals"])),
            renewed_from=max(rows.renewed_from, float(values["stamp"])),
        )
    )
    return [[1]]


def _open(session: Session, values: Mapping[str, Any]) -> list[list[Any]]:
    rows, epoch = session.rows, int(values["epoch"])
    if rows.epoch < epoch or (rows.epoch == epoch and rows.holder == values["nobody"]):
        session.change(
            rows._replace(
                epoch=epoch,
                holder=str(values["region"]),
                renewals=rows.renewals + 1,
                renewed_from=float(values["stamp"]),
            )
        )
    elif session.server.in_recovery:
        raise ServerError("cannot execute UPDATE in a read-only transaction")
    return []


def _fence(session: Session, values: Mapping[str, Any]) -> list[list[Any]]:
    rows, epoch = session.rows, int(values["epoch"])
    if session.server.in_recovery:
        raise ServerError("cannot execute UPDATE in a read-only transaction")
    if rows.epoch < epoch:
        session.change(
            rows._replace(epoch=epoch, holder=str(values["nobody"]), renewals=rows.renewals + 1)
        )
    return []


def _applied(session: Session, values: Mapping[str, Any]) -> list[list[Any]]:
    return [[session.rows.applied.get(str(values["origin"]))]]


def _progress(session: Session, values: Mapping[str, Any]) -> list[list[Any]]:
    region, rows = str(values["region"]), session.rows
    beat = rows.heartbeats.get(region)
    age = None if beat is None else session.server.clock() - beat[1]
    return [[age, rows.applied.get(region)]]


def _heartbeat_epoch(session: Session, values: Mapping[str, Any]) -> list[list[Any]]:
    found = session.rows.heartbeats.get(str(values["region"]))
    young = found is not None and found[1] > session.server.clock() - float(values["seconds"])
    return [[found[0] if found is not None and young else None]]


def _authority(session: Session, _values: Mapping[str, Any]) -> list[list[Any]]:
    rows, server = session.rows, session.server
    age = server.clock() - rows.renewed_from
    return [[rows.epoch, rows.holder, rows.renewals, age, server.in_recovery]]


def _nothing(_session: Session, _values: Mapping[str, Any]) -> list[list[Any]]:
    return []


def _begin(session: Session, _values: Mapping[str, Any]) -> list[list[Any]]:
    session.begin()
    return []


def _commit(session: Session, _values: Mapping[str, Any]) -> list[list[Any]]:
    session.commit()
    return []


def _lock(session: Session, _values: Mapping[str, Any]) -> list[list[Any]]:
    session.server.lock_exclusive(session)
    return [[""]]


def _shared_lock(session: Session, _values: Mapping[str, Any]) -> list[list[Any]]:
    session.server.lock_shared(session)
    return [[""]]


STATEMENTS: dict[str, Callable[[Session, Mapping[str, Any]], list[list[Any]]]] = {
    "BEGIN": _begin,
    "COMMIT": _commit,
    "SET LOCAL lock_timeout = '8s'": _nothing,
    "SELECT pg_advisory_xact_lock(cast(:key AS bigint))": _lock,
    "SELECT clock_timestamp()::text": _clock,
    "SELECT epoch, holder, pg_is_in_recovery(), "
    "extract(epoch FROM clock_timestamp() - renewed_from) FROM authority": _view,
    "SELECT epoch, holder FROM authority": _epoch_and_holder,
    "UPDATE authority SET renewals = greatest(renewals + 1, :renewals), "
    "renewed_from = greatest(renewed_from, cast(:stamp AS timestamptz)) "
    "WHERE epoch = :epoch AND holder = :region RETURNING 1": _bump,
    "SELECT extract(epoch FROM max(born)) FROM applied_marker WHERE origin = :origin": _applied,
    "SELECT (SELECT extract(epoch FROM clock_timestamp() - max(at)) FROM heartbeat "
    "WHERE region = :region), "
    "(SELECT extract(epoch FROM max(born)) FROM applied_marker WHERE origin = :region)": _progress,
    "UPDATE authority SET epoch = :epoch, holder = :region, renewals = renewals + 1, "
    "renewed_from = cast(:stamp AS timestamptz), opened_at = clock_timestamp() "
    "WHERE epoch < :epoch OR (epoch = :epoch AND holder = :nobody)": _open,
    "UPDATE authority SET epoch = :epoch, holder = :nobody, renewals = renewals + 1, "
    "opened_at = clock_timestamp() WHERE epoch < :epoch": _fence,
    "SELECT max(epoch) FROM heartbeat WHERE region = :region "
    "AND at > clock_timestamp() - make_interval(secs => :seconds)": _heartbeat_epoch,
    READ_AUTHORITY: _authority,
    APPLIER_LOCK: _shared_lock,
}
"""What each statement of `RegionDatabase` and of the serving guard means, by its exact text."""
