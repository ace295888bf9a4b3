"""The event applier's database, replaced whole: what `store.py` and the reads of `positions.py` do with it.

Its statements are not run here; `tests/integration/datapath/test_path_twins.py` holds the twin against them
on PostgreSQL. Replication is asynchronous and in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import psycopg

from lifeline.lambdas.failover.breaker import Breaker
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.lineage import Lineage
from lifeline.lambdas.failover.markers import Pair
from lifeline.services.event_applier.batch import Batch, LogRecord, Place
from lifeline.services.event_applier.positions import AppliedMarker, OwnPosition, Stream
from lifeline.services.event_applier.store import Applied, NotServing
from lifeline.services.shared.serving_guard import AuthorityRow, Permission, ServingGuard
from simulator.network import Network, NoAnswer, Refused

CALL_SECONDS = 5.0
KEPT_DAYS = 35
DAYS_BACK, DAYS_AHEAD = 36, 2
DAY_SECONDS = 86_400.0
EventKey = tuple[str, str]
"""When it occurred, its id: what makes an event one."""


class Event(NamedTuple):
    """A stored event. `apply_no`: its place in the order of storing."""

    patient: str
    sequence: int
    value: bytes
    pair: Pair
    shard_sequence: int
    place: Place
    apply_no: int


@dataclass
class Aggregate:
    """The newest event of a patient, and how many there are."""

    sequence: int
    newest: tuple[int, str, str]
    events: int


class Mark(NamedTuple):
    """An applied marker; None for both: declared, not met. `declared_at`: epoch seconds."""

    sequence: int | None
    record_time_ms: int | None
    declared_at: float


class Authority(NamedTuple):
    """`renewed_at`: epoch seconds."""

    epoch: int = 0
    holder: str = ""
    renewals: int = 0
    renewed_at: float = 0.0


_EPOCH = date(1970, 1, 1).toordinal()
Change = Callable[["Rows"], None]


class Rows:
    """The tables."""

    def __init__(self) -> None:
        self.authority = Authority()
        self.events: dict[EventKey, Event] = {}
        self.unexpected: dict[tuple[EventKey, bytes], Event] = {}
        self.aggregates: dict[str, Aggregate] = {}
        self.marks: dict[tuple[Place, Pair], Mark] = {}
        self.positions: dict[Place, tuple[str, int, int]] = {}
        """Topic's id, epoch, next offset."""
        self.parents: dict[Pair, tuple[tuple[str, ...], float]] = {}
        """With when it was declared."""
        self.days: set[int] = set()
        """The daily partitions, by days since 1970."""
        self.in_default = 0
        """Events without a partition of their day (C3)."""


class Server:
    """One server. Each commit is a change of the rows, which its replica makes, too, a little later."""

    def __init__(self, region: str, clock: Callable[[], float]) -> None:
        self.region, self.clock = region, clock
        self.up, self.in_recovery = True, False
        self.rows = Rows()
        self.changes: list[Change] = []
        self.branch = object()
        """Of the history: another one after a promotion."""

    def commit(self, change: Change) -> None:
        self.changes.append(change)
        change(self.rows)

    def follow(self, writer: Server) -> None:
        """A replica makes the changes that it lacks."""
        self.branch = writer.branch
        for change in writer.changes[len(self.changes) :]:
            self.commit(change)

    def rebuilt(self) -> None:
        """Empty: a replica that is made anew."""
        self.rows, self.changes, self.in_recovery = Rows(), [], True
        self.branch = object()

    def authority(self) -> AuthorityRow:
        told = self.rows.authority
        age = self.clock() - told.renewed_at
        return AuthorityRow(told.epoch, told.holder, told.renewals, age, self.in_recovery)

    def set_authority(self, changed: Authority) -> None:
        def write(rows: Rows) -> None:
            rows.authority = changed

        self.commit(write)

    def renew(self) -> None:
        held = self.rows.authority
        self.set_authority(held._replace(renewals=held.renewals + 1, renewed_at=self.clock()))


class Answer:
    """What a statement gave."""

    def fetchone(self) -> tuple[bool]:
        return (False,)


class Session:
    """What `connect` returns."""

    def __init__(self, server: Server, network: Network | None) -> None:
        self.server, self._network = server, network

    def call(self, work: Callable[[], Any]) -> Any:
        """A round trip. Raises psycopg.OperationalError."""
        if not self.server.up:
            raise psycopg.OperationalError("the server is down")
        if self._network is None:
            return work()
        try:
            return self._network.call(self.server.region, "postgresql", CALL_SECONDS, work)
        except (NoAnswer, Refused) as error:
            raise psycopg.OperationalError(str(error)) from error

    def execute(self, statement: bytes | str) -> Answer:
        """`extend_event_partitions`, `forget_old_shards` and what is set around them.

        To whatever it is asked it says no: there are no tables for days that were detached (B22).
        """
        now = self.server.clock()
        change = {
            b"SELECT extend_event_partitions()": extending(now),
            b"SELECT forget_old_shards()": _forgetting(now),
        }.get(statement.encode() if isinstance(statement, str) else statement)
        if change is not None:
            self.call(lambda: self.server.commit(change))
        return Answer()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield

    def close(self) -> None:
        return


class StoreTwin:
    """`store.Store` with the same methods."""

    def __init__(
        self,
        connection: Session,
        region: str,
        guard: ServingGuard,
        clock: Clock = SYSTEM_CLOCK,
        breaker: Breaker | None = None,
    ) -> None:
        self._session, self._guard, self._clock = connection, guard, clock
        self._breaker = breaker

    def read_authority(self) -> AuthorityRow:
        found: AuthorityRow = self._session.call(self._session.server.authority)
        return found

    def apply(
        self,
        batch: Batch,
        *,
        heartbeat: bool,
        positions: Sequence[OwnPosition] = (),
        plain: bool = False,
    ) -> Applied:
        """Raises NotServing, psycopg.Error. It keeps no vital signs, so that none are left out (`plain`)."""
        server = self._session.server
        permission = self._guard.judge(self.read_authority(), self._clock.monotonic())
        self._require(permission)
        if not batch.lines and not batch.markers and not positions:
            return Applied(0, 0, self._guard.epoch)
        epoch = self._guard.epoch
        change = _Applying(batch, positions, epoch, server.clock())

        def commit() -> None:
            # The lock of C1: an epoch that changed since waits for this transaction, so it ends it.
            if server.rows.authority.epoch != epoch or server.in_recovery:
                raise psycopg.OperationalError("the transaction was ended")
            server.commit(change)

        self._session.call(commit)
        return Applied(
            change.inserted,
            len(batch.lines) - change.inserted - change.unexpected,
            epoch,
            change.unexpected,
        )

    def publish(self, _send: Callable[[Any], None]) -> int:
        """The worlds have no row that the database refuses."""
        return 0

    @staticmethod
    def _require(permission: Permission) -> None:
        if permission.new_epoch or not permission.may_serve:
            raise NotServing(permission.reason, new_epoch=permission.new_epoch)


class _Applying:
    """One transaction as a change; `inserted` and `unexpected` say what it did where it was made first."""

    def __init__(
        self, batch: Batch, positions: Sequence[OwnPosition], epoch: int, now: float
    ) -> None:
        self._batch, self._positions, self._epoch, self._now = batch, positions, epoch, now
        # The replica makes the same change: what the batch's markers come to is read once.
        self._declared, self._parents = batch.declared(), batch.parents()
        self._markers = batch.last_markers()
        self.inserted = self.unexpected = 0

    def __call__(self, rows: Rows) -> None:
        self.inserted = self.unexpected = 0
        for record, envelope in zip(self._batch.events, self._batch.envelopes, strict=True):
            told = {name: value.decode() for name, value in record.headers}
            self._insert(rows, (envelope.occurredOn, envelope.eventId), record, told, envelope)
        self._mark(rows)
        for one in self._positions:
            held = rows.positions.get(one.place)
            if held is None or held[:2] != (one.log_id, self._epoch) or held[2] < one.following:
                rows.positions[one.place] = (one.log_id, self._epoch, one.following)

    def _insert(
        self, rows: Rows, key: EventKey, record: LogRecord, told: Mapping[str, str], envelope: Any
    ) -> None:
        made = Event(
            envelope.aggregateId,
            envelope.sequence,
            record.value,
            Pair(told["origin"], told["incarnation"], told["shard"]),
            int(told["sequence"]),
            (record.topic, record.partition),
            len(rows.events),
        )
        met = rows.events.get(key)
        if met is not None:
            if met.value != made.value:
                rows.unexpected.setdefault((key, made.value), made)
                self.unexpected += 1
            return
        rows.events[key] = made
        self.inserted += 1
        rows.in_default += datetime.fromisoformat(key[0]).toordinal() - _EPOCH not in rows.days
        newest = (made.sequence, *key)
        held = rows.aggregates.get(made.patient)
        if held is None:
            rows.aggregates[made.patient] = Aggregate(made.sequence, newest, 1)
        else:
            held.newest = max(held.newest, newest)
            held.sequence = held.newest[0]
            held.events += 1

    def _mark(self, rows: Rows) -> None:
        for key in self._declared:
            if key not in rows.marks:
                rows.marks[key] = Mark(None, None, self._now)
        for key, seen in self._markers.items():
            held = rows.marks.get(key)
            if held is None or held.sequence is None or held.sequence < seen.marker.sequence:
                declared = self._now if held is None else held.declared_at
                rows.marks[key] = Mark(seen.marker.sequence, seen.record_time_ms, declared)
        for pair, its in self._parents.items():
            known = rows.parents.get(pair)
            if known is None or len(known[0]) < len(its):
                rows.parents[pair] = (its, self._now if known is None else known[1])


def extending(now: float) -> Change:
    """`extend_event_partitions` of migration 0002."""
    today = int(now // DAY_SECONDS)

    def extend(rows: Rows) -> None:
        rows.days |= set(range(today - DAYS_BACK, today + DAYS_AHEAD + 1))

    return extend


def _forgetting(now: float) -> Change:
    """`forget_old_shards` of migration 0008."""
    oldest = now - KEPT_DAYS * DAY_SECONDS

    def forget(rows: Rows) -> None:
        for key, mark in list(rows.marks.items()):
            if max((mark.record_time_ms or 0) / 1_000, mark.declared_at) < oldest:
                del rows.marks[key]
        held = {(pair.origin, pair.incarnation, pair.shard) for _, pair in rows.marks}
        for pair, (parents, declared_at) in list(rows.parents.items()):
            named = {(pair.origin, pair.incarnation, one) for one in (pair.shard, *parents)}
            if declared_at < oldest and not named & held:
                del rows.parents[pair]

    return forget


def read_applied(connection: Session, place: Place) -> list[AppliedMarker]:
    """`positions.read_applied`."""

    def read() -> list[AppliedMarker]:
        return [
            AppliedMarker(pair, mark.sequence, mark.record_time_ms)
            for (where, pair), mark in connection.server.rows.marks.items()
            if where == place
        ]

    found: list[AppliedMarker] = connection.call(read)
    return found


def read_lineages(connection: Session) -> dict[Stream, Lineage]:
    """`positions.read_lineages`."""

    def read() -> dict[Stream, Lineage]:
        found: dict[Stream, dict[str, tuple[str, ...]]] = {}
        for pair, (parents, _) in connection.server.rows.parents.items():
            found.setdefault((pair.origin, pair.incarnation), {})[pair.shard] = parents
        return {stream: Lineage.restored(body) for stream, body in found.items()}

    answer: dict[Stream, Lineage] = connection.call(read)
    return answer


def read_own_positions(
    connection: Session, epoch: int, log_ids: Mapping[str, str]
) -> dict[Place, int]:
    """`positions.read_own_positions`."""

    def read() -> dict[Place, int]:
        return {
            place: following
            for place, (log_id, written, following) in connection.server.rows.positions.items()
            if written == epoch and log_ids.get(place[0]) == log_id
        }

    found: dict[Place, int] = connection.call(read)
    return found
