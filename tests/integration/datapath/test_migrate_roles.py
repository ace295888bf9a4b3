"""The migrations' admin lets the workloads' users in, and with no more than rows (least privilege)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from lifeline.lambdas.contracts.database import DatabaseAddress, archive_user
from lifeline.lambdas.failover.archive_request import END_RESTORE, Request
from lifeline.services.archiver import accept_gap
from lifeline.services.archiver.restore_database import ADVANCE
from lifeline.services.event_applier.store import Store
from lifeline.services.shared.database import connect
from lifeline.services.shared.serving_guard import ServingGuard
from tests.integration.datapath.applying import HOME
from tests.integration.datapath.test_vital_signs import apply, rate
from tests.integration.datapath.workload_users import WORKLOAD, let_in

pytestmark = pytest.mark.postgres
Sql = Callable[..., list[Any]]
GAP = ("2026-10-13", "t", 0, "o", "i", "s", 1, 2, "ann", "looked")


@pytest.fixture(name="users")
def _users(database: DatabaseAddress, sql: Sql) -> Iterator[None]:
    """As `lifeline migrate` leaves them, run twice."""
    with let_in(database), let_in(database, again=True):
        yield


@pytest.fixture
def workload(database: DatabaseAddress, users: None) -> Iterator[psycopg.Connection[Any]]:
    with connect(replace(database, user=WORKLOAD), purpose="test") as one:
        yield one


@pytest.fixture
def persons(database: DatabaseAddress, users: None) -> Iterator[psycopg.Connection[Any]]:
    """What the archive's one-off task signs in as, for a person's command."""
    with connect(replace(database, user=archive_user(WORKLOAD)), purpose="test") as one:
        yield one


def test_the_workloads_user_may_apply_but_not_change_the_schema(
    workload: psycopg.Connection[Any],
) -> None:
    assert workload.execute("SELECT count(*) FROM event").fetchone() is not None
    workload.execute("UPDATE authority SET renewals = renewals")
    workload.execute("SELECT extend_event_partitions(0, 4)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        workload.execute("DROP TABLE heartbeat")


@pytest.mark.parametrize(
    "statement",
    [
        accept_gap.ACCEPT.replace("%s", "{}").format(*map(repr, GAP)),
        "UPDATE accepted_gap SET until = until + 1",
        "DELETE FROM accepted_gap",
        ADVANCE.replace("%s", "{}").format("'t'", 0, "'r'", "'l'", 5, 0),
        "UPDATE archive_restore SET ended_at = now()",
        "SELECT end_archive_restore('nobody', 'because')",
        f"SET ROLE {WORKLOAD}_archive",
    ],
)
def test_no_workload_decides_what_is_a_persons(
    workload: psycopg.Connection[Any], statement: str
) -> None:
    """A gap of the archive lets days leave the database, an open restore keeps them."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        workload.execute(statement.encode())
    assert workload.execute("SELECT count(*) FROM accepted_gap").fetchone() == (0,)
    assert workload.execute("SELECT count(*) FROM archive_restore").fetchone() == (0,)


def test_a_persons_task_accepts_a_gap_restores_and_ends_the_restore(
    persons: psycopg.Connection[Any], serve_here: Callable[..., None], sql: Sql
) -> None:
    serve_here()
    persons.execute(accept_gap.ACCEPT, GAP)
    guard = ServingGuard(HOME, 20.0)
    guard.epoch = 1
    assert apply(Store(persons, HOME, guard), rate(1, 61)).inserted == 1
    persons.execute("SELECT extend_event_partitions(0, 4)")
    persons.execute(ADVANCE, ("t", 0, "r", "l", 5, 0))
    end = Request(run="r", do=END_RESTORE, until_ms=1, who="ann", why="compared")
    assert accept_gap.end_restore(persons, end)["ended"]
    assert sql("SELECT who, why FROM accepted_gap") == [("ann", "looked")]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        persons.execute("UPDATE accepted_gap SET who = 'another'")  # it is kept as proof
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        persons.execute("DROP TABLE heartbeat")


def test_hosts_are_tried_in_order(database: DatabaseAddress) -> None:
    """An unpromoted member's writer endpoint does not resolve; its reader endpoint answers."""
    both = replace(database, host=f"writer.invalid,{database.host}")
    with connect(both, purpose="test") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError):
        connect(replace(database, host="writer.invalid"), purpose="test")
