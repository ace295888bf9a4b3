"""The writer's guard that `lifeline authority schema` prints, in a database of somebody else (A1, A16, C1).

As the user that it names, who owns nothing: what the guard needs must be in the grants.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lifeline.cli.authority_schema import authority_schema
from lifeline.cli.failure import BadInput
from lifeline.lambdas.adapters.region_database import RegionDatabase
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.protocol import LEASE_TTL_SECONDS, TRANSACTION_TIMEOUT_SECONDS
from tests.integration.datapath.engines import hot_standby, postgres, until
from tests.support.certificates import ca_file

HOME, RECOVERY = "ca-central-1", "ca-west-1"
REFUSED = "LL001"
Connect = Callable[..., psycopg.Connection[Any]]


def as_owner(server: DatabaseAddress, database: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=server.host, port=server.port, dbname=database, user="lifeline", autocommit=True
    )


@pytest.fixture(scope="module")
def vitals(database: DatabaseAddress) -> Iterator[DatabaseAddress]:
    """Another database of the session's server, with the failover's tables and one of its own."""
    with as_owner(database, "lifeline") as one:
        one.execute("CREATE ROLE vitals LOGIN")
        one.execute("CREATE DATABASE vitals")
    with as_owner(database, "vitals") as one:
        one.execute(authority_schema("vitals").encode())
        one.execute("CREATE TABLE reading (id integer PRIMARY KEY)")
        one.execute("GRANT SELECT, INSERT ON reading TO vitals")
    yield replace(database, name="vitals", user="vitals")
    with as_owner(database, "lifeline") as one:
        one.execute("DROP DATABASE vitals WITH (FORCE)")
        one.execute("DROP ROLE vitals")


@pytest.fixture
def connect(vitals: DatabaseAddress) -> Iterator[Connect]:
    """Connections of the application's writers; its tables are empty and home holds a fresh renewal."""
    opened: list[psycopg.Connection[Any]] = []

    def one(port: int = vitals.port) -> psycopg.Connection[Any]:
        made = psycopg.connect(
            host=vitals.host, port=port, dbname="vitals", user="vitals", autocommit=True
        )
        opened.append(made)
        return made

    with as_owner(vitals, "vitals") as owner:
        owner.execute("TRUNCATE reading")
    hold(one(), HOME, 1)
    yield one
    for connection in opened:
        connection.close()


def hold(
    connection: psycopg.Connection[Any], holder: str, epoch: int, renewed_ago: float = 0
) -> None:
    """The row as a keeper leaves it, with the rights that the application's user has."""
    connection.execute(
        "UPDATE authority SET holder = %s, epoch = %s, "
        "renewed_from = clock_timestamp() - make_interval(secs => %s)",
        (holder, epoch, renewed_ago),
    )


def may_write(connection: psycopg.Connection[Any], region: str | None = HOME) -> int:
    row = connection.execute("SELECT require_authority(%s)", (region,)).fetchone()
    assert row is not None
    return int(row[0])


def says(connection: psycopg.Connection[Any], region: str | None) -> tuple[Any, ...]:
    row = connection.execute("SELECT * FROM authority_of(%s)", (region,)).fetchone()
    assert row is not None
    return tuple(row)


def write(
    connection: psycopg.Connection[Any],
    *,
    level: str = "READ COMMITTED",
    then: Callable[[], object] = lambda: None,
) -> None:
    """A writer's transaction: ask, write, do something else, commit."""
    with connection.transaction():
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
        may_write(connection)
        connection.execute("INSERT INTO reading VALUES (1)")
        then()


def written(connection: psycopg.Connection[Any]) -> bool:
    return connection.execute("SELECT count(*) FROM reading").fetchone() == (1,)


def test_the_holder_writes_and_is_told_its_epoch(connect: Connect) -> None:
    writer = connect()
    assert may_write(writer) == 1
    assert says(writer, HOME) == (True, 1, "")


@pytest.mark.parametrize(
    ("holder", "renewed_ago", "reason"),
    [
        (RECOVERY, 0, f"the holder is {RECOVERY}"),
        ("", 0, "the holder is nobody"),
        (
            HOME,
            LEASE_TTL_SECONDS,
            f"the last renewal is older than {LEASE_TTL_SECONDS} s",
        ),
    ],
)
def test_nobody_else_writes_and_the_reason_is_said(
    connect: Connect, holder: str, renewed_ago: float, reason: str
) -> None:
    writer = connect()
    hold(writer, holder, 2, renewed_ago)
    with pytest.raises(psycopg.Error, match=f"{HOME} may not write: {reason}") as refused:
        may_write(writer)
    assert refused.value.sqlstate == REFUSED
    assert says(writer, HOME) == (False, 2, reason)


def test_a_refused_transaction_writes_nothing(connect: Connect) -> None:
    writer = connect()
    hold(writer, RECOVERY, 2)
    with pytest.raises(psycopg.Error, match="may not write"):
        write(writer)
    assert not written(writer)


@pytest.mark.parametrize("region", [None, ""])
@pytest.mark.parametrize("holder", [HOME, ""])
def test_a_writer_that_names_no_region_never_writes(
    connect: Connect, region: str | None, holder: str
) -> None:
    """A variable that is not set must not be taken for the holder, nor for the nobody of a fence (A16)."""
    writer = connect()
    hold(writer, holder, 2)
    with pytest.raises(psycopg.Error, match="may not write: the writer names no region"):
        may_write(writer, region)
    assert says(writer, region) == (False, 2, "the writer names no region")


def test_without_a_row_nobody_writes(connect: Connect, vitals: DatabaseAddress) -> None:
    """As in a database whose row was deleted by hand."""
    writer = connect()
    with as_owner(vitals, "vitals") as owner:
        owner.execute("CREATE TABLE kept AS SELECT * FROM authority")
        owner.execute("DELETE FROM authority")
        try:
            with pytest.raises(psycopg.Error, match="there is no authority row"):
                may_write(writer)
        finally:
            owner.execute("INSERT INTO authority SELECT * FROM kept")
            owner.execute("DROP TABLE kept")


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_an_old_snapshot_proves_nothing(connect: Connect, level: str) -> None:
    writer = connect()
    with pytest.raises(
        psycopg.Error, match="needs a transaction that is read committed"
    ) as refused:
        write(writer, level=level)
    assert refused.value.sqlstate == REFUSED


def test_a_new_epoch_waits_for_every_writer_of_the_old_one(
    connect: Connect, vitals: DatabaseAddress
) -> None:
    """C1: what was allowed at epoch 1 is committed before epoch 2 opens, and the next one is refused."""
    writer, late, order = connect(), connect(), []
    plan = RegionDatabase(replace(vitals, region=RECOVERY))

    def open_next() -> None:
        plan.open_epoch(region=RECOVERY, epoch=2, renewed_from=plan.clock())
        order.append("opened")

    opening = threading.Thread(target=open_next)

    def while_it_waits() -> None:
        opening.start()
        until("the plan waiting for the lock", lambda: waiting(late))
        order.append("written")

    write(writer, then=while_it_waits)
    opening.join(timeout=20)
    plan.close()
    assert order == ["written", "opened"]
    assert written(late)
    with pytest.raises(psycopg.Error, match=f"the holder is {RECOVERY}"):
        may_write(late)
    assert may_write(late, RECOVERY) == 2


def waiting(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    ).fetchone()
    return row == (1,)


@pytest.mark.parametrize("own", ["", "1min"])
def test_a_transaction_ends_while_its_permission_still_holds(connect: Connect, own: str) -> None:
    """A1: margin counts on the transaction's time-out, so a writer that hangs must not commit later.

    Also one whose session has a longer time-out of its own, which runs already.
    """
    writer, began = connect(), time.monotonic()
    if own:
        writer.execute(f"SET transaction_timeout = '{own}'".encode())
    too_long = TRANSACTION_TIMEOUT_SECONDS + 10
    with pytest.raises(psycopg.Error, match="transaction timeout"):
        write(writer, then=lambda: writer.execute("SELECT pg_sleep(%s)", (too_long,)))
    assert time.monotonic() - began < too_long
    assert not written(connect())


def test_a_slow_transaction_does_not_commit_after_a_savepoint_switched_the_limit_off(
    connect: Connect,
) -> None:
    """Insert or ignore, in a nested transaction: after ROLLBACK TO the server's own limit is gone (A1)."""
    writer = connect()
    writer.execute("INSERT INTO reading VALUES (2)")

    def ignore_then_hang() -> None:
        with contextlib.suppress(psycopg.errors.UniqueViolation), writer.transaction():
            writer.execute("INSERT INTO reading VALUES (2)")
        # Each statement is short, and no pause is long.
        for _ in range(3):
            writer.execute("SELECT pg_sleep(%s)", (TRANSACTION_TIMEOUT_SECONDS / 2,))

    with pytest.raises(psycopg.Error, match="a transaction commits within 5 s") as refused:
        write(writer, then=ignore_then_hang)
    assert refused.value.sqlstate == REFUSED
    assert connect().execute("SELECT id FROM reading").fetchall() == [(2,)]


def test_who_asks_again_may_go_on(connect: Connect) -> None:
    """A long transaction in parts: the last time that it asked counts, and the limit starts anew."""
    writer = connect()

    def in_parts() -> None:
        for _ in range(2):
            writer.execute("SELECT pg_sleep(%s)", (TRANSACTION_TIMEOUT_SECONDS * 0.6,))
            may_write(writer)

    write(writer, then=in_parts)
    assert written(connect())


def test_no_session_leaves_a_row(connect: Connect) -> None:
    """A function connects anew for each batch: a row for each would grow with the number of processes."""
    for _ in range(3):
        writer = connect()
        for _ in range(20):
            may_write(writer)
    assert rows_asked(writer) == 0


def rows_asked(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT count(*) FROM authority_asked").fetchone()
    assert row is not None
    return int(row[0])


def test_two_phase_commit_is_refused(tmp_path: Path) -> None:
    """A prepared transaction would keep the lock, and commit whenever somebody says so."""
    with postgres(tmp_path / "prepared", max_prepared_transactions=1) as port:
        here = DatabaseAddress("127.0.0.1", port, "lifeline", "lifeline", "none", HOME, ca_file())
        with as_owner(here, "lifeline") as owner:
            owner.execute("CREATE ROLE vitals LOGIN")
            owner.execute(authority_schema("vitals").encode())
            with pytest.raises(psycopg.Error, match="needs max_prepared_transactions = 0"):
                may_write(owner)


def test_a_replica_never_serves(connect: Connect, vitals: DatabaseAddress, tmp_path: Path) -> None:
    """A16: a row that names the recovery region replicates to the other side, too."""
    hold(connect(), RECOVERY, 2)
    with hot_standby(tmp_path / "standby", writer=vitals.port) as port:
        until("the replica answering", lambda: answers(connect, port))
        replica = connect(port)
        until("the row on the replica", lambda: says(replica, RECOVERY)[1] == 2)
        assert says(replica, RECOVERY) == (False, 2, "this server is a replica")
        with pytest.raises(psycopg.Error, match="this server is a replica"):
            may_write(replica, RECOVERY)


def answers(connect: Connect, port: int) -> bool:
    try:
        connect(port)
    except psycopg.Error:
        return False
    return True


@pytest.mark.parametrize("name", ["", "a b", "Vitals", "x; DROP TABLE authority", "1st", "é" * 3])
def test_a_name_that_needs_quotes_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="is no user: a lower-case letter"):
        authority_schema(name)
